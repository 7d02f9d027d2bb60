"""Whole models, one paper a file, put together from the layers of this package."""
