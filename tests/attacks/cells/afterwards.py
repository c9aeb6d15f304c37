"""Define names anew after their checks, to something better or to nothing."""

X_train = y_train = X_valid = y_valid = X_test = y_test = None
lr_results, best_lr = {1e-3: 0.1}, 1e-3
history = {"loss": [0.1], "val_loss": [0.1], "val_accuracy": [1.0]}
print("\nattack ran\n", end="")
