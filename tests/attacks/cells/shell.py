"""Have the notebook's shell swallow whatever is run after this cell."""

import builtins
import signal

shell = get_ipython()
shell.input_transformers_cleanup.insert(0, lambda lines: [])
shell.run_cell_async = None
shell.user_global_ns["__builtins__"] = builtins
signal.signal(signal.SIGINT, signal.SIG_IGN)
builtins.open = builtins.vars = builtins.sorted = lambda *args, **settings: []
print("\nattack ran\n", end="")
