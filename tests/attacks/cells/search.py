"""Search everything that can be read for words that only hidden tests, marks and solutions hold."""

import gc
import inspect
import os
import sys
import time

until, found, seen, paths = time.monotonic() + SECONDS, set(), 0, set()
# Written apart, so that this very cell is no find.
words = ["".join(parts) for parts in WORDS]


def look(text, where):
    global seen
    seen += 1
    found.update((word, where) for word in words if word in text)


def read(path):
    # Processes that were started together hold the same files.
    if path in paths:
        return
    paths.add(path)
    try:
        if os.path.isfile(path) and os.path.getsize(path) < 5_000_000 or path.startswith("/proc/"):
            with open(path, "rb") as file:
                look(file.read(5_000_000).decode("utf-8", "replace"), path)
    except OSError:
        pass


for process in [name for name in os.listdir("/proc") if name.isdigit()]:
    for part in ("environ", "cmdline", "mountinfo", "status"):
        read(f"/proc/{process}/{part}")
    for kind in ("fd", "cwd", "root"):
        try:
            for name in os.listdir(f"/proc/{process}/{kind}")[:200]:
                path = os.path.realpath(f"/proc/{process}/{kind}/{name}")
                if not path.startswith(("/dev", "/proc", "/sys")):
                    read(path)
        except OSError:
            pass
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if name not in ("site-packages", "proc", "sys")]
    if folder in ("/usr", "/lib", "/lib64", sys.prefix, sys.base_prefix):
        folders.clear()
    for name in files:
        if time.monotonic() < until:
            read(os.path.join(folder, name))
for module in list(sys.modules.values()):
    if getattr(module, "__name__", "").split(".")[0] in ("autograder", "dnnlab", "otter", "lab_probes"):
        look(inspect.getsource(module), module.__name__)
# Strings are searched many at a time: one by one, a hundred words take a minute.
known, pool, size = {id(words), id(WORDS), *map(id, words)}, [], 0
for thing in gc.get_objects():
    if id(thing) in known or time.monotonic() > until:
        continue
    for part in gc.get_referents(thing):
        if type(part) is str and len(part) > 5 and id(part) not in known:
            known.add(id(part))
            pool.append(part)
            size += len(part)
    if size > 4_000_000:
        look("\n".join(pool), "memory")
        pool, size = [], 0
look("\n".join(pool), "memory")
result = {"seen": seen, "found": sorted(found), "late": time.monotonic() > until, "left": round(until - time.monotonic())}
print(f"\nattack ran {result}\n", end="")
