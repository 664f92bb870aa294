"""The model of a scenario: its faults over time, its clients, and the expected outcomes."""

from __future__ import annotations

import ipaddress
import math
from datetime import datetime
from typing import Literal

import msgspec

from ssosim.estate import DnsResolver, Estate
from ssosim.estate.device_choice import DeviceChoice
from ssosim.faults import AnyFault
from ssosim.lab.scripted_user import BEHAVIOURS
from ssosim.verdict.expectations import (
    AnyExpectation,
    Expectation,
    convert_expectation,
    default_expectation,
    merge,
    select_by_phase,
)
from ssosim.verdict.outcome import label_phase

__all__ = ["Client", "Phase", "Scenario", "Step"]


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, named fields only, unknown keys refused."""


class Client(_Frozen, frozen=True, kw_only=True):
    """A client that signs in: a model by name, or a program with its arguments.

    ``device`` is a device of the estate by name, or by the kind of its user; by default the first device. ``run`` and
    ``environment`` may have placeholders (``ssosim.estate.placeholders``).

    ``kind`` names a group, for expectations. ``weight`` is the client's share of the mix that shares are computed over;
    0 for a client outside the mix. ``policy`` is a network-error policy that replaces the model's own. ``ipv6``: the
    device has IPv6 and prefers it. ``person`` is the behaviour of the scripted user at a prompt, by name; True means
    that the user signs in, False that the user walks away. ``fresh``: a new process with a new sign-on at each phase;
    programs always have that.

    ``expect`` are expectations of this client by phase (``phase``, ``scenario#phase``, ``scenario#*``, or ``*`` for any
    phase); they precede those of the phases. ``added``: the client is not of the scenario, such as the user's own
    program. Where nothing else is expected of it, it must sign in while no fault is in force, and expose nothing.

    ``last_step``: the step that completes the sign-in, if that is not a token: ``wstrust-ticket`` or
    ``wstrust-password`` for a client that only wants the assertion.

    For programs only: ``deadline`` in seconds, ``environment`` variables in addition to the device's own, and ``etc``,
    a folder whose files appear in the device's ``/etc``.
    """

    name: str
    model: str | None = None
    run: tuple[str, ...] = ()
    device: str | DeviceChoice | None = None
    deadline: float = 60.0
    kind: str = ""
    weight: float = 0.0
    policy: str | None = None
    ipv6: bool = False
    person: bool | str = True
    fresh: bool = False
    environment: dict[str, str] = {}
    etc: str | None = None
    expect: dict[str, AnyExpectation] = {}
    added: bool = False
    last_step: Literal["wstrust-ticket", "wstrust-password"] | None = None

    @property
    def device_name(self) -> str | None:
        """The name of the device; None for the estate's first. The scenario has been fitted to its estate."""
        if isinstance(self.device, DeviceChoice):
            raise TypeError(f"client {self.name!r}: the scenario was not fitted to an estate (ssosim.scenario.fitting)")
        return self.device

    @property
    def behaviour(self) -> str:
        """The behaviour of the scripted user, by its name in ``ssosim.lab.scripted_user``."""
        if isinstance(self.person, str):
            return self.person
        return BEHAVIOURS[0] if self.person else "walks-away"

    @property
    def person_answers(self) -> bool:
        """Whether the scripted user types the password at a prompt."""
        return self.behaviour == BEHAVIOURS[0]

    @property
    def groups(self) -> tuple[str, ...]:
        """The keys of ``Phase.expect`` that apply to this client, the most specific first."""
        return tuple(dict.fromkeys(key for key in (self.name, self.kind, self.model, ANY_CLIENT) if key))


ANY_CLIENT = "*"
"""The key of ``Phase.expect`` for every client that no other key applies to."""


class Step(_Frozen, frozen=True, kw_only=True):
    """Faults within a phase: in force from ``at`` to ``until`` (its end by default), in seconds from its start.

    For programs these are real seconds, from the moment that ``Phase.steps_from`` names.
    """

    at: float
    faults: tuple[AnyFault, ...]
    until: float | None = None


