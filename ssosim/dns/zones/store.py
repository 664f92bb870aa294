"""What changes in the DNS layer while a lab runs: which ZoneSet is current, how endpoints are, the next draw."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from ssosim.dns.zones.health import HealthTable
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["ZoneStore"]


class ZoneStore:
    """Owns the current ZoneSet; ``change`` is the only way to another one.

    A query sees the old zones or the new ones, never half. ``health`` is kept beside the zones, because it is found,
    not configured: putting old zones back does not make an endpoint well. ``seed`` starts the draws of weighted
    routing, which take no time from any clock.
    """

    def __init__(self, current: ZoneSet, *, seed: int = 1) -> None:
        self.health = HealthTable()
        self.draw = random.Random(seed).random  # noqa: S311 - shares of traffic, not secrets; a run can be repeated
        self.__current = current
        self.__lock = threading.RLock()

    @property
    def current(self) -> ZoneSet:
        """What answers are made from now. Reading needs no lock."""
        return self.__current

    def lock(self) -> AbstractContextManager[object]:
        """A block in which no other thread changes the zones; blocks may be nested.

        For state that goes with the zones (the ledger, the desired state, the faults in force): whoever reads it,
        decides and changes both does so in one block. The block must not await.
        """
        return self.__lock

    def change(self, step: Callable[[ZoneSet], ZoneSet]) -> ZoneSet:
        """Make ``step(current)`` current and return what it replaces.

        ``step`` is a pure function and runs while no other thread can change the zones, so that nothing is lost
        between reading and writing; what it raises is raised, and nothing has changed then.

        The version served never repeats nor goes back, even when an older value returns: SOA serials must not.
        """
        with self.__lock:
            former = self.__current
            new = step(former)
            if new is not former and new.version <= former.version:
                new = dataclasses.replace(new, version=former.version + 1)
            self.__current = new
            return former
