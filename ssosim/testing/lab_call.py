"""Call the event loop of a lab from any thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Protocol, TypeVar

from ssosim.lab.core.lab import Lab

__all__ = ["CallLab"]

_T = TypeVar("_T")


class CallLab(Protocol):
    """Runs ``function(lab)`` in the loop of the lab and returns its result."""

    def __call__(self, function: Callable[[Lab], Coroutine[object, object, _T]]) -> _T:
        """Run ``function(lab)``."""
        ...
