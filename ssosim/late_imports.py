"""Names of a package that are imported from their modules when they are used.

A package with many modules gives its names so: together its modules take longer to import than a small check.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["import_late"]


def import_late(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of ``package`` (PEP 562); ``modules`` has the module of each name, below the package.

    An imported name stays in the package. A name that is not in ``modules`` raises AttributeError.
    """

    def find(name: str) -> Any:
        module = modules.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"{package}.{module}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return find
