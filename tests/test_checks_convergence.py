"""Epochs counted, and conclusions drawn from two trainings: what is caught, and what is left open."""

import importlib.util

import attrs
import numpy as np
import pytest

from autograder.checks import convergence, training
from autograder.evidence import Callback, Evaluation, Evidence, Fit, Unanswered
from autograder.evidence.values import ArrayView, HistoryView
from autograder.labs import find_lab
from autograder.room.collector import ProbeRoom
from autograder.room.describe import Recorder

COUNTING = {
    "first": convergence.check_first_epoch,
    "limit": convergence.check_limit_included,
    "never": convergence.check_never_reached,
}


@pytest.fixture(scope="module")
def probes():
    """The probes of the lab, as a module."""
    spec = importlib.util.spec_from_file_location("lab_probes", find_lab("batch_norm").probes)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def room():
    """Makes a room in which these names are defined."""
    return lambda **names: ProbeRoom(names, Recorder())


# --------------------------------------------------------------------------------- a function that counts


def reach(history, target_loss):
    """The right function."""
    losses = history.history["val_loss"]
    return next((epoch for epoch, loss in enumerate(losses, 1) if loss <= target_loss), None)


def listed(history):
    """The validation losses as a list that can be searched by numbers."""
    return np.array(history.history["val_loss"])


RIGHT = {
    "a generator": reach,
    "NumPy's integers": lambda h, t: np.argmax(listed(h) <= t) + 1 if (listed(h) <= t).any() else None,
    "a whole float": lambda h, t: None if reach(h, t) is None else float(reach(h, t)),
    "Keras's own numbers": lambda h, t: next((n + 1 for n in h.epoch if listed(h)[n] <= t), None),
}
WRONG = {
    "counts from 0": (
        lambda h, t: None if reach(h, t) is None else reach(h, t) - 1,
        "first",
        "one epoch too",
    ),
    "strictly below": (
        lambda h, t: next((n for n, loss in enumerate(listed(h), 1) if loss < t), None),
        "limit",
        "equals the target",
    ),
    "the last": (
        lambda h, t: max((n for n, loss in enumerate(listed(h), 1) if loss <= t), default=None),
        "first",
        "gives the last epoch",
    ),
    "the lowest": (
        lambda h, t: None if reach(h, t) is None else int(listed(h).argmin()) + 1,
        "first",
        "epoch of the lowest",
    ),
    "how many": (
        lambda h, t: None if reach(h, t) is None else int((listed(h) <= t).sum()),
        "first",
        "how many epochs",
    ),
    "every second": (
        lambda h, t: None if reach(h, t) is None else reach(h, t) * 2 - 1,
        "first",
        "another epoch than the first",
    ),
    "the training loss": (
        lambda h, t: next((n for n, loss in enumerate(h.history["loss"], 1) if loss <= t), None),
        "first",
        "looks at the training loss",
    ),
    "an index error": (
        lambda h, t: int(np.flatnonzero(listed(h) <= t)[0]) + 1,
        "never",
        "stops with `IndexError",
    ),
    "minus one": (lambda h, t: reach(h, t) or -1, "never", "gives -1"),
    "an infinity": (lambda h, t: reach(h, t) or float("inf"), "never", "gives inf"),
    "an empty list": (lambda h, t: reach(h, t) or [], "never", "something that is of type list"),
}
USELESS = {
    "above": (
        lambda h, t: next((n for n, loss in enumerate(listed(h), 1) if loss > t), None),
        "is above the target",
    ),
    "nothing": (lambda h, t: None, "gives None for a history that does reach"),
    "a text": (lambda h, t: f"epoch {reach(h, t)}", "something that is of type str"),
    "a truth value": (lambda h, t: reach(h, t) is not None, "something that is of type bool"),
    "half epochs": (lambda h, t: None if reach(h, t) is None else reach(h, t) + 0.5, "of type float"),
    "an error": (lambda h, t: h["val_loss"], "stops with `TypeError"),
}


def answers(probes, room, function):
    """What the probe finds of a function, as evidence would hold it."""
    return [
        {**one, **({"answer": _described(one["answer"])} if "answer" in one else {})}
        for one in probes.epochs_to_targets(room(epochs_to_reach=function))
    ]


def _described(value):
    return value.item() if isinstance(value, np.generic) else value


def failing(found):
    """The checks that find something."""
    return {name for name, check in COUNTING.items() if check(found)}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_count(probes, room, name):
    """However it is written, a function that counts as asked passes."""
    assert set() == failing(answers(probes, room, RIGHT[name]))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_count(probes, room, name):
    """Each misreading fails one check, whose message says what it does."""
    function, check, message = WRONG[name]
    found = answers(probes, room, function)

    assert {check} == failing(found)
    assert message in COUNTING[check](found)[0].message


