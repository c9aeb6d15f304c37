"""What a person should look at: figures beyond honest work, and networks with a common origin."""

import itertools
import json
from types import SimpleNamespace

import attrs
import numpy as np
import pytest

from autograder.calibration import Calibration, Sample
from autograder.checks.accuracy import Reached
from autograder.checks.findings import Finding
from autograder.evidence import Unanswered
from autograder.networks.inference import Evaluation
from autograder.report import print_suspicions
from autograder.suspicion import Suspicion, alone
from autograder.suspicion.likeness import compare, fingerprint, worth_comparing
from autograder.suspicion.records import TRACES, to_json
from autograder.suspicion.together import look_among

SIZES = (784, 100, 100, 100, 10)


def trained(seed):
    """The layers of a network as different seeds lead to: kernels and biases."""
    rng = np.random.default_rng(seed)
    pairs = itertools.pairwise(SIZES)
    return [[rng.normal(size=pair).astype(np.float32), np.zeros(pair[1], np.float32)] for pair in pairs]


def carried_on(layers, step, seed=7):
    """The network after more training: every weight moved by about so much of its size."""
    rng = np.random.default_rng(seed)
    return [[kernel + step * rng.normal(size=kernel.shape), bias] for kernel, bias in layers]


def shuffled(layers, seed=8):
    """The same function with the units of each hidden layer in another order."""
    rng = np.random.default_rng(seed)
    found, before = [], np.arange(SIZES[0])
    for at, (kernel, bias) in enumerate(layers):
        units = kernel.shape[1]
        order = np.arange(units) if at == len(layers) - 1 else rng.permutation(units)
        found.append([kernel[before][:, order], bias[order]])
        before = order
    return found


# ----------------------------------------------------------------------------------------------- two networks


def alike(one, other):
    """How alike two networks are."""
    return compare(fingerprint(one), fingerprint(other))


def test_a_copy_is_alike():
    """A network and its copy correlate fully, unit by unit in place."""
    found = alike(trained(1), trained(1))

    assert found.correlation == pytest.approx(1, abs=1e-5)
    assert not found.reordered


def test_networks_from_other_random_weights_are_strangers():
    """Not even the best matching of units makes two separate networks alike."""
    assert max(alike(trained(1), trained(seed)).correlation for seed in range(2, 8)) < 0.3


def test_a_copy_that_was_trained_on_is_alike():
    """A copy moved by a fifth of its weights' size is still told to be one."""
    found = alike(trained(1), carried_on(trained(1), 0.2))

    assert 0.95 < found.correlation < 0.99
    assert not found.reordered


@pytest.mark.parametrize("step", [0.0, 0.2])
def test_the_order_of_units_hides_no_copy(step):
    """Units in another order, in every hidden layer, are matched again, also after more training."""
    found = alike(trained(1), carried_on(shuffled(trained(1)), step))

    assert 0.95 < found.correlation
    assert found.reordered


def test_strangers_are_told_apart_at_once():
    """Of a class, only pairs of one origin and one size are worth comparing, whatever the order of units."""
    networks = [trained(1), trained(2), shuffled(trained(1)), carried_on(trained(2), 0.2), trained(1)[1:]]

    assert [(0, 2), (1, 3)] == list(worth_comparing([fingerprint(network) for network in networks]))


def test_networks_of_other_sizes_cannot_be_compared():
    """One layer less, and there is nothing to say."""
    assert compare(fingerprint(trained(1)), fingerprint(trained(1)[:-1])) is None


def test_what_has_no_finite_kernel_has_no_fingerprint():
    """A network that exploded, and one without dense layers, are left out."""
    exploded = trained(1)
    exploded[1][0][3, 4] = np.nan

    assert fingerprint(exploded) is None
    assert fingerprint([[np.zeros(4)], []]) is None


