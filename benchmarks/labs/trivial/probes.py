"""No probes: this lab asks for a number."""
