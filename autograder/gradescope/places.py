"""Where things lie in Gradescope's container, and what the zip says of itself.

Gradescope unpacks the zip to `/autograder/source` and runs its `setup.sh` once, as root, while it builds an
image. For each submission a fresh container of that image runs `run_autograder`, as root again, and takes
its `results/results.json`. See https://gradescope-autograders.readthedocs.io/en/latest/specs/

/autograder             Gradescope's; closed to everybody but root by our scripts
    source              the zip: our code, the lab's hidden tests and marks, settings.json
    submission          what the student handed in
    results             results.json
    work                what one grading is at
/opt/autograder         ours; may be read by everybody
    venv                Python's packages
    data                the prepared data set
"""

from __future__ import annotations

import enum
import json
from pathlib import Path

import attrs

from autograder.errors import MachineFault

__all__ = ["GRADESCOPE", "LEAST_BYTES", "DataFrom", "Places", "Settings", "size_for"]

LEAST_BYTES = 2_500 * 10**6
"""With less memory than this, right answers to some lab would die of it, and lose marks."""


@attrs.frozen(kw_only=True)
class Places:
    """The folders of one container."""

    harness: Path
    ours: Path

    @property
    def source(self) -> Path:
        """The unpacked zip."""
        return self.harness / "source"

    @property
    def submission(self) -> Path:
        """What the student handed in."""
        return self.harness / "submission"

    @property
    def results(self) -> Path:
        """The file that Gradescope takes."""
        return self.harness / "results" / "results.json"

    @property
    def work(self) -> Path:
        """What one grading is at."""
        return self.harness / "work"

    @property
    def data(self) -> Path:
        """The prepared data set."""
        return self.ours / "data"


GRADESCOPE = Places(harness=Path("/autograder"), ours=Path("/opt/autograder"))


def size_for(dataset: str) -> str:
    """Which of Gradescope's containers gives a lab's notebooks the memory that they have elsewhere.

    A careless one holds all images as float64, twice over: 3 GB of CIFAR-10, a third of that of the others.
    """
    return "4 CPUs with 6 GB" if dataset == "cifar10" else "2 CPUs with 3 GB"


class DataFrom(enum.Enum):
    """Where the data set comes from when Gradescope builds the image."""

    DOWNLOAD = "download"
    ZIP = "zip"
    MINIATURE = "miniature"


@attrs.frozen(kw_only=True)
class Settings:
    """What the zip is for: `settings.json` in it."""

    lab: str
    data: DataFrom

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps({"schema": 1, "lab": self.lab, "data": self.data.value}, indent=1) + "\n"

    @classmethod
    def read(cls, source: Path) -> Settings:
        """The settings of an unpacked zip. Raises MachineFault where it has none."""
        path = source / "settings.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            return cls(lab=str(record["lab"]), data=DataFrom(record["data"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MachineFault(
                f"the settings cannot be read: {error}",
                where=str(path),
                hint="make the zip again with `autograder bundle --gradescope`, and upload it unchanged",
            ) from error
