# ---
# jupyter:
#   jupytext:
#     cell_markers: '"""'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [raw]
"""
# ASSIGNMENT CONFIG
init_cell: true
export_cell: false
check_all_cell: false
run_tests: false
files:
  - dnnlab.py
tests:
  ok_format: false
  files: true
"""

# %%
QUICK = False
SEED = 1

# %%
import keras

# %% [raw]
"""
# BEGIN QUESTION
name: q1
"""

# %% [markdown]
"""
Make a network of one dense layer with three units on four inputs, and count its weights.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
net = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])  # SOLUTION
weights = net.count_params()  # SOLUTION

# %% [raw]
"""
# END SOLUTION
"""

# %% [raw]
"""
# BEGIN TESTS
"""

# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_counted(env):
    assert isinstance(env["weights"], int), "weights should be a whole number"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 10
success_message: The weights are counted.
failure_message: The weights are not counted.
"""  # END TEST CONFIG


def test_weights(env):
    assert env["weights"] == 15


# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""
