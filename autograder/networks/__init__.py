"""Neural networks as plain data: read from a saved configuration, compared and computed without Keras."""
