"""Hang code on everything that is run later: imports, exits, threads, finalisers, traces, collections."""

import atexit
import builtins
import gc
import signal
import sys
import threading
import time


class Hook:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("autograder", "lab_probes", "json")):
            raise ImportError("there is no such module")

    def __del__(self):
        raise SystemExit(1)


def meddle(*args):
    for name in list(sys.modules):
        if name.startswith("autograder.judge"):
            del sys.modules[name]


def work_on():
    while True:
        meddle()
        time.sleep(0.05)


sys.meta_path.insert(0, Hook())
atexit.register(meddle)
gc.callbacks.append(meddle)
sys.settrace(lambda *args: None)
sys.setprofile(None)
sys.excepthook = meddle
signal.signal(signal.SIGALRM, meddle)
threading.Thread(target=work_on, daemon=True).start()
threading.Thread(target=time.sleep, args=(30,)).start()
honest_import = builtins.__import__
builtins.__import__ = lambda name, *args, **settings: honest_import(name, *args, **settings)
sys.modules["autograder.checks"] = sys.modules["autograder.judge"] = Hook
print("\nattack ran\n", end="")
