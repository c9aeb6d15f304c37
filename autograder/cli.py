"""The command `autograder`. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from autograder import __version__
from autograder.errors import AutograderError, MachineFault

if TYPE_CHECKING:
    from types import FrameType

    from autograder.intake import Candidate
    from autograder.labs import Lab
    from autograder.records import Outcome
    from autograder.sandbox.contract import Sandbox

__all__ = ["main"]

_INTERRUPTED = 130
_MINIATURE = "miniature"
_DEMO_LAB = "cifar10_dnn"

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _Commands(click.Group):
    """Ends every command with a message and a status of its own, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AutograderError as error:
            click.echo(f"autograder: {error}", err=True)
            ctx.exit(error.exit_status)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("\nautograder: stopped.", err=True)
            ctx.exit(_INTERRUPTED)
        # The last wall before the user: whatever it is, it is ours.
        except Exception as error:
            log = _write_log(error)
            click.echo(
                f"autograder: this is a fault of the autograder: {type(error).__name__}: {error}\n"
                f"  What to do: run it again; if it stays, report it with {log}",
                err=True,
            )
            ctx.exit(MachineFault.exit_status)


def _write_log(error: BaseException) -> Path:
    with tempfile.NamedTemporaryFile(
        "w",
        prefix="autograder-fault-",
        suffix=".log",
        delete=False,
        encoding="utf-8",
        errors="backslashreplace",
    ) as stream:
        stream.write(f"autograder {__version__}, Python {sys.version}\n{sys.argv}\n")
        stream.write("".join(traceback.format_exception(error)))
    return Path(stream.name)


_EXISTING = click.Path(exists=True, path_type=Path)
_ANY = click.Path(path_type=Path)
_JOBS = click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="How many at a time."
)
_DATA = click.option(
    "--data",
    metavar="DIR|miniature",
    help="Folder of the data sets; without it DNNLAB_DATA, then Keras's cache.",
)
_IMAGE = click.option("--image", metavar="TAG", help="Image of the room; without it the one of this version.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON instead of a table.")


