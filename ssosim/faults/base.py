"""What a fault is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ssosim.dns import ZoneStore
from ssosim.trace import Trace

__all__ = ["Fault", "FaultTarget", "Undo"]

Undo = Callable[[], None]


class FaultTarget(Protocol):
    """What a fault may change: the parts of a lab, without the lab."""

    @property
    def zones(self) -> ZoneStore:
        """What DNS answers are made from."""
        ...

    @property
    def trace(self) -> Trace:
        """Where it is written down."""
        ...


class Fault(Protocol):
    """A value that says what to break. ``apply`` breaks it, at once and whole, and returns what mends it."""

    def apply(self, target: FaultTarget) -> Undo:
        """Break; raises FaultError when there is nothing of that name to break."""
        ...
