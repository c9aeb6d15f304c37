"""Replace Otter by something that is always content."""

import sys
import types

import otter


class Content:
    def __getattr__(self, name):
        return lambda *args, **settings: "All tests passed!"


otter.Notebook.check = lambda self, *args, **settings: "All tests passed!"
sys.modules["otter"] = sys.modules["otter.test_files"] = types.SimpleNamespace(Notebook=Content)
grader = Content()
print(f"\nattack ran {grader.check('q1')}\n", end="")