def _sandbox_option(default: str = "auto") -> _Decorator:
    return click.option(
        "--sandbox",
        "kind",
        type=click.Choice(["auto", "docker", "containers", "local"]),
        default=default,
        show_default=True,
        help="Where student code runs.",
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Grade labs on training deep neural networks.

    Exit status: 0 all graded or ungradable, 2 asked for something impossible, 3 a lab is wrong, 5 a fault
    of the machine (run the same command again), 130 interrupted.
    """
    # A batch that is told to end ends as after Ctrl-C: what it runs is stopped, what is done is kept.
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@main.command()
@click.argument("paths", nargs=-1, required=True, type=_ANY)
@click.option("--lab", "lab_name", required=True, metavar="NAME", help="The lab that the submissions answer.")
@click.option(
    "--out", required=True, type=_ANY, metavar="DIR", help="Results folder; new, or of an earlier run."
)
@_JOBS
@_sandbox_option()
@_IMAGE
@_DATA
@_JSON
def grade(
    paths: tuple[Path, ...],
    lab_name: str,
    out: Path,
    jobs: int,
    kind: str,
    image: str | None,
    data: str | None,
    as_json: bool,
) -> None:
    """Grade submissions: notebooks, zips, folders, folders of these, or a class as Canvas delivers it.

    What an earlier run into the same folder has done, and what has not changed since, is kept.
    """
    from autograder.intake import find_submissions
    from autograder.labs import find_lab
    from autograder.sandbox.choose import choose

    lab = find_lab(lab_name)
    candidates = find_submissions(paths)
    _grade(candidates, lab, out=out, jobs=jobs, sandbox=choose(kind, image), source=data, as_json=as_json)


def _grade(
    candidates: list[Candidate],
    lab: Lab,
    *,
    out: Path,
    jobs: int,
    sandbox: Sandbox,
    source: str | None,
    as_json: bool,
) -> None:
    from rich.console import Console

    from autograder import batch
    from autograder.data import prepare
    from autograder.report import live_progress

    if not sandbox.isolated:
        _warn_of_no_walls(sandbox)
    data = prepare(lab.dataset, source)
    progress = live_progress(Console(stderr=True))
    try:
        outcomes = batch.grade(
            candidates, lab, out=out, sandbox=sandbox, data=data, jobs=jobs, progress=progress
        )
    except KeyboardInterrupt:
        _stopped(out)
    finally:
        progress.close()
    _show(outcomes, out, as_json=as_json)


def _stopped(out: Path) -> NoReturn:
    click.echo(
        f"\nautograder: stopped. What is complete is kept in {out}; run the same command again to go on.",
        err=True,
    )
    raise click.exceptions.Exit(_INTERRUPTED) from None


def _warn_of_no_walls(sandbox: Sandbox) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    text = Text(
        f"{sandbox.isolation}\nA submission can read and change everything that you can. "
        "Go on only with notebooks that you trust; otherwise stop now (Ctrl-C) and use Docker."
    )
    Console(stderr=True).print(Panel(text, title="NOT ISOLATED", border_style="bold red"))


def _show(outcomes: list[Outcome], out: Path, *, as_json: bool) -> None:
    """Print the outcomes and what is suspicious among them, and end with their status."""
    from autograder.batch.results import replace_text
    from autograder.records import Verdict
    from autograder.suspicion.records import to_json
    from autograder.suspicion.together import look_among

    suspicions = look_among(out, [outcome.submission for outcome in outcomes])
    replace_text(out / "suspicions.json", to_json(suspicions))
    if as_json:
        click.echo("[" + ",".join(outcome.to_json().rstrip() for outcome in outcomes) + "]")
    else:
        from rich.console import Console

        from autograder.report import print_suspicions, print_table

        print_table(outcomes, Console())
        print_suspicions(suspicions, Console())
        click.echo(f"Gradebook: {out / 'grades.csv'}")
    if any(outcome.verdict is Verdict.FAULT for outcome in outcomes):
        raise click.exceptions.Exit(MachineFault.exit_status)


@main.command()
@click.argument("out", metavar="DIR", type=_ANY)
@click.option("--lab", "lab_name", metavar="NAME", help="The lab; without it the one the results are of.")
@_JOBS
@_DATA
@_JSON
def rejudge(out: Path, lab_name: str | None, jobs: int, data: str | None, as_json: bool) -> None:
    """Judge kept evidence again, after a lab's tests changed; runs no student code."""
    from rich.console import Console

    from autograder import batch
    from autograder.data import prepare
    from autograder.labs import find_lab
    from autograder.report import live_progress

    lab = find_lab(lab_name or batch.lab_of(out))
    progress = live_progress(Console(stderr=True))
    try:
        outcomes = batch.rejudge(out, lab, data=prepare(lab.dataset, data), jobs=jobs, progress=progress)
    except KeyboardInterrupt:
        _stopped(out)
    finally:
        progress.close()
    _show(outcomes, out, as_json=as_json)


@main.command()
@click.argument("out", metavar="DIR", type=_ANY)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON instead.")
def status(out: Path, as_json: bool) -> None:
    """Say how far a batch is, or how it ended, while it runs or afterwards."""
    from rich.console import Console

    from autograder.batch.ledger import now
    from autograder.batch.status import read_status
    from autograder.report import print_status

    found = read_status(out)
    if as_json:
        click.echo(found.to_json())
    else:
        print_status(found, now(), Console())


@main.command()
@click.argument("out", metavar="DIR", type=_ANY)
@click.argument("names", nargs=-1, metavar="[SUBMISSION]...")
def show(out: Path, names: tuple[str, ...]) -> None:
    """Show results again: the whole table, or all that is known of the named submissions."""
    from rich.console import Console

    from autograder.batch.results import outcomes_of
    from autograder.errors import UsageProblem
    from autograder.report import print_suspicions, print_table
    from autograder.sheet import print_sheet, suspicions_in

    outcomes = outcomes_of(out)
    if unknown := [name for name in names if name not in outcomes]:
        raise UsageProblem(
            f"{out} has no submission {', '.join(unknown)}", hint=f"`autograder show {out}` lists all of them"
        )
    for name in names:
        print_sheet(out, outcomes[name], Console())
    if not names:
        print_table(outcomes.values(), Console())
        print_suspicions(suspicions_in(out), Console())


@main.command()
@click.argument("results", metavar="DIR", type=_ANY)
@click.option(
    "--canvas", required=True, type=_EXISTING, metavar="CSV", help="The gradebook as Canvas exports it."
)
@click.option("--assignment", default="", metavar="NAME", help="Which column; its title, id or a part of it.")
@click.option("--out", required=True, type=_ANY, metavar="CSV", help="The file to import into Canvas.")
def export(results: Path, canvas: Path, assignment: str, out: Path) -> None:
    """Fill the scores into a gradebook of Canvas, one column.

    Whoever has no score is named with the reason, and never given a zero.
    """
    from autograder.batch.results import outcomes_of, replace_text
    from autograder.errors import UsageProblem
    from autograder.gradebook import Gradebook, fill

    if out.exists() and out.samefile(canvas):
        raise UsageProblem("--out is the gradebook itself", hint="choose another file, and keep Canvas's own")
    gradebook = Gradebook.parse(canvas.read_bytes())
    place = gradebook.column(assignment)
    filled = fill(gradebook, outcomes_of(results).values(), place)
    replace_text(out, filled.text, encoding="utf-8-sig" if gradebook.mark else "utf-8")
    scale = f" ({filled.scale})" if filled.scale else ""
    click.echo(f"{gradebook.header[place]}: {filled.count} scores in {out}{scale}")
    for line in filled.left_out:
        click.echo(f"left out: {line}")
    if filled.without:
        click.echo(f"without a submission here: {filled.without} of the gradebook; cells as they were")


@main.command()
@click.argument("labs", nargs=-1, metavar="[LAB]...")
@click.option("--check", is_flag=True, help="Write nothing; fail where what is committed is out of date.")
def build(labs: tuple[str, ...], check: bool) -> None:
    """Make the student versions and the autograder bundles from the masters."""
    from autograder.build.command import build_labs
    from autograder.proof import reference_grader

    with reference_grader() as grade:
        status = build_labs(list(labs), check=check, echo=click.echo, grade=grade)
    raise click.exceptions.Exit(status)


@main.command()
@click.argument("lab_name", metavar="LAB")
@click.option("--gradescope", is_flag=True, required=True, help="The zip that Gradescope wants.")
@click.option(
    "--data",
    metavar="DIR|miniature",
    help="Put the data set of this folder into the zip; without it Gradescope downloads it.",
)
@click.option("--out", type=_ANY, metavar="ZIP", help="The file; without it dist/LAB-gradescope.zip.")
def bundle(lab_name: str, gradescope: bool, data: str | None, out: Path | None) -> None:
    """Make the zip by which a course site grades a lab."""
    from autograder.gradescope.bundle import LARGE_BYTES, write_bundle
    from autograder.gradescope.places import size_for
    from autograder.labs import find_lab

    lab = find_lab(lab_name)
    made = write_bundle(lab, source=data, out=out)
    click.echo(f"{made.path}: {made.bytes / 1e6:.1f} MB, to grade on {made.identity} ({made.data.value})")
    if made.bytes > LARGE_BYTES:
        click.echo("It is large: where the upload is refused, leave --data out and have the data downloaded.")
    size = size_for(lab.dataset)
    click.echo(f"Choose in Gradescope's settings: {size} of memory, and a time limit of 40 minutes.")


@main.command()
@click.option("--base", metavar="IMAGE", help="Image to start from; without it the usual Python image.")
@click.option("--tag", help="Name of the new image; without it that of this version.")
@click.option(
    "--ca", type=_EXISTING, metavar="FILE", help="Certificates that this machine needs for downloads."
)
@click.option("--data", type=_EXISTING, metavar="DIR", help="Put this folder of data into the image.")
def image(base: str | None, tag: str | None, ca: Path | None, data: Path | None) -> None:
    """Build the image in which student code runs."""
    from autograder.sandbox.image import BASE_IMAGE, build_image

    def tell(line: str) -> None:
        click.echo(line, err=True)

    click.echo(build_image(base or BASE_IMAGE, tag, ca=ca, data=data, progress=tell))


@main.command()
@click.argument("lab_name", metavar="[LAB]", required=False)
@click.option("--seeds", type=click.IntRange(1), default=10, show_default=True, help="Train seeds 1 to N.")
@click.option("--anew", is_flag=True, help="Drop samples that an older solution reached.")
@click.option("--check", is_flag=True, help="Train nothing; fail where marks are missing or out of date.")
@_DATA
def calibrate(lab_name: str | None, seeds: int, anew: bool, check: bool, data: str | None) -> None:
    """Train a lab's reference solution over many seeds; its marks follow from what it reaches.

    Each sample is kept in the lab's calibration.json at once: interrupt and run again as you like. With
    --check and without a LAB, all labs are looked at.
    """
    from autograder.calibrate import calibrate as train
    from autograder.errors import UsageProblem
    from autograder.labs import find_lab, find_labs

    if check:
        _check_marks([find_lab(lab_name)] if lab_name else find_labs())
        return
    if not lab_name:
        raise UsageProblem("which lab is to be calibrated?", hint="name it: `autograder calibrate LAB`")
    train(find_lab(lab_name), range(1, seeds + 1), data, anew=anew, say=click.echo)


def _check_marks(labs: list[Lab]) -> None:
    from autograder.calibrate import stale_marks
    from autograder.errors import LabProblem

    stale = [line for lab in labs for line in stale_marks(lab)]
    for line in stale:
        click.echo(line)
    if stale:
        raise LabProblem("marks are out of date", hint="run `autograder calibrate` for these labs")
    click.echo(f"{', '.join(lab.name for lab in labs)}: marks are up to date")


@main.command()
@click.argument("labs", nargs=-1, metavar="[LAB]...")
@click.option(
    "--plot", "folder", type=_ANY, metavar="DIR", help="Draw them here as well, a PNG for each lab."
)
@click.option("--write", is_flag=True, help="Keep the table of all labs beside the solutions.")
def marks(labs: tuple[str, ...], folder: Path | None, write: bool) -> None:
    """Show every threshold of the hidden tests, and the samples that it follows from."""
    from rich.console import Console

    from autograder.labs import find_lab, find_labs
    from autograder.thresholds import plot, table, thresholds_of, write_table

    found = {lab: thresholds_of(lab) for lab in [find_lab(name) for name in labs] or find_labs()}
    # A file or a pipe has no width: the table is given what it needs.
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table([one for thresholds in found.values() for one in thresholds]))
    for lab, thresholds in found.items():
        if folder is not None and thresholds:
            folder.mkdir(parents=True, exist_ok=True)
            plot(thresholds, folder / f"{lab.name}.png")
            console.print(folder / f"{lab.name}.png", soft_wrap=True)
    if write:
        console.print(write_table(), soft_wrap=True)


