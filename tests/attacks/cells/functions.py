"""Make one activation and one initialiser compute what another should."""

import keras
import tensorflow as tf

tf.nn.relu = tf.nn.selu = tf.nn.elu
keras.activations.relu = keras.activations.selu = keras.activations.elu
keras.initializers.GlorotUniform.__call__ = keras.initializers.HeNormal.__call__
keras.optimizers.Adam.__name__ = "Nadam"
keras.optimizers.Adam.__name__ = "Adam"
print("\nattack ran\n", end="")
