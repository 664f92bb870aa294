"""The DNS state that changes while a lab runs: the current ZoneSet, endpoint health, and the random numbers."""

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
    """Owns the current ZoneSet; ``change`` is the only way to replace it.

    A query sees the old zones or the new ones, never a mixture. ``health`` is stored beside the zones, because it is
    measured, not configured: a rollback of zones does not change the health of endpoints. ``seed`` starts the random
    numbers of weighted routing; they do not depend on a clock.
    """

    def __init__(self, current: ZoneSet, *, seed: int = 1) -> None:
        self.health = HealthTable()
        self.draw = random.Random(seed).random  # noqa: S311 - shares of traffic, not secrets; a run can be repeated
        self.__current = current
        self.__lock = threading.RLock()

    @property
    def current(self) -> ZoneSet:
        """The ZoneSet that answers are made from. Reading it needs no lock."""
        return self.__current

    def lock(self) -> AbstractContextManager[object]:
        """A context manager: no other thread changes the zones in its block. Blocks may be nested.

        It protects state that belongs to the zones (the ledger, the desired state, the active faults): code that reads
        it, decides, and changes both does so in one block. The block must not await.
        """
        return self.__lock

    def change(self, step: Callable[[ZoneSet], ZoneSet]) -> ZoneSet:
        """Make ``step(current)`` current and return what it replaces.

        ``step`` is a pure function. It runs while no other thread can change the zones, so no change is lost. If it
        raises, the zones stay as they are.

        The version always increases, even if an older value returns, because SOA serials must increase.
        """
        with self.__lock:
            former = self.__current
            new = step(former)
            if new is not former and new.version <= former.version:
                new = dataclasses.replace(new, version=former.version + 1)
            self.__current = new
            return former