@pytest.mark.parametrize(
    "kernel",
    [
        np.zeros((5, 0), np.float32),
        np.zeros((0, 5), np.float32),
        np.zeros((1_000_000, 1), np.float32),
        np.zeros((2, 50_000), np.float32),
        np.full((5, 5), 1e38, np.float32),
        np.full((5, 5), 1e300),
    ],
    ids=["no units", "no inputs", "many inputs", "many units", "large", "too large"],
)
def test_a_hostile_file_costs_nothing(kernel):
    """Sizes and numbers that would fill memory or break the comparison of a class make no fingerprint."""
    assert fingerprint([[kernel]]) is None


def test_layers_without_end_make_no_fingerprint():
    """A file of thousands of tiny layers is left out."""
    assert fingerprint([[np.ones((1, 1), np.float32)]] * 5_000) is None


def test_units_without_weights_can_be_compared():
    """A dead layer of zeros correlates with nothing, and breaks nothing."""
    dead = [[np.zeros((784, 100), np.float32)], [np.zeros((100, 10), np.float32)]]

    assert 0 == alike(dead, dead).correlation
    assert [] == list(worth_comparing([fingerprint(dead), fingerprint(dead)]))


# --------------------------------------------------------------------------------------------------- a class


@pytest.fixture
def hand_in(tmp_path):
    """Write the traces that judging leaves of a submission."""

    def write(name, layers, *, seeds=(42,), suspicions=()):
        (tmp_path / name).mkdir()
        kernels = fingerprint(layers).kernels
        arrays = {f"deep/{at}": kernel.astype(np.float16) for at, kernel in enumerate(kernels)}
        np.savez(tmp_path / name / TRACES[1], **arrays)
        record = {"schema": 1, "seeds": list(seeds), "suspicions": [attrs.asdict(one) for one in suspicions]}
        (tmp_path / name / TRACES[0]).write_text(json.dumps(record))

    write.root = tmp_path
    return write


def found_in(hand_in):
    """What is suspicious in all that was handed in."""
    return look_among(hand_in.root, [path.name for path in hand_in.root.iterdir()])


def test_separate_trainings_raise_no_suspicion(hand_in):
    """Other seeds, and one seed with another recipe, are what a class consists of."""
    hand_in("anna", trained(1), seeds=[1])
    hand_in("ben", trained(2), seeds=[2])
    hand_in("cleo", carried_on(trained(1), 0.2), seeds=[1])

    assert [] == found_in(hand_in)


def test_one_network_under_two_seeds(hand_in):
    """A network that two notebooks with different seeds claim is told with both names and the figure."""
    hand_in("anna", trained(1), seeds=[1])
    hand_in("ben", carried_on(trained(1), 0.2), seeds=[2])
    (found,) = found_in(hand_in)

    assert ("alike", "deep", ("anna", "ben")) == (found.kind, found.model, found.submissions)
    assert "correlate at 0.98" in found.text
    assert "do not set the same seed" in found.text


def test_one_network_without_a_seed(hand_in):
    """Weights drawn by chance do not agree by chance."""
    hand_in("anna", trained(1), seeds=[])
    hand_in("ben", trained(1), seeds=[])

    assert "do not set the same seed" in found_in(hand_in)[0].text


def test_equal_weights_under_one_seed_may_be_honest(hand_in):
    """Who sets the same seed may get the same weights: it is told, and that it may be honest."""
    hand_in("anna", trained(1))
    hand_in("ben", trained(1))

    assert "may lead to this" in found_in(hand_in)[0].text


def test_units_in_another_order_are_told(hand_in):
    """A copy whose units were put into another order is told as that, whatever its seed."""
    hand_in("anna", trained(1))
    hand_in("ben", shuffled(trained(1)))

    assert "another order" in found_in(hand_in)[0].text


def test_a_group_is_told_once(hand_in):
    """Five who share a network are one suspicion with five names, two others another."""
    for name in "abcde":
        hand_in(name, trained(1))
    for name in "xy":
        hand_in(name, trained(2))

    assert [tuple("abcde"), tuple("xy")] == [one.submissions for one in found_in(hand_in)]


def test_what_was_not_judged_is_left_out(hand_in):
    """A submission without traces, such as one that could not be graded, harms nobody."""
    hand_in("anna", trained(1))
    (hand_in.root / "ben").mkdir()

    assert [] == found_in(hand_in)


