"""Read and change the driver's memory, environment and course, by ptrace and through /proc."""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
parent, reached = os.getppid(), []
if libc.ptrace(16, parent, None, None) == 0:
    reached.append("ptrace")
    libc.ptrace(17, parent, None, None)
for name in ("mem", "environ", "maps", "root/room", "cwd/x", "fd"):
    path = f"/proc/{parent}/{name}"
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
        reached.append(name)
    except OSError:
        pass
print(f"\nattack ran {reached}\n", end="")
