"""Replace what writes evidence: NumPy's savers, paths, zip archives."""

import io
import pathlib
import zipfile

import numpy as np

np.save = np.savez = np.savez_compressed = lambda *args, **settings: None
np.asarray = np.ascontiguousarray = lambda *args, **settings: np.zeros(1)
np.float32 = np.float64
np.random.default_rng = lambda *args: None
pathlib.Path.write_text = pathlib.Path.write_bytes = lambda *args, **settings: 0
zipfile.ZipFile.writestr = zipfile.ZipFile.open = lambda *args, **settings: None
io.BytesIO = None
print("\nattack ran\n", end="")
