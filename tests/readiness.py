"""Which labs can be graded on which data: those with marks, and with models trained on them."""

from autograder.calibration import FEWEST, read_samples

__all__ = ["lacking"]


def lacking(lab, identity):
    """What a lab lacks to be graded on the data set of that identity; empty where it lacks nothing."""
    for model in lab.models:
        have = len(read_samples(lab.calibration, model, identity))
        if have < FEWEST:
            return (
                f"{lab.name} has {have} of {FEWEST} calibration samples on {identity}: "
                "run `autograder calibrate`"
            )
    if not lab.trained(identity).is_dir():
        return f"{lab.name} has no trained models on {identity}"
    return ""
