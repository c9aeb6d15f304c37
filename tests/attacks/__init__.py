"""Notebooks that attack the room: their cells, where they stand, and how a submission is made of them."""