@main.command()
@click.argument("labs", nargs=-1, metavar="[LAB]...")
@click.option("--entry", "names", multiple=True, metavar="NAME", help="Only this entry; may be repeated.")
@click.option(
    "--whole",
    is_flag=True,
    help="All entries; without it a core that takes minutes: so many that each hidden test fails one, and at "
    "least 20 right and 25 wrong ones.",
)
@click.option(
    "--times",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Grade each entry so often; only what holds every time counts.",
)
@click.option(
    "--apart",
    is_flag=True,
    help="A notebook for each entry; without it, entries that answer different questions share one, and are "
    "graded apart only where such a pool is not as it must be.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), help="How many at a time; without it one more than cores."
)
@click.option("--data", metavar="DIR|miniature", default=_MINIATURE, show_default=True)
@click.option(
    "--out",
    type=_ANY,
    metavar="DIR",
    help="Where a folder for each lab is made, and what did not change is kept; without it a cache.",
)
@click.option(
    "--tell", is_flag=True, help="Write what students are told into the files of all wrong answers."
)
def corpus(
    labs: tuple[str, ...],
    names: tuple[str, ...],
    whole: bool,
    times: int,
    apart: bool,
    jobs: int | None,
    data: str,
    out: Path | None,
    tell: bool,
) -> None:
    """Grade a lab's corpus of right and wrong answers, and show which hidden test fails which.

    Fails where a right answer loses points, a wrong one loses none or some in another question, and where
    a hidden test fails no wrong answer. Writes matrix.html and matrix.json.
    """
    from autograder.corpus.command import run_corpora

    run_corpora(
        labs,
        names=names,
        whole=whole,
        times=times,
        apart=apart,
        jobs=jobs,
        source=data,
        out=out,
        tell=tell,
    )


