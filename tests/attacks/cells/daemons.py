"""Leave processes that have forked twice, ignore all signals that can be, and hold the cell's streams."""

import os
import signal
import time

for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1):
                signal.signal(number, signal.SIG_IGN)
            time.sleep(3600)
        os._exit(0)
print("\nattack ran\n", end="")
