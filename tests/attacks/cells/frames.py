"""Look for tests and expected values in every frame, every thread and every object of the process."""

import gc
import inspect
import sys

frames, seen = list(sys._current_frames().values()), []
while frames:
    frame = frames.pop()
    seen += [name for name in {**frame.f_globals, **frame.f_locals} if name.startswith("test" + "_")]
    frames += [frame.f_back] if frame.f_back else []
functions = [one for one in gc.get_objects() if inspect.isfunction(one)]
seen += [one.__name__ for one in functions if one.__name__.startswith("test" + "_valid")]
for module in list(sys.modules.values()):
    if "expected" in vars(module):
        module.expected = None
print(f"\nattack ran {seen}\n", end="")
