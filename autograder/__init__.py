"""Autograder for labs on training deep neural networks."""

__version__ = "0.1.0"