@pytest.mark.parametrize("name", USELESS)
def test_a_count_that_is_none(probes, room, name):
    """What is wrong for every target that is reached says so."""
    function, message = USELESS[name]
    found = answers(probes, room, function)

    assert message in convergence.check_first_epoch(found)[0].message


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        7,
        [3, None],
        [{"losses": [1.0, 2.0], "training": [1.0, 2.0], "target": "x"}],
        [{"losses": [2.0], "training": [2.0], "target": 3.0}],
        [{"losses": [2.0], "target": 3.0}, {"losses": [2.0], "target": 1.0}],
        [{"losses": [2.0], "training": "low", "target": 1.0}],
    ],
)
@pytest.mark.parametrize("check", COUNTING.values())
def test_damaged_answers(check, found):
    """A record that is none of the probe's cannot be judged."""
    with pytest.raises(Unanswered, match="could not be tried out"):
        check(found)


# ------------------------------------------------------------------------------- conclusions from two runs

NORMALISED = {
    "val_loss": [9.0, 10.0],
    "val_accuracy": [0.09, 0.06],
    "loss": [2.8, 2.4],
    "seconds": [2.0, 1.0],
}
PLAIN = {"val_loss": [3.7, 3.3], "val_accuracy": [0.16, 0.15], "loss": [3.6, 3.4], "seconds": [1.0, 0.5]}
CONCLUDED = {
    "faster_convergence": False,
    "better_model": False,
    "slower_epochs": True,
    "epoch_time_ratio": 2.0,
}
BY_GIVEN = (CONCLUDED | {"faster_convergence": True, "better_model": True}, CONCLUDED)
SOUND = """
ratio = np.median(history.history["seconds"]) / np.median(history_plain.history["seconds"])
comparison = {
    "faster_convergence": epochs_to_reach(history, target_loss) < epochs_to_reach(history_plain, target_loss),
    "better_model": max(history.history["val_accuracy"]) > max(history_plain.history["val_accuracy"]),
    "slower_epochs": ratio > 1,
    "epoch_time_ratio": ratio,
}
"""
BEST_OF_THE_PLAIN = """
best = min(history_plain.history["val_loss"])
its = history_plain.history["val_loss"].index(best) + 1
one, other = (np.mean(h.history["seconds"][1:]) for h in (history, history_plain))
comparison = dict(
    faster_convergence=epochs_to_reach(history, best) < its,
    better_model=min(history.history["val_loss"]) < best,
    slower_epochs=one > other,
    epoch_time_ratio=one / other,
)
"""


def evidence_with(comparison=None, given=None, histories=(NORMALISED, PLAIN), **more):
    """Evidence of a run with these conclusions, and of what became of them on given histories."""
    names = {
        name: HistoryView(history=curves)
        for name, curves in zip(("history", "history_plain"), histories, strict=False)
    }
    if comparison is not None:
        names["comparison"] = comparison
    found = [] if given is None else [{"comparison": one} for one in given]
    return Evidence(names=names, probes={"comparison_of_given_histories": found}, **more)


def refused(evidence):
    """The checks of conclusions that find something."""
    checks = {
        "entries": convergence.check_entries,
        "consistency": convergence.check_consistency,
        "direction": convergence.check_ratio_direction,
        "agreement": convergence.check_agreement,
    }
    return {name for name, check in checks.items() if check(evidence)}


def by_given(probes, room, source, **names):
    """What the probe finds for a notebook with this cell."""
    first = HistoryView(history=NORMALISED)
    names = {"np": np, "epochs_to_reach": reach, "history": first, "history_plain": first, **names}
    return probes.comparison_of_given_histories(room(In=["", "x = (", source], **names))


