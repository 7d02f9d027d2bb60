"""Faults to plant in the package: a module for each part of the book, named by its docstring."""

import pkgutil
from importlib import import_module

_MODULES = [import_module(f"faults.{module.name}") for module in pkgutil.iter_modules(__path__)]
PARTS = {m.__doc__.partition(":")[0]: m.FAULTS for m in _MODULES if hasattr(m, "FAULTS")}
