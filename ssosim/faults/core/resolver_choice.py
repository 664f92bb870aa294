"""Which resolver of the lab a fault is about."""

from __future__ import annotations

from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import FaultState

__all__ = ["check_resolver"]


def check_resolver(state: FaultState, name: str) -> None:
    """Raise FaultError unless the lab has a resolver ``name``; in a lab without resolvers only ``""`` is right.

    A fault of a resolver that is not there would change nothing, and a test would pass for the wrong reason.
    """
    known = state.resolvers
    if not known and name:
        raise FaultError(f"resolver: there is no resolver {name!r}: the estate has no [[resolvers]]")
    if known and name not in known:
        missing = f"there is no resolver {name!r}" if name else "which one? the lab has several servers"
        raise FaultError(f"resolver: {missing}; expected one of {', '.join(known)}")