@pytest.mark.parametrize("source", [SOUND, BEST_OF_THE_PLAIN], ids=["as asked", "by the plain one's best"])
def test_sound_conclusions(probes, room, source):
    """Conclusions that are computed pass, also where their code could not cope with the short run."""
    found = [one["comparison"] for one in by_given(probes, room, source)]
    given = [{key: _described(value) for key, value in one.items()} for one in found]

    assert [True, False, False] == [one["faster_convergence"] for one in given]
    assert set() == refused(evidence_with(CONCLUDED, given))
    assert set() == refused(evidence_with(None, given))
    assert set() == refused(evidence_with({}, given))


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ("ratio = np", "ratio = 1 / np", "direction"),
        ("epochs_to_reach(history, target_loss) <", "epochs_to_reach(history, target_loss) >", "agreement"),
        ('max(history.history["val_accuracy"]) >', 'max(history.history["val_accuracy"]) <', "agreement"),
        ('"val_accuracy"', '"accuracy"', "agreement"),
        ('"slower_epochs": ratio > 1', '"slower_epochs": True', "consistency"),
    ],
)
def test_conclusions_the_wrong_way_round(probes, room, old, new, check):
    """What follows the histories in the wrong direction is caught, whatever the clock said in the run."""
    source = SOUND.replace(old, new).replace("1 / np.median(history", "1 / (np.median(history")
    source = (
        source.replace('["seconds"])\ncomparison', '["seconds"]))\ncomparison')
        if "1 / (" in source
        else source
    )
    given = [
        {key: _described(value) for key, value in one["comparison"].items()}
        for one in by_given(probes, room, source)
    ]

    assert {check} == refused(evidence_with(None, given))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"val_accuracy"', '"accuracy"', "or at the training curves, which reward learning by heart?"),
        ('"val_accuracy"]) >', '"val_accuracy"]) <', "the opposite of their validation curves."),
        ("history, target_loss) <", "history, target_loss) >", "says the opposite of what they do."),
    ],
)
def test_what_is_said_of_the_wrong_way_round(probes, room, old, new, words):
    """Whoever claims the better model from other curves is asked which, and hears what is good of each."""
    given = [
        {key: _described(value) for key, value in one["comparison"].items()}
        for one in by_given(probes, room, SOUND.replace(old, new))
    ]
    (finding,) = convergence.check_agreement(evidence_with(None, given))

    assert words in finding.message and "an accuracy when it is high." in finding.message


def test_curves_of_the_run_are_not_taken_for_training():
    """A claim that the run's own histories are against is not put down to the training curves."""
    (finding,) = convergence.check_agreement(evidence_with(CONCLUDED | {"better_model": True}))

    assert "the two histories say the opposite" in finding.message
    assert "learning by heart" not in finding.message


def test_durations_of_the_students_own(probes, room):
    """A ratio of which one half was measured otherwise may stay on one side of 1, if both entries agree."""
    source = SOUND.replace('np.median(history.history["seconds"])', "np.median(times)")
    given = [
        {key: _described(value) for key, value in one["comparison"].items()}
        for one in by_given(probes, room, source, times=[7.0, 5.0])
    ]

    assert [True] * 3 == [one["slower_epochs"] for one in given]
    assert set() == refused(evidence_with(CONCLUDED, given))


@pytest.mark.parametrize("function", [function for function, *_ in (*WRONG.values(), *USELESS.values())])
def test_a_functions_mistake_does_not_count_twice(probes, room, function):
    """Whatever the student's own function counts, conclusions that are drawn by it are not refused."""
    try:
        given = [one["comparison"] for one in by_given(probes, room, SOUND, epochs_to_reach=function)]
    except KeyError:  # what it gives cannot be compared
        return
    described = [{key: _described(value) for key, value in one.items()} for one in given]

    assert set() == refused(evidence_with(CONCLUDED, described))


@pytest.mark.parametrize(
    "source",
    [
        "comparison = {}",
        SOUND + "model.fit()",
        SOUND + "history_plain = other",
        "plain = history_plain.history\ncomparison = dict(ratio=plain)",
    ],
    ids=["no histories", "trains", "defines a history", "one history only"],
)
def test_code_that_cannot_be_tried(probes, room, source):
    """Cells that train, or that do not compare the two histories by name, are not run again."""
    with pytest.raises(LookupError, match="no cell defines comparison"):
        by_given(probes, room, source)


def test_conclusions_that_stop(probes, room):
    """What stops on given histories as well is told as such."""
    found = by_given(probes, room, SOUND + "raise ValueError('no')")

    assert ["ValueError: no"] * 3 == [one["raised"] for one in found]
    with pytest.raises(Unanswered, match="`comparison` is not defined"):
        convergence.check_entries(
            attrs.evolve(evidence_with(), probes={"comparison_of_given_histories": found})
        )


