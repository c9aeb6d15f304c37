"""Every threshold of every lab: shown with what it follows from, and sparing right work it has not seen."""

import numpy as np
import pytest
from rich.console import Console

from autograder.calibration import Calibration, read_samples
from autograder.labs import find_lab, find_labs, solutions_folder
from autograder.samples import read_record
from autograder.signals import RISK, _interval, read_signals
from autograder.thresholds import markdown, plot, table, thresholds_of

LABS = {lab.name: lab for lab in find_labs()}
TRAININGS = [
    (lab.name, model, data)
    for lab in LABS.values()
    for model in lab.models
    for data in read_record(lab.calibration).get(model, {})
]
SIGNALS = [
    (lab.name, task.name, data, kind)
    for lab in LABS.values()
    for task in lab.tasks
    if task.fresh
    for data in (lab.dataset, f"{lab.dataset}-miniature")
    for kind in ("first", "last", "last_repeated")
]


@pytest.mark.parametrize("name", LABS)
def test_every_model_has_its_thresholds(name):
    """Both accuracies and their gap, on the published data and on the miniature, each with its samples."""
    lab = find_lab(name)
    found = {(one.model, one.data, one.measure) for one in thresholds_of(lab) if len(one.samples) >= 10}

    for model in lab.models:
        for data in (lab.dataset, f"{lab.dataset}-miniature"):
            for measure in ("validation accuracy", "test accuracy", "test above validation accuracy"):
                assert (model, data, measure) in found


def test_the_table_shows_the_marks_that_tests_read():
    """Its numbers are those of the calibration."""
    lab = find_lab("cifar10_dnn")
    calibration = Calibration(samples=read_samples(lab.calibration, "cifar10_dnn", "cifar10"))
    console = Console(width=250)
    with console.capture() as shown:
        console.print(table(thresholds_of(lab)))

    expected = f"floor {calibration.floor():.4f}, full mark {calibration.full('validation'):.4f}"
    assert expected in shown.get()


def test_the_table_beside_the_solutions_is_up_to_date():
    """What `autograder marks --write` keeps is what follows from the samples."""
    assert markdown() == (solutions_folder() / "marks.md").read_text(encoding="utf-8")


def test_a_plot_is_drawn(tmp_path):
    """One picture of all thresholds of a lab, with fitted tails and without."""
    plot(thresholds_of(find_lab("selu")), tmp_path / "selu.png")

    assert (tmp_path / "selu.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", LABS)
def test_right_work_hardly_ever_misses_a_mark(name):
    """By resampling, the risk at every threshold is at most one in 10,000."""
    risks = {(one.model, one.data, one.measure): one.risk() for one in thresholds_of(LABS[name])}

    assert {} == {threshold: risk for threshold, risk in risks.items() if risk > 1e-4}


@pytest.mark.parametrize(("name", "model", "data"), TRAININGS)
def test_no_training_misses_the_marks_of_the_others(name, model, data):
    """Each sample in turn left out: by the marks of the rest it gets every point, and is no suspect."""
    samples = read_samples(LABS[name].calibration, model, data)
    for left_out in samples:
        rest = Calibration(samples=tuple(one for one in samples if one is not left_out))

        assert rest.full("validation") <= left_out.validation <= rest.most("validation")
        assert rest.full("test") <= left_out.test <= rest.most("test")
        assert left_out.test - left_out.validation <= rest.largest_gap()


@pytest.mark.parametrize(("name", "model", "data", "kind"), SIGNALS)
def test_fresh_networks_stay_within_the_interval_of_others(name, model, data, kind):
    """By the interval of one half of the samples hardly any of the other half is outside, in many halvings.

    A rate of RISK at each end means half a sample in 2,500; as many halvings share the same few farthest
    samples, four times that is allowed.
    """
    values = np.array(getattr(read_signals(LABS[name], model, data), kind))
    rng = np.random.default_rng(0)
    outside = []
    for _ in range(100):
        one, other = np.split(rng.permutation(values), 2)
        low, high = _interval(tuple(one))
        outside.append(np.mean((other < low) | (other > high)))

    assert np.mean(outside) <= 4 * 2 * RISK
