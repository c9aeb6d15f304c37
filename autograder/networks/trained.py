"""The networks of the reference solution, as far as a judge needs them: their architecture."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from autograder.errors import LabProblem
from autograder.labs import Lab
from autograder.networks.graph import parse
from autograder.networks.records import Graph, UnsupportedModel

__all__ = ["reference_networks"]


def reference_networks(lab: Lab, data: str) -> dict[str, Graph]:
    """The graph of each trained model that the lab keeps for the data set of that identity.

    A model without a file is left out. Raises LabProblem for a file that cannot be read.
    """
    files = {model: lab.trained(data) / f"{model}.keras" for model in lab.models}
    return {model: _read(path) for model, path in files.items() if path.is_file()}


def _read(path: Path) -> Graph:
    try:
        with zipfile.ZipFile(path) as archive:
            return parse(json.loads(archive.read("config.json")))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, UnsupportedModel) as error:
        raise LabProblem(
            f"the reference's network cannot be read: {error}",
            where=str(path),
            hint="train the reference solution again and keep its files",
        ) from error