@pytest.mark.parametrize(
    ("changes", "checks"),
    [
        ({}, set()),
        ({"slower_epochs": False}, {"consistency"}),
        ({"epoch_time_ratio": 0.5, "slower_epochs": False}, {"direction"}),
        ({"epoch_time_ratio": 1.01, "slower_epochs": False}, set()),
        ({"epoch_time_ratio": -2.0, "slower_epochs": False}, {"consistency"}),
        ({"epoch_time_ratio": float("nan"), "slower_epochs": False}, {"consistency"}),
        ({"epoch_time_ratio": ArrayView(shape=(), dtype=np.dtype("f8"), data=np.array(1.7))}, set()),
        ({"better_model": True}, {"agreement"}),
        ({"faster_convergence": True}, set()),
        ({"further": "remarks"}, set()),
    ],
)
def test_conclusions_by_the_run_alone(changes, checks):
    """Without given histories a conclusion is refused where no reading of the run supports it."""
    assert checks == refused(evidence_with(CONCLUDED | changes))


def test_sooner_where_nothing_supports_it():
    """A claim to be sooner is refused where the other training is ahead in every curve."""
    worse = {"val_loss": [5.0, 4.0], "loss": [5.0, 4.0]}, {"val_loss": [3.0, 2.0], "loss": [3.0, 2.0]}

    assert {"agreement"} == refused(evidence_with(CONCLUDED | {"faster_convergence": True}, histories=worse))


@pytest.mark.parametrize(
    "histories",
    [
        (NORMALISED | {"seconds": [2.0, 0.4]}, PLAIN),
        (NORMALISED | {"seconds": []}, PLAIN),
        ({"val_loss": [9.0]}, {"val_loss": [3.0]}),
        (NORMALISED, PLAIN | {"seconds": [0.0, float("nan")]}),
        (),
    ],
    ids=["by chance", "empty", "untimed", "damaged", "no histories"],
)
def test_durations_that_cannot_be_told_apart(histories):
    """Where the run does not tell which epochs took longer, a ratio of either kind passes."""
    found = CONCLUDED | {"epoch_time_ratio": 0.6, "slower_epochs": False}

    assert set() == refused(evidence_with(found, histories=histories))


def test_a_better_model_by_evaluation():
    """A network that is better on other pictures, as `evaluate` told, is better by one sensible reading."""
    fits = tuple(_fit(number, curves) for number, curves in enumerate((NORMALISED, PLAIN)))
    told = tuple(
        Evaluation(model=number, learning_rate=None, results=results)
        for number, results in ((0, (9.0, 0.09)), (0, (8.0, 0.21)), (1, (3.5, 0.19)))
    )
    claims = CONCLUDED | {"better_model": True}

    assert set() == refused(evidence_with(claims, fits=fits, evaluations=told))
    assert {"agreement"} == refused(evidence_with(claims, fits=fits, evaluations=told[:1] + told[2:]))


def _fit(number, curves, callbacks=()):
    return Fit(
        model=number,
        after=(),
        compilation=None,
        epochs=2,
        batch_size=None,
        validation_split=0.0,
        callbacks=callbacks,
        training=None,
        validation=None,
        history=curves,
        raised="",
    )


def test_curves_that_are_not_finite():
    """Where a training exploded nothing can be concluded from its curves, and nothing is refused."""
    nan = float("nan")
    histories = {"val_loss": [nan, nan], "val_accuracy": [nan, nan]}, {"val_loss": [2.0, 1.0]}

    for claim in (True, False):
        claims = CONCLUDED | {"faster_convergence": claim, "better_model": claim}
        assert set() == refused(evidence_with(claims, histories=histories))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"better_model": 1}, "is of type int; it should be True or False"),
        ({"better_model": "yes"}, "is of type str"),
        ({"epoch_time_ratio": True}, "is of type bool; it should be one number"),
        ({"epoch_time_ratio": [2.0]}, "is of type list"),
    ],
)
def test_entries_of_another_kind(changes, message):
    """An entry of the wrong kind is named, with what it is."""
    (finding,) = convergence.check_entries(evidence_with(CONCLUDED | changes))

    assert message in finding.message


def test_a_missing_entry():
    """An entry that is not there is named, and what needs it is unanswered."""
    evidence = evidence_with({key: value for key, value in CONCLUDED.items() if key != "slower_epochs"})
    (finding,) = convergence.check_entries(evidence)

    kept = "`faster_convergence`, `better_model`, `epoch_time_ratio`"
    assert f"`comparison` has no entry `slower_epochs`: it has {kept}." == finding.message
    with pytest.raises(Unanswered, match="once the entry `slower_epochs` is there"):
        convergence.check_consistency(evidence)


@pytest.mark.parametrize("key", [7, "a\nb", ("a", "b")])
def test_keys_that_are_no_names(key):
    """What cannot be read as a name is not listed among the keys, and a long one is cut."""
    said = [
        convergence.check_entries(evidence_with(claims))[0].message for claims in ({key: 1}, {"a" * 99: 1})
    ]

    assert ["it has none that could be read.", f"it has `{'a' * 40}`."] == [
        text.split(": ")[1] for text in said
    ]


