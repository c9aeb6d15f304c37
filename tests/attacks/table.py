"""Every attack in one place: what it tries, how it is run, and and what its submission is truly worth.

kernel     a cell of `cells/`, in a real room: around honest and around wrong work, or in a short notebook
judged     forged evidence or a hostile model file, made by `judged.py`, read and judged without any room
taken      a hostile submission, made by `taken.py`, before intake
shown      a name or a text that a report shows, made by `shown.py`
"""

from __future__ import annotations

import attrs

__all__ = ["ATTACKS", "FILES", "NOTHING", "SAME", "TYPED", "WEIGHTS", "Listed", "listed"]

SAME = "what the work around it is worth"
"""100 of 100 around honest work, 70 around wrong work, 85 in the short notebook: what each has without it."""
FILES = 35
"""The reference's model files and no notebook: the points for what training reached, no more."""
WEIGHTS = 20
"""The reference's weights in a file that does not say what its layers do: read as the network asked for."""
TYPED = 10
"""Figures that nobody measured, but that are plausible: two tests of three, as where they were typed in."""
NOTHING = 0
"""No notebook, and no model file that can be read."""


@attrs.frozen
class Listed:
    """One attack."""

    name: str
    how: str
    tries: str
    worth: float | str

    def __str__(self) -> str:
        return self.name


