"""Take 3 GB, a step at a time, and touch every page."""

hoard = []
try:
    for _ in range(30):
        hoard.append(bytearray(100 << 20))
        hoard[-1][::4096] = b"x" * len(hoard[-1][::4096])
except MemoryError:
    hoard.clear()
print(f"\nattack ran {len(hoard)}\n", end="")
del hoard