def test_an_entry_of_another_kind_is_there():
    """Where an entry is there and of the wrong kind, nobody is told to add it."""
    for changes, check, said in (
        ({"slower_epochs": "yes"}, convergence.check_consistency, "neither True nor False"),
        ({"epoch_time_ratio": "2"}, convergence.check_ratio_direction, "no number"),
    ):
        with pytest.raises(Unanswered, match=said):
            check(evidence_with(CONCLUDED | changes))


@pytest.mark.parametrize("found", [None, [CONCLUDED], (True, True, True, 2.0), 1.5])
def test_what_is_no_dictionary(found):
    """Anything else than a dictionary is unanswered."""
    evidence = attrs.evolve(evidence_with(), names={"comparison": found})

    with pytest.raises(Unanswered, match="it should be a dictionary"):
        convergence.check_entries(evidence)


# ------------------------------------------------------------------------------------------------- timing


def test_a_timer_is_no_callback_that_may_do_anything():
    """With dnnlab's timer alone a training does not stop early; with a callback of one's own it may."""
    history = {"cifar10_bn.history.json": _saved({"val_loss": [1.0, 0.5, 0.7]})}

    def found(name):
        callback = Callback(type=name, bases=(name, "Callback", "object"), settings={})
        evidence = Evidence(names={}, probes={}, fits=(_fit(0, {}, (callback,)),), files=history)
        return training.check_early_stopping(evidence, "cifar10_bn", monitor="val_loss", question="q2")

    assert ["no early stopping among its callbacks" in one.message for one in found("EpochTimer")] == [True]
    assert [] == found("StopsSomehow")


def _saved(curves):
    from autograder.evidence import SavedFile

    return SavedFile(name="cifar10_bn.history.json", problem="", history=curves)


def tried(probes, room, *cells, **names):
    """Evidence of a run of these cells, with all that the probe found."""
    first = HistoryView(history=NORMALISED)
    names = {"np": np, "epochs_to_reach": reach, "history": first, "history_plain": first, **names}
    found = probes.comparison_of_given_histories(room(In=["", *cells], **names))
    for one in found:
        one["comparison"] = {key: _described(value) for key, value in one["comparison"].items()}
    return attrs.evolve(evidence_with(CONCLUDED), probes={"comparison_of_given_histories": found})


@pytest.mark.parametrize(
    ("old", "new", "check", "words"),
    [
        ("ratio = np", "ratio = 100 * np", "direction", "turn into one divided by itself"),
        ('_ratio": ratio', '_ratio": ratio - 1', "direction", "not even positive"),
        ("np.median", "sum", "direction", "the whole trainings' durations"),
        ("_loss) <", "_loss) <=", "agreement", "take equally many epochs"),
    ],
)
def test_conclusions_that_are_not_quite_what_was_asked(probes, room, old, new, check, words):
    """What has the right direction and another meaning is told by other histories, and is told its cause."""
    evidence = tried(probes, room, SOUND.replace(old, new))
    functions = {"direction": convergence.check_ratio_direction, "agreement": convergence.check_agreement}
    (found,) = functions[check](evidence)

    assert {check} == refused(evidence)
    assert words in found.message


def test_conclusions_typed_in(probes, room):
    """What no history changes is refused, unless something was measured that this cannot follow."""
    typed = f"comparison = {CONCLUDED | {'faster_convergence': True}}"
    other = "x = (history, history_plain)"
    evidence = tried(probes, room, other, typed)

    assert {"agreement"} == refused(evidence)
    assert "was typed in is true of one run at best" in convergence.check_agreement(evidence)[0].message
    measured = "sooner = model.evaluate()", typed.replace("True,", "sooner,", 1)
    assert set() == refused(tried(probes, room, other, *measured, sooner=True))


def test_durations_taken_in_cells_of_their_own(probes, room):
    """A cell that takes something from one history is run again with those that compare it."""
    cells = "one = np.median(history.history['seconds'])", "two = np.median(history_plain.history['seconds'])"
    evidence = tried(
        probes, room, *cells, SOUND.replace('"epoch_time_ratio": ratio', '"epoch_time_ratio": one / two')
    )

    assert set() == refused(evidence)


def test_durations_that_a_short_run_does_not_have(probes, room):
    """A ratio that is none for want of epochs is judged by given histories."""
    evidence = tried(probes, room, SOUND)
    names = evidence.names | {"comparison": CONCLUDED | {"epoch_time_ratio": float("nan")}}

    assert set() == refused(attrs.evolve(evidence, names=names))
