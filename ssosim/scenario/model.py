"""A scenario: what breaks when, who signs in, and what each should see."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ssosim.estate import DnsResolver, Estate
from ssosim.faults import AnyFault
from ssosim.lab.scripted_user import BEHAVIOURS
from ssosim.verdict.outcome import Outcome

__all__ = ["Client", "Phase", "Scenario", "Step"]


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, named fields only, unknown keys refused."""


class Client(_Frozen, frozen=True, kw_only=True):
    """Somebody who signs in: a model by name, or a program with its arguments. ``device`` is one of the estate's.

    ``kind`` names a group, for expectations. ``weight`` is the client's part in the mix that shares are computed over,
    0 for one that is not of it. ``policy`` is a network-error policy in the place of the model's own. ``ipv6``: the
    device has IPv6 and prefers it. ``person`` is what the person at the device does when asked, by name; True for the
    one who signs in, False for the one who walks away. ``fresh``: a new process with a new sign-on at each phase, as
    programs always are.

    Of programs only: ``deadline`` in seconds, ``environment`` beside the device's own, and ``etc``, a folder whose
    files appear in the device's ``/etc``.
    """

    name: str
    model: str | None = None
    run: tuple[str, ...] = ()
    device: str | None = None
    deadline: float = 60.0
    kind: str = ""
    weight: float = 0.0
    policy: str | None = None
    ipv6: bool = False
    person: bool | str = True
    fresh: bool = False
    environment: dict[str, str] = {}
    etc: str | None = None

    @property
    def behaviour(self) -> str:
        """What the person at the device does, by its name in ``ssosim.lab.scripted_user``."""
        if isinstance(self.person, str):
            return self.person
        return BEHAVIOURS[0] if self.person else "walks-away"

    @property
    def person_answers(self) -> bool:
        """Whether the person types the password when asked."""
        return self.behaviour == BEHAVIOURS[0]

    @property
    def groups(self) -> tuple[str, ...]:
        """The keys under which something is expected of it, the closest first."""
        return tuple(dict.fromkeys(key for key in (self.name, self.kind, self.model, ANYBODY) if key))


ANYBODY = "*"
"""The key of what is expected of every client for which nothing else is."""


class Step(_Frozen, frozen=True, kw_only=True):
    """Faults within a phase: in force from ``at`` to ``until`` (its end by default), in seconds from its start."""

    at: float
    faults: tuple[AnyFault, ...]
    until: float | None = None


class Phase(_Frozen, frozen=True, kw_only=True):
    """A stretch of time. ``faults`` are those in force, counted from the healthy estate, not from the phase before.

    ``steps`` break and mend in between. ``include`` adds the faults and steps of other scenarios' phases, each as
    ``scenario#phase``; a scenario that was loaded has none left. ``expect`` maps a client's name, kind or model, or
    ``*`` for the rest, to the outcome that it should have; the closest key counts. Who has none is not judged.
    """

    name: str
    start: datetime
    title: str = ""
    faults: tuple[AnyFault, ...] = ()
    steps: tuple[Step, ...] = ()
    include: tuple[str, ...] = ()
    expect: dict[str, Outcome] = {}

    def expected_of(self, client: Client) -> Outcome | None:
        """What ``client`` should come to; None where nothing is expected of it."""
        return next((self.expect[key] for key in client.groups if key in self.expect), None)


class Scenario(_Frozen, frozen=True, kw_only=True):
    """Phases in order, up to ``end``. ``sources`` says where its facts are from: words, or ids of ``ssosim.sources``.

    ``statements`` are ids of what it replays, as ``TMS9-020``.

    ``seed`` starts whatever draws lots; the same seed draws the same ones. It is printed with every result.
    ``resolvers`` stand between the devices and the estate's name servers, where the estate has none of its own.
    ``mix`` says in words where the weights come from.
    """

    name: str
    title: str
    end: datetime
    phases: tuple[Phase, ...]
    clients: tuple[Client, ...]
    sources: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    seed: int = 0
    resolvers: tuple[DnsResolver, ...] = ()
    mix: str = ""

    def duration_of(self, index: int) -> float:
        """Length of phase ``index`` in seconds."""
        following = self.phases[index + 1].start if index + 1 < len(self.phases) else self.end
        return (following - self.phases[index].start).total_seconds()

    def estate(self, estate: Estate) -> Estate:
        """``estate`` as this scenario wants it."""
        if not self.resolvers or estate.resolvers:
            return estate
        return msgspec.structs.replace(estate, resolvers=self.resolvers)
