"""Figures, widgets, and models that run inside the page."""
