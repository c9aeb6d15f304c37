"""Leave behind folders too deep or closed to be listed, pipes, sockets, links, and names like those of evidence."""

import os
import pathlib
import socket

home, reached = os.getcwd(), []
os.makedirs("closed")
pathlib.Path("closed", "file").write_text("x")
os.chmod("closed", 0o444)
for name in ("names.json", "names.npz", "probe_build_dnn.json"):
    os.mkfifo(f"pipe-{name}")
pathlib.Path("loop").symlink_to(home)
os.symlink("/proc/self/environ", "environ.json")
for path in ("left.sock", "/tmp/left.sock", "/dev/shm/left.sock", "\0left"):
    try:
        left = socket.socket(socket.AF_UNIX)
        left.bind(path)
        left.listen()
    except OSError:
        pass
for source in ("/room/submission", "/room/kit", "/room/data", "/etc"):
    for entry in list(pathlib.Path(source).iterdir())[:20]:
        try:
            if os.access(entry, os.W_OK):
                reached.append(str(entry))
            os.link(entry, f"hard-{entry.name}")
            with open(f"hard-{entry.name}", "ab") as file:
                reached.append(file.name)
        except OSError:
            pass
for _ in range(1500):
    os.mkdir("deep")
    os.chdir("deep")
os.chdir(home)
print(f"\nattack ran {reached}\n", end="")
