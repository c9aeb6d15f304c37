"""Fork 200 children that wait."""

import os
import time

children = []
for _ in range(200):
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        time.sleep(600)
        os._exit(0)
    children.append(child)
print(f"\nattack ran {len(children)}\n", end="")
