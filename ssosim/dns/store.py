"""The one mutable thing of the DNS layer: which ZoneSet is current."""

from __future__ import annotations

import dataclasses

from ssosim.dns.model import ZoneSet

__all__ = ["ZoneStore"]


class ZoneStore:
    """Holds the current ZoneSet. Replacing it is one assignment: a query sees the old or the new, never half."""

    def __init__(self, current: ZoneSet) -> None:
        self._current = current

    @property
    def current(self) -> ZoneSet:
        """What answers are made from now."""
        return self._current

    def replace(self, new: ZoneSet) -> ZoneSet:
        """Make ``new`` current and return what it replaces, which is what puts things back.

        The version served never repeats nor goes back, even when an older value returns: SOA serials must not.
        """
        former = self._current
        if new is not former and new.version <= former.version:
            new = dataclasses.replace(new, version=former.version + 1)
        self._current = new
        return former
