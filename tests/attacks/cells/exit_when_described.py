"""A model that ends the kernel when somebody looks at it."""

import os


class Touchy(keras.Sequential):
    inputs = outputs = property(lambda self: os._exit(0))


model = Touchy([keras.layers.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(10)])
print("\nattack ran\n", end="")