class Phase(_Frozen, frozen=True, kw_only=True):
    """A period of a scenario. ``faults`` are all faults in force in it; those of the phase before are undone.

    ``steps`` apply and undo faults within the phase. ``steps_from``: for a program, the times of steps and time limits
    of faults count from its start (``start``), or from its first message to the lab (``first-message``), so that a
    fault of a second meets a program that takes two seconds to start. ``include`` adds the faults and steps of other
    scenarios' phases, each as ``scenario#phase``; it is empty in a loaded scenario. ``expect`` maps a client's name,
    kind or model, or ``*`` for the rest, to what is expected: outcomes as text (``silent|interactive``), or a table;
    the most specific key counts. Of a client without a key nothing is expected.

    ``sign_in_at``: the clients sign in at these times, in seconds from the start, and each sign-in has a verdict of its
    own; without it they sign in once, at the start. ``expect_at`` has a table like ``expect`` for single sign-ins, by
    their times in seconds as text; it precedes ``expect``.
    """

    name: str
    start: datetime
    title: str = ""
    sign_in_at: tuple[float, ...] = ()
    faults: tuple[AnyFault, ...] = ()
    steps: tuple[Step, ...] = ()
    steps_from: Literal["start", "first-message"] = "start"
    include: tuple[str, ...] = ()
    expect: dict[str, AnyExpectation] = {}
    expect_at: dict[str, dict[str, AnyExpectation]] = {}

    def has_faults_in(self, sign_in: int) -> bool:
        """Whether a fault is in force between sign-in number ``sign_in`` (from 0) and the next one."""
        begin, *later = self.sign_in_times[sign_in : sign_in + 2]
        end = later[0] if later else math.inf
        periods = [(0.0, math.inf, self.faults)]
        periods += [(step.at, math.inf if step.until is None else step.until, step.faults) for step in self.steps]
        return bool(self.include) or any(
            at < end and min(until, at + (math.inf if fault.for_s is None else fault.for_s)) > begin
            for at, until, faults in periods
            for fault in faults
        )

    @property
    def sign_in_times(self) -> tuple[float, ...]:
        """The times at which the clients sign in, in seconds from the start of the phase."""
        return self.sign_in_at or (0.0,)

    @property
    def changes(self) -> bool:
        """Whether its faults change within the phase: at steps, after a time, or after a number of messages."""
        faults = [*self.faults, *(fault for step in self.steps for fault in step.faults)]
        return any(step.at > 0 or step.until is not None for step in self.steps) or any(
            fault.for_s is not None or fault.hit_limit is not None for fault in faults
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of the phase in results: one, or one for each time of ``sign_in_at``."""
        return tuple(label_phase(self.name, at) for at in self.sign_in_at or (None,))

    def expected_at(self, sign_in: int) -> dict[str, AnyExpectation]:
        """Return ``expect`` for sign-in number ``sign_in`` (from 0), with its own table first."""
        at = self.sign_in_times[sign_in]
        own = next((table for key, table in self.expect_at.items() if float(key) == at), {})
        return own | {key: value for key, value in self.expect.items() if key not in own}

    def expected_of(self, client: Client, scenario: str = "", sign_in: int = 0) -> Expectation | None:
        """Return what is expected of ``client``; None if nothing is.

        ``scenario`` is the name of the scenario, for keys of ``Client.expect``; ``sign_in`` is the number of the
        sign-in, from 0. Raises ExpectationError; a loaded scenario has been checked.
        """
        own = {key: convert_expectation(value) for key, value in client.expect.items()}
        tables = [table for key, table in self.expect_at.items() if float(key) == self.sign_in_times[sign_in]]
        found = [table[key] for table in (*tables, self.expect) for key in client.groups if key in table]
        here = convert_expectation(found[0]) if found else None
        broken = self.has_faults_in(sign_in)
        default = default_expectation(has_faults=broken) if client.added and here is None else None
        label = self.labels[sign_in]
        by_label = select_by_phase(own, label, scenario)[:2] if label != self.name else ()
        return merge(*by_label, *select_by_phase(own, self.name, scenario), here, default) or None


class Scenario(_Frozen, frozen=True, kw_only=True):
    """Phases in order, up to ``end``. ``sources`` are the sources of its facts: text, or ids of ``ssosim.sources``.

    ``statements`` are ids of the source's statements that the scenario replays, such as ``TMS9-020``. ``seed`` is the
    seed of all random numbers; it is printed with every result. ``resolvers`` are caching resolvers between the devices
    and the estate's name servers, if the estate has none of its own. ``mix`` describes the source of the weights.
    ``default_estate`` is the shipped estate that the scenario is played on unless another one is given.
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
    default_estate: str = ""

    def duration_of(self, index: int) -> float:
        """Return the length of phase number ``index`` (from 0) in seconds."""
        following = self.phases[index + 1].start if index + 1 < len(self.phases) else self.end
        return (following - self.phases[index].start).total_seconds()

    def sign_in_end(self, index: int, sign_in: int) -> float:
        """Return when sign-in number ``sign_in`` of phase ``index`` is judged, in seconds from its start (from 0)."""
        times = self.phases[index].sign_in_times
        return times[sign_in + 1] if sign_in + 1 < len(times) else self.duration_of(index)

    def estate(self, estate: Estate) -> Estate:
        """Return ``estate`` with this scenario's resolvers, unless the estate has resolvers.

        A resolver whose address is that of a host gets the next address that is free.
        """
        if not self.resolvers or estate.resolvers:
            return estate
        taken = {ipaddress.ip_address(host.address) for host in estate.hosts}
        resolvers = []
        for resolver in self.resolvers:
            address = ipaddress.ip_address(resolver.address)
            while address in taken:
                address += 1
            taken.add(address)
            resolvers.append(msgspec.structs.replace(resolver, address=str(address)))
        return msgspec.structs.replace(estate, resolvers=tuple(resolvers))
