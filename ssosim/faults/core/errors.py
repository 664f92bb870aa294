"""The error of all faults."""

from __future__ import annotations

__all__ = ["FaultError"]


class FaultError(ValueError):
    """A fault that cannot be used: no such fault, a wrong field, or nothing in the lab that it could change.

    The text says what is wrong, where, and what to do. Nothing was changed.
    """
