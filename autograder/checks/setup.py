"""How the trainings of a question were set up: their optimiser and their loss."""

from __future__ import annotations

from collections.abc import Callable

from autograder.checks import compiling
from autograder.checks.findings import Finding
from autograder.checks.fits import fits_of_question
from autograder.evidence import Evidence, Fit, ModelView, Unanswered

__all__ = ["check_loss_used", "check_optimiser_used"]


def check_optimiser_used(evidence: Evidence, name: str, optimiser: str, *, question: str) -> list[Finding]:
    """The network was trained with that optimiser, whatever its learning rate."""
    return _of_any(evidence, name, question, lambda fit: compiling.check_optimiser(_shell(fit), optimiser))


def check_loss_used(evidence: Evidence, name: str, *, question: str) -> list[Finding]:
    """The network was trained with the cross-entropy that fits its labels."""
    return _of_any(
        evidence,
        name,
        question,
        lambda fit: compiling.check_loss(_shell(fit), labels=fit.training.labels if fit.training else None),
    )


def _of_any(
    evidence: Evidence, name: str, question: str, look: Callable[[Fit], list[Finding]]
) -> list[Finding]:
    """Nothing where one training of the question is as asked, or where none was seen, only its file."""
    fits = fits_of_question(evidence, question)
    if not fits:
        evidence.saved_model(name)
        return []
    findings = [_looked(look, fit) for fit in fits]
    return [] if any(not found for found in findings) else findings[-1]


def _looked(look: Callable[[Fit], list[Finding]], fit: Fit) -> list[Finding]:
    try:
        return look(fit)
    except Unanswered as problem:
        return [Finding(message=str(problem))]


def _shell(fit: Fit) -> ModelView:
    """What is known of the model that was trained: how it was compiled."""
    return ModelView(type="", config=None, weights={}, compilation=fit.compilation)
