"""The environment of student code: the same variables in every sandbox, and none of the host's."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import attrs

from autograder.sandbox.contract import Job

__all__ = ["ROOM", "Places", "command_of", "environment_of"]


@attrs.frozen(kw_only=True)
class Places:
    """Where a job finds its folders, as it sees them."""

    submission: str
    kit: str
    data: str
    work: str

    @classmethod
    def of_job(cls, job: Job, *, work: Path) -> Places:
        """The real paths, for a sandbox that cannot mount anything."""
        return cls(
            submission=str(job.submission.resolve()),
            kit=str(job.kit.resolve()),
            data=str(job.data.resolve()),
            work=str(work),
        )


ROOM = Places(submission="/room/submission", kit="/room/kit", data="/room/data", work="/room/work")
"""The places inside a container and inside bubblewrap."""


def environment_of(job: Job, places: Places, *, path: str = "/usr/local/bin:/usr/bin:/bin") -> dict[str, str]:
    """All variables of the job; `path` is its PATH.

    One thread per numeric library, as a batch runs one job per core and more threads only fight.
    """
    threads = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    )
    return {
        "PATH": path,
        "PYTHONPATH": places.kit,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": places.work,
        "TMPDIR": places.work,
        # The user number has no entry in a passwd file: libraries that ask for a name read these.
        "USER": "student",
        "LOGNAME": "student",
        "MPLCONFIGDIR": str(PurePosixPath(places.work) / ".matplotlib"),
        # Set here, as a kernel that imports much before it starts would set it too late.
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "KERAS_BACKEND": "tensorflow",
        # Nobody looks at a TensorBoard that a notebook starts here, and the notebook would wait for it.
        "TENSORBOARD_BINARY": "true",
        **dict.fromkeys(threads, "1"),
        "ROOM_SUBMISSION": places.submission,
        "ROOM_KIT": places.kit,
        "ROOM_DATA": places.data,
        "ROOM_WORK": places.work,
        "ROOM_JOB": job.name,
        "ROOM_BATCH": job.batch,
        **dict(job.environment),
    }


def command_of(job: Job, python: str) -> list[str]:
    """The command that runs the job's stage with this Python."""
    return [python, "-m", "autograder.room", job.stage]