def test_own_suspicions_come_with_their_name(hand_in):
    """What was suspicious in one submission alone comes first, with whose it is."""
    own = Suspicion(kind="history", model="deep", text="No epoch has that loss.")
    hand_in("anna", trained(1), suspicions=[own])

    assert [attrs.evolve(own, submissions=("anna",))] == found_in(hand_in)


# --------------------------------------------------------------------------------------------- one submission


def evidence_of(monkeypatch, *, validation=0.50, test=0.50, findings=()):
    """Evidence of a network that reaches these accuracies, where the reference reaches 50 %."""
    samples = tuple(
        Sample(
            seed=seed,
            epochs=9,
            seconds=1,
            first_epoch=0.3,
            validation=0.5 + seed / 1000,
            validation_loss=1.4,
            test=0.5 - seed / 1000,
        )
        for seed in range(10)
    )
    result = Reached(
        validation=Evaluation(accuracy=validation, loss=1.4, n=5_000),
        test=Evaluation(accuracy=test, loss=1.4, n=5_000),
        guessing=0.1,
    )
    monkeypatch.setattr(alone, "reached", lambda evidence, model: result)
    monkeypatch.setattr(alone, "check_history_belongs", lambda evidence, model: list(findings))
    return SimpleNamespace(
        tasks={"deep": None},
        calibrated=lambda model: Calibration(samples=samples),
        saved_history=lambda model: {"val_loss": [1.4]},
    )


def test_usual_figures_raise_no_suspicion(monkeypatch):
    """Two points more or less than the reference are nothing."""
    assert [] == alone.look_at(evidence_of(monkeypatch, validation=0.52, test=0.52))


def test_a_network_that_knows_the_test_set(monkeypatch):
    """More on the test set than on the validation set by more than chance allows, with the figures."""
    (found,) = alone.look_at(evidence_of(monkeypatch, validation=0.45, test=0.53))

    assert "test set" == found.kind
    assert "53.0%" in found.text
    assert "8.0 points more, where 10 trainings" in found.text


def test_a_network_beyond_reach(monkeypatch):
    """More than this architecture reaches, on either set."""
    found = alone.look_at(evidence_of(monkeypatch, validation=0.80, test=0.79))

    assert ["beyond reach", "beyond reach"] == [one.kind for one in found]
    assert "80.0%" in found[0].text


def test_a_history_of_another_training(monkeypatch):
    """A history that the weights do not have is told in the words of the check that compares them."""
    finding = Finding(message="no epoch has that loss")
    (found,) = alone.look_at(evidence_of(monkeypatch, findings=[finding]))

    assert ("history", "no epoch has that loss") == (found.kind, found.text)


def test_a_network_that_cannot_be_evaluated(monkeypatch):
    """What has cost its points already is no suspicion."""
    evidence = evidence_of(monkeypatch)

    def refuse(evidence, model):
        raise Unanswered("not submitted")

    monkeypatch.setattr(alone, "reached", refuse)

    assert [] == alone.look_at(evidence)


# --------------------------------------------------------------------------------------------------- showing


def test_suspicions_are_printed_as_plain_text(capsys):
    """Names that students chose do not reach the terminal as commands or markup."""
    from rich.console import Console

    one = Suspicion(kind="alike", model="deep", text="Look.", submissions=("[red]an\x1b[31mna", "ben"))
    print_suspicions([one], Console())
    shown = capsys.readouterr().out

    assert "no point depends on it" in shown
    assert "\x1b" not in shown
    assert "[red]" in shown
    assert "ben: Look." in shown


def test_without_suspicions_nothing_is_printed(capsys):
    """No heading without a line."""
    from rich.console import Console

    print_suspicions([], Console())

    assert "" == capsys.readouterr().out


def test_another_program_can_read_them():
    """`suspicions.json` has kind, model, names and text."""
    one = Suspicion(kind="alike", model="deep", text="Look.", submissions=("anna", "ben"))

    assert [
        {"kind": "alike", "model": "deep", "text": "Look.", "submissions": ["anna", "ben"]}
    ] == json.loads(to_json([one]))["suspicions"]
