"""A scenario: what breaks when, who signs in, and what each should see."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from ssosim.faults import AnyFault

__all__ = ["Client", "Outcome", "Phase", "Scenario"]


class Outcome(StrEnum):
    """What became of a sign-in, as seen from the wire and the device."""

    SILENT = "silent"
    """signed in without the user"""
    INTERACTIVE = "interactive"
    """the user was asked, and is signed in"""
    STALLED = "stalled"
    """not signed in, and nobody was told"""
    REFUSED = "refused"
    """a service answered and said no"""
    FAILED = "failed"
    """ended with an error that the user or caller sees"""


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, named fields only, unknown keys refused."""


class Client(_Frozen, frozen=True, kw_only=True):
    """Somebody who signs in: a model by name, or a program with its arguments. ``device`` is one of the estate's."""

    name: str
    model: str | None = None
    run: tuple[str, ...] = ()
    device: str | None = None
    deadline: float = 60.0


class Phase(_Frozen, frozen=True, kw_only=True):
    """A stretch of time. ``faults`` are those in force, counted from the healthy estate, not from the phase before.

    ``expect`` maps a client's name to the outcome that it should have; clients without one are not judged.
    """

    name: str
    start: datetime
    title: str = ""
    faults: tuple[AnyFault, ...] = ()
    expect: dict[str, Outcome] = {}


class Scenario(_Frozen, frozen=True, kw_only=True):
    """Phases in order, up to ``end``. ``rows`` are the ids of the facts it replays, ``sources`` where they stand.

    ``seed`` starts whatever draws lots; the same seed draws the same ones. It is printed with every result.
    """

    name: str
    title: str
    end: datetime
    phases: tuple[Phase, ...]
    clients: tuple[Client, ...]
    sources: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    seed: int = 0

    def duration_of(self, index: int) -> float:
        """Length of phase ``index`` in seconds."""
        following = self.phases[index + 1].start if index + 1 < len(self.phases) else self.end
        return (following - self.phases[index].start).total_seconds()
