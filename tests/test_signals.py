"""Samples of fresh networks: drawn as Keras draws, kept with the lab, and intervals that spare the right."""

import json
import os
import shutil

import attrs
import numpy as np
import pytest
from networks_by_hand import dense_model, scaling
from scipy import stats

from autograder import calibrate as calibrating
from autograder.calibrate import calibrate
from autograder.checks.structure import graph_of
from autograder.data import load
from autograder.errors import LabProblem
from autograder.labs import find_lab
from autograder.networks.drawing import draw_weights
from autograder.networks.records import UnsupportedModel
from autograder.signals import FEWEST, RISK, Signals, _interval, add_signals, read_signals, signals_of

LABS = [lab for lab in [find_lab("selu")] if any(task.fresh for task in lab.tasks)]
WAYS = [(scale, distribution) for scale in (1.0, 2.0) for distribution in
        ("truncated_normal", "untruncated_normal", "uniform")]  # fmt: skip


def signals(n=FEWEST, value=1.0):
    """Samples that are all alike."""
    return Signals(first=(value,) * n, last=(value,) * n, last_repeated=(value,) * n)


class TestDrawing:
    """Fresh weights."""

    @pytest.mark.parametrize(("scale", "distribution"), WAYS)
    def test_as_keras_draws(self, scale, distribution):
        """Deviation and extremes are those of Keras's own initialiser."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        keras = pytest.importorskip("keras")
        initialiser = keras.initializers.VarianceScaling(scale, "fan_in", distribution, seed=1)
        theirs = np.asarray(initialiser((300, 200)))
        graph = graph_of(dense_model(300, (200, 2), "selu", initialiser=scaling(scale, distribution)))
        ours = draw_weights(graph, np.random.default_rng(0))["dense_0"][0]

        assert abs(ours.std() / theirs.std() - 1) < 0.02
        assert abs(float(ours.mean())) < 0.02 * theirs.std()
        if distribution != "untruncated_normal":
            assert abs(np.abs(ours).max() / np.abs(theirs).max() - 1) < 0.01

    def test_repeated(self):
        """Layers of one shape share a kernel where they should, and only there."""
        graph = graph_of(dense_model(5, (5, 5, 4, 4), "selu"))
        apart, same = (draw_weights(graph, np.random.default_rng(0), repeated=one) for one in (False, True))

        assert not np.array_equal(apart["dense_0"][0], apart["dense_1"][0])
        assert np.array_equal(same["dense_0"][0], same["dense_1"][0])
        assert (5, 4) == same["dense_2"][0].shape
        assert not same["dense_2"][1].any()

    def test_what_cannot_be_drawn(self):
        """An initialiser of another kind is refused by name."""
        graph = graph_of(dense_model(5, (5, 4), "selu", initialiser="orthogonal"))

        with pytest.raises(UnsupportedModel, match=r"orthogonal .* cannot be drawn here"):
            draw_weights(graph, np.random.default_rng(0))


class TestInterval:
    """What follows from samples."""

    @pytest.mark.parametrize("n", [200, 500])
    def test_of_a_normal_logarithm(self, n):
        """Where logarithms are normal, a further value is outside an end once in 10,000, or less often."""
        rng = np.random.default_rng(n)
        risks = []
        for _ in range(50):
            low, high = _interval(tuple(np.exp(rng.normal(0.1, 0.05, n))))
            risks += [stats.norm.cdf(np.log(low), 0.1, 0.05), stats.norm.sf(np.log(high), 0.1, 0.05)]

        assert np.mean(risks) < RISK

    def test_heavier_tails_make_it_wider(self):
        """Samples that stray further than normal ones are given more room, at the same deviation."""
        rng = np.random.default_rng(0)
        light, heavy = rng.normal(0, 1, 500), rng.standard_t(5, 500)
        widths = [np.log(np.divide(*_interval(tuple(np.exp(0.05 * x / x.std()))))) for x in (light, heavy)]

        assert widths[1] < 1.1 * widths[0] < 0

    def test_a_skewed_side_is_given_its_own_room(self):
        """Where samples stray further upwards, so does the upper end, and not the lower one."""
        rng = np.random.default_rng(0)
        strays = np.abs(rng.normal(0, 0.05, 1000)) * np.where(rng.random(1000) < 0.5, 3, -1)
        low, high = np.log(_interval(tuple(np.exp(strays))))

        assert -0.4 < low < -0.2
        assert -3.5 * low < 2 * high < -8 * low


class TestFile:
    """`signals.json`."""

    @pytest.fixture
    def lab(self, tmp_path):
        """A lab without samples."""
        return attrs.evolve(LABS[0], folder=tmp_path)

    def test_kept_per_data_set(self, lab):
        """Samples of one data set replace older ones, and leave others alone."""
        for data, value in (("real", 1.0), ("mini", 2.0), ("real", 3.0)):
            add_signals(lab, "net", data, signals(value=value))

        assert signals(value=3.0) == read_signals(lab, "net", "real")
        assert signals(value=2.0) == read_signals(lab, "net", "mini")
        assert read_signals(lab, "other", "real") is None

    def test_too_few(self, lab):
        """Too few samples are the lab's problem."""
        add_signals(lab, "net", "real", signals(FEWEST - 1))

        with pytest.raises(LabProblem, match="too few samples of fresh networks on 'real'"):
            read_signals(lab, "net", "real")

    @pytest.mark.parametrize("text", ["{", "[]", '{"net": {"real": {"first": 1}}}', '{"net": {"real": {}}}'])
    def test_damaged(self, lab, text):
        """A damaged file is the lab's problem, and says where it lies."""
        lab.signals.write_text(text)

        with pytest.raises(LabProblem, match="cannot be read") as caught:
            read_signals(lab, "net", "real")
        assert str(lab.signals) == caught.value.where


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
class TestLabs:
    """Labs whose checks ask for samples."""

    def test_they_are_there(self, lab):
        """As many as `lab.toml` says, on the published data and on the miniature."""
        for identity in (lab.dataset, f"{lab.dataset}-miniature"):
            found = signals_of(lab, identity)
            for task in lab.tasks:
                if task.fresh:
                    kinds = attrs.asdict(found[task.name]).values()
                    assert {task.fresh} == {len(values) for values in kinds}

    def test_calibrating_samples_what_is_missing(self, lab, tmp_path, monkeypatch):
        """A calibration draws samples once, where there is a reference to draw them from."""
        shutil.copytree(
            lab.trained(f"{lab.dataset}-miniature"), tmp_path / "trained" / f"{lab.dataset}-miniature"
        )
        shutil.copy(lab.master, tmp_path)
        few = tuple(attrs.evolve(task, fresh=FEWEST) for task in lab.tasks if task.fresh)
        bare, asked, said = attrs.evolve(lab, folder=tmp_path, tasks=few), [], []

        def sample(graph, task, data, count):
            asked.append((task.name, data.identity, count))
            return signals(count)

        monkeypatch.setattr(calibrating, "sample_signals", sample)
        for _ in range(2):
            calibrate(bare, [], "miniature", say=said.append)

        assert [(task.name, f"{lab.dataset}-miniature", FEWEST) for task in few] == asked
        assert all("signals in" in line for line in said)
        shutil.rmtree(tmp_path / "trained")
        (tmp_path / "signals.json").unlink()
        calibrate(bare, [], "miniature", say=said.append)
        assert "train a reference first" in said[-1]
        assert not (tmp_path / "signals.json").exists()


def test_samples_are_those_of_the_code(tmp_path):
    """The committed samples come from this code: the first of them can be drawn again."""
    from autograder.data import prepare
    from autograder.networks.trained import reference_networks
    from autograder.signals import sample_signals

    lab = LABS[0]
    data = load(prepare(lab.dataset, "miniature"), lab.dataset)
    task = next(task for task in lab.tasks if task.fresh)
    known = signals_of(lab, data.identity)[task.name]
    again = sample_signals(reference_networks(lab, data.identity)[task.name], task, data, 3)

    assert np.allclose(known.first[:3], again.first, atol=2e-4)
    assert np.allclose(known.last_repeated[:3], again.last_repeated, atol=2e-3)
    assert json.loads(lab.signals.read_text())
