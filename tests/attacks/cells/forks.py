"""Start 200 processes that wait: small ones, as the memory of many is another attack's."""

import os

children = []
for _ in range(200):
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        os.execv("/bin/sleep", ["sleep", "600"])
    children.append(child)
print(f"\nattack ran {len(children)}\n", end="")