@main.command()
@_sandbox_option("local")
@_IMAGE
@click.option("--out", type=_ANY, metavar="DIR", help="Results folder; without it a new temporary one.")
def demo(kind: str, image: str | None, out: Path | None) -> None:
    """Grade three bundled submissions on a miniature of the data."""
    from autograder.demo import submissions
    from autograder.intake import find_submissions
    from autograder.labs import find_lab
    from autograder.sandbox.choose import choose

    sandbox = choose(kind, image)
    folder = out or Path(tempfile.mkdtemp(prefix="autograder-demo-")) / "results"
    candidates = find_submissions([submissions()])
    lab = find_lab(_DEMO_LAB)
    _grade(candidates, lab, out=folder, jobs=1, sandbox=sandbox, source=_MINIATURE, as_json=False)
    click.echo(f"Look around in {folder}: results.json, evidence and the executed notebook of each.")


@main.command()
@_IMAGE
def doctor(image: str | None) -> None:
    """Say what this machine has of what grading needs."""
    from autograder.labs import find_labs
    from autograder.sandbox.choose import describe_machine

    facts = describe_machine(image)
    width = max(len(fact.name) for fact in facts)
    for fact in facts:
        click.echo(f"{'ok     ' if fact.good else 'MISSING'} {fact.name:{width}}  {fact.value}")
        if fact.hint:
            click.echo(f"{'':8}{'':{width}}  {fact.hint}")
    labs = ", ".join(lab.name for lab in find_labs())
    click.echo(f"ok      {'labs':{width}}  {labs}" if labs else f"MISSING {'labs':{width}}  none found")


if __name__ == "__main__":
    main()
