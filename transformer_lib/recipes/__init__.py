"""Trainings that take longer than a chapter: one module each, to be run with `python -m`."""
