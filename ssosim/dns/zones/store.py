"""What changes in the DNS layer while a lab runs: which ZoneSet is current, how endpoints are, the next draw."""

from __future__ import annotations

import dataclasses
import random

from ssosim.dns.zones.health import HealthBoard
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["ZoneStore"]


class ZoneStore:
    """Holds the current ZoneSet. Replacing it is one assignment: a query sees the old or the new, never half.

    ``health`` is kept beside the zones, because it is found, not configured: putting old zones back does not make an
    endpoint well. ``seed`` starts the draws of weighted routing, which take no time from any clock.
    """

    def __init__(self, current: ZoneSet, *, seed: int = 1) -> None:
        self.health = HealthBoard()
        self.draw = random.Random(seed).random  # noqa: S311 - shares of traffic, not secrets; a run can be repeated
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