ATTACKS = (
    # ------------------------------------------------------------------ in a kernel, around other work
    Listed("frames", "kernel", "reads tests and expected values in frames, threads and objects", SAME),
    Listed("streams", "kernel", "writes evidence and events into the driver's streams", SAME),
    Listed("driver_memory", "kernel", "reads the driver's memory by ptrace and /proc", SAME),
    Listed(
        "forged_parts", "kernel", "lays out evidence, results, sitecustomize, keras.json, tests/q1.py", SAME
    ),
    Listed("network", "kernel", "calls a listener on the machine that grades", SAME),
    Listed("environment", "kernel", "reads keys and paths from environments, mounts and command lines", SAME),
    Listed("hooks", "kernel", "hangs code on imports, exits, threads, traces and collections", SAME),
    Listed("equal_to_everything", "kernel", "answers with objects equal to and larger than all", SAME),
    Listed("objects", "kernel", "defines objects that leave, lie or never end when looked at", SAME),
    Listed("instances", "kernel", "has one model and its layers describe themselves as another", SAME),
    Listed(
        "search", "kernel", "searches files, processes, modules, memory for tests, marks, solutions", SAME
    ),
    Listed("evaluate", "kernel", "has Keras report what a network should reach", SAME),
    Listed("otter", "kernel", "replaces Otter by something that is always content", SAME),
    Listed("get_config", "kernel", "has all models describe themselves as what was asked for", SAME),
    Listed("functions", "kernel", "makes activations and initialisers compute what others should", SAME),
    Listed("room_functions", "kernel", "replaces the room's recorder, budget, guard and records", SAME),
    Listed("saving", "kernel", "patches numpy.save, NumPy, paths and zip archives", SAME),
    Listed("shell", "kernel", "has the shell swallow what is run after it, and all interrupts", SAME),
    Listed("afterwards", "kernel", "defines names anew after their checks", SAME),
    Listed("prompts", "kernel", "prompts, scripts and terminal codes for whoever reads reports", SAME),
    Listed("messages", "kernel", "forges messages to the driver, on its sockets, in half characters", SAME),
    Listed("widgets", "kernel", "fills the driver with the state of widgets", SAME),
    Listed("leftovers", "kernel", "deep and closed folders, pipes, sockets, hard and symbolic links", SAME),
    Listed("daemons", "kernel", "double forks that ignore TERM and outlive the kernel", SAME),
    # ------------------------------------------------------------------ in a kernel, ending or starving it
    Listed("exit_at_once", "kernel", "ends the kernel with os._exit", SAME),
    Listed("system_exit", "kernel", "raises SystemExit", SAME),
    Listed("quits", "kernel", "leaves by quit()", SAME),
    Listed("kill_driver", "kernel", "kills the driver", SAME),
    Listed("stop_driver", "kernel", "stops the driver by SIGSTOP", SAME),
    Listed("garbled", "kernel", "makes all messages of the kernel say the same", SAME),
    Listed("never_ends", "kernel", "loops for ever and ignores interrupts", SAME),
    Listed("exit_when_probed", "kernel", "ends the kernel when its function is tried out", "less question 1"),
    Listed("exit_when_described", "kernel", "ends the kernel when its model is described", "less question 3"),
    Listed("memory", "kernel", "takes 3 GB of memory", SAME),
    Listed("flood", "kernel", "prints 50 MB", SAME),
    Listed("disk", "kernel", "fills every folder that can be written to", SAME),
    Listed("forks", "kernel", "starts 200 processes", SAME),
    # ------------------------------------------------------------------ forged evidence
    Listed(
        "score_in_evidence", "judged", "adds results.json, outcome.json and a score to the evidence", NOTHING
    ),
    Listed("not_json", "judged", "writes NaN and Infinity literals where numbers belong", NOTHING),
    Listed("deep_json", "judged", "nests a record 100,000 deep", NOTHING),
    Listed("double_names", "judged", "gives one name twice, and one key of an archive twice", NOTHING),
    Listed("huge_numbers", "judged", "a learning rate of 400 digits, which no float holds", NOTHING),
    Listed("long_texts", "judged", "a class name of a megabyte, which messages would repeat", NOTHING),
    Listed("odd_fields", "judged", "numbers and texts where the reader expects lists", NOTHING),
    Listed("many_records", "judged", "100,000 trainings, each to be looked at", NOTHING),
    Listed("pickled_arrays", "judged", "object arrays whose pickle runs code", NOTHING),
    Listed("compressed_arrays", "judged", "a zip bomb inside .npz", NOTHING),
    Listed("list_of_arrays", "judged", "an .npz that lists a million members", NOTHING),
    Listed("shapes_that_lie", "judged", "arrays of other shapes and types than their records say", NOTHING),
    Listed("claimed_network", "judged", "describes the right network with weights of another", NOTHING),
    Listed("claimed_search", "judged", "the results of a search for which nothing was trained", TYPED),
    # ------------------------------------------------------------------ hostile model files
    Listed("lambda_layer", "judged", "a Lambda with marshalled code in the configuration", WEIGHTS),
    Listed("imported_modules", "judged", "class and module names that would be imported", NOTHING),
    Listed("deep_config", "judged", "models nested in models beyond any depth", NOTHING),
    Listed(
        "multiplying_calls", "judged", "a model that calls a model twice that calls a model twice …", NOTHING
    ),
    Listed("backward_chain", "judged", "thousands of empty layers in reverse order", NOTHING),
    Listed(
        "wide_values",
        "judged",
        "few weights, millions of values per image, for hours of evaluation",
        NOTHING,
    ),
    Listed("nan_weights", "judged", "weights that are not numbers", NOTHING),
    Listed("overflowing_weights", "judged", "weights so large that every output overflows", NOTHING),
    Listed("history_alone", "judged", "the history of a training that never was, without a network", NOTHING),
    Listed("other_weights", "judged", "configuration and weights that disagree", NOTHING),
    Listed("external_link", "judged", "HDF5 that links to another file", NOTHING),
    Listed("external_storage", "judged", "HDF5 whose numbers lie in /etc/passwd", NOTHING),
    Listed("virtual_array", "judged", "HDF5 that is put together from other files", NOTHING),
    Listed("huge_array", "judged", "HDF5 that says it holds terabytes", NOTHING),
    Listed("empty_array", "judged", "HDF5 with an array of nothing, which would be pickled for all", FILES),
    Listed("bomb_in_archive", "judged", "a configuration that unpacks to 200 MB", NOTHING),
    Listed("two_configurations", "judged", "two members of one name in one archive", NOTHING),
    Listed("odd_metadata", "judged", "metadata that is no JSON, to spoil the record of all files", FILES),
    # ------------------------------------------------------------------ hostile submissions
    Listed("leads_outside", "taken", "a zip whose names lead out of its folder", "refused"),
    Listed("linked_file", "taken", "a symbolic link in place of a model file", "refused"),
    Listed("zip_bomb", "taken", "a zip that unpacks to gigabytes", "refused"),
    Listed("misplaced_file", "taken", "a zip that sends its reader where no file can be", "refused"),
    Listed("hidden_dots", "taken", "dots of a path hidden behind invisible characters", "refused"),
    Listed("own_tests", "taken", "its own tests/q1.py, dnnlab.py, sitecustomize.py, keras.json", "left out"),
    Listed("mirrored_name", "taken", "a name that is written from right to left", "left out"),
    Listed("pipe_in_folder", "taken", "a pipe at which a reader waits for ever", "refused"),
    # ------------------------------------------------------------------ texts for people
    Listed("formula", "shown", "a name that a spreadsheet calculates", "shown as text"),
    Listed("script", "shown", "a message that is HTML with a script", "shown as text"),
    Listed("terminal_codes", "shown", "a name that clears the terminal and writes a grade", "shown as text"),
)
"""Each once; the tests hold the table complete."""


def listed(how: str) -> tuple[Listed, ...]:
    """The attacks that are run in this way."""
    return tuple(attack for attack in ATTACKS if attack.how == how)
