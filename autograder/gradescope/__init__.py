"""Grade on Gradescope: the zip that a lab's instructor uploads, and what runs there."""
