"""What the labs promise their students holds in the committed samples of the real data."""

import json

import numpy as np
import pytest
from scipy import stats

from autograder.calibration import read_samples
from autograder.labs import find_lab

FIGURES = [
    ("cifar10_dnn", "cifar10_dnn", "validation", 0.476),
    ("batch_norm", "cifar10_bn", "validation", 0.540),
    ("selu", "cifar10_selu", "validation", 0.479),
    ("alpha_mc_dropout", "cifar10_alpha_dropout", "validation", 0.489),
    ("one_cycle", "cifar10_one_cycle", "validation", 0.520),
    ("mnist_transfer", "mnist_0_4", "test", 0.99),
]
"""Lab, model, on which set, and what the exercise's usual recipe reaches there."""
RIVALS = [
    ("mnist_transfer", "mnist_5_9", "scratch_accuracy"),
    ("pairwise_pretraining", "mnist_pairwise", "baseline_accuracy"),
]
"""Lab, model, and the measure of its rival: the same network from scratch, on the same images."""


def finished(name):
    """The lab of that name; skips for one in preparation."""
    lab = find_lab(name)
    if lab.draft:
        pytest.skip(f"{name} is in preparation")
    return lab


def samples_of(name, model):
    """The committed samples on the lab's real data."""
    lab = finished(name)
    return read_samples(lab.calibration, model, lab.dataset)


@pytest.mark.parametrize(("lab", "model", "which", "figure"), FIGURES)
def test_the_reference_reaches_the_figure_of_the_exercise(lab, model, which, figure):
    """On average over all seeds the reference is at least as good as the usual recipe."""
    assert figure <= np.mean([getattr(sample, which) for sample in samples_of(lab, model)])


@pytest.mark.parametrize(("lab", "model", "which", "figure"), FIGURES[:-1])
def test_the_kept_network_reaches_the_figure(lab, model, which, figure):
    """The network that is kept as the reference's, of the master's own seed, reaches it too."""
    lab = finished(lab)
    path = lab.trained(lab.dataset) / f"{model}.history.json"
    history = json.loads(path.read_text(encoding="utf-8"))["history"]
    # A cycle ends where it is best; the others stop early and go back to the lowest loss.
    kept = -1 if lab.name == "one_cycle" else int(np.argmin(history["val_loss"]))

    assert figure <= history["val_accuracy"][kept]


@pytest.mark.parametrize(("lab", "model", "rival"), RIVALS)
def test_what_was_learned_before_beats_scratch(lab, model, rival):
    """Transfer is better than its rival by a margin: seed by seed, at 99 % confidence (paired t-test)."""
    leads = [
        sample.measures["transfer_accuracy"] - sample.measures[rival] for sample in samples_of(lab, model)
    ]

    assert 10 <= len(leads)
    assert 0.01 > stats.ttest_1samp(leads, 0, alternative="greater").pvalue
    assert 0.005 < np.mean(leads)


def test_one_cycle_is_better_than_a_fixed_rate():
    """The cycle gets two points more than the lab whose network it trains once more, on average."""
    means = [
        np.mean([sample.validation for sample in samples_of(lab, model)])
        for lab, model in (("selu", "cifar10_selu"), ("one_cycle", "cifar10_one_cycle"))
    ]

    assert 0.02 <= means[1] - means[0]


def test_the_mean_of_many_passes_is_as_good():
    """Monte Carlo dropout's accuracy is that of the network asleep, within half a point on average."""
    measures = [sample.measures for sample in samples_of("alpha_mc_dropout", "cifar10_alpha_dropout")]
    differences = [one["mc_accuracy"] - one["plain_accuracy"] for one in measures]

    assert 10 <= len(differences)
    assert 0.005 >= abs(np.mean(differences))
