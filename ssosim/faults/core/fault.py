"""The base class of all faults, and the state that faults change.

Parts
-----
- ``Fault``: a value whose fields say what to break. ``fold`` is a pure function: it gets a ``FaultState`` and returns
  the state with the fault in it.
- ``FaultState``: everything that a fault can change: zones, name servers, rules for DNS answers, for HTTP exchanges and
  for requests to the KDC, certificates, and the estate of the identity provider.
- ``Applied``: one active fault, with what it must remember: its count of hits, its random numbers, the zones before it.

Rules that always hold
----------------------
- Active faults are layers over the healthy state. To undo one, in any order, the others are folded again over the
  healthy state. So undoing a fault never brings back what another fault, or an operator, has changed meanwhile.
- A fault has no state of its own, and neither reads a clock nor a socket. What it does to an exchange is a function in
  the state (a rule), which a lab on sockets and the lab in memory both call.
- A fault that does not fit the lab raises ``FaultError`` in ``fold``; nothing has changed then.

What can go wrong
-----------------
- ``fold`` is called again with every change of the active faults. Counts and random numbers belong into ``Applied``,
  which lives as long as the fault is active.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec
from dns.name import Name

from ssosim.dns import DnsChangeError, Effect, ZoneSet
from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.hierarchy import Hierarchy
from ssosim.dns.zones.zone_set import ZoneChange
from ssosim.entra.core.fault_effect import FindHttpEffect
from ssosim.estate import Estate
from ssosim.faults.core.clocks import ClockRule
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.kdc_effect import KdcRule
from ssosim.kerberos.key_database import KeyRule
from ssosim.trace import DnsAnswered

__all__ = [
    "Applied",
    "CertificateTrouble",
    "DnsRule",
    "Fault",
    "FaultLayers",
    "FaultState",
    "FaultTarget",
    "HttpRule",
    "KdcRule",
    "Undo",
    "check_kdcs",
]

Undo = Callable[[], None]

CLASSES: list[type[Fault]] = []
"""Every subclass of ``Fault``, in the order of definition."""

LONGEST_S = 366 * 86_400.0
"""The longest time that a fault can be limited to, in seconds."""

CertificateTrouble = Literal["expired", "wrong-name", "untrusted"]
"""What may be wrong with the certificate that a host presents."""


class FaultLayers(Protocol):
    """The list of active faults, as far as a fault knows it."""

    def add(self, fault: Fault) -> Undo:
        """Put a fault in force, as the topmost layer; the result undoes it."""
        ...


class FaultTarget(Protocol):
    """What a fault can be applied to: a lab, as far as a fault knows it."""

    @property
    def faults(self) -> FaultLayers:
        """The active faults."""
        ...


def every_name(_name: str) -> bool:
    """Return True: the rule can have an effect on answers about every name."""
    return True


@dataclass(frozen=True, slots=True)
class DnsRule:
    """What one fault does to DNS answers. ``at``: at authoritative servers, at resolvers, or at the lab's one server.

    ``final``: its effects decide the content of the answer; of such effects only the newest fault's is used.
    ``touches`` gets a name (lower case, no trailing dot) and returns whether the rule can have an effect on answers
    about it. The result is cached: it depends on the name only. ``counts``: it has no effect and only counts answers
    whose content is that of the zones; it is called where no effect decides the content.
    """

    at: Literal["authority", "resolver", "lab"]
    final: bool
    effect: Callable[[DnsAnswered, str], Effect | None]
    touches: Callable[[str], bool] = every_name
    fault: int = 0
    counts: bool = False


@dataclass(frozen=True, slots=True)
class HttpRule:
    """What one fault does to HTTP exchanges: to all, or to those with ``host`` if it names one.

    ``has_code``: the response has an AADSTS code, which only the login host and the autologon host send. ``count_hit``
    is called once for each exchange on which it had an effect.
    """

    effect_on: FindHttpEffect
    host: str = ""
    has_code: bool = False
    count_hit: Callable[[], None] = lambda: None
    fault: int = 0


@dataclass(frozen=True, slots=True)
class FaultState:
    """Everything that faults can change.

    ``rules``: effects on DNS answers. ``bogus``: zones that fail validation. ``http`` and ``kdc``: effects on HTTP
    exchanges and on requests to the KDC. ``keys``: changes of the keys of accounts. ``clocks``: clocks that are wrong.
    ``certificates``: by host, what is wrong with the certificate it presents;
    ``presented``: by host, the function to call at each handshake with that certificate. ``estate``: changes of the
    estate that the identity provider uses. ``host_conditions``: names of what is wrong with files that hosts write on
    devices. Of each tuple the oldest fault is the first. ``estate_faults`` (one for each change of the estate),
    ``certificate_faults`` and ``bogus_faults`` have the number of the fault that did it. ``resolvers`` are the lab's
    resolvers by name, each with the subnet that name servers see; no fault changes them. ``kdc_hosts`` are the names of
    the KDCs' hosts, which no fault changes either (None: not known).
    """

    zones: ZoneSet
    hierarchy: Hierarchy
    rules: tuple[DnsRule, ...] = ()
    bogus: frozenset[Name] = frozenset()
    http: tuple[HttpRule, ...] = ()
    kdc: tuple[KdcRule, ...] = ()
    keys: tuple[KeyRule, ...] = ()
    clocks: tuple[ClockRule, ...] = ()
    certificates: Mapping[str, CertificateTrouble] = field(default_factory=lambda: MappingProxyType({}))
    presented: Mapping[str, Callable[[], None]] = field(default_factory=lambda: MappingProxyType({}))
    estate: tuple[Callable[[Estate], Estate], ...] = ()
    host_conditions: frozenset[str] = frozenset()
    estate_faults: tuple[int, ...] = ()
    certificate_faults: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    bogus_faults: Mapping[Name, int] = field(default_factory=lambda: MappingProxyType({}))
    resolvers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    kdc_hosts: tuple[str, ...] | None = None


def check_kdcs(state: FaultState, names: Iterable[str]) -> None:
    """Raise FaultError if one of ``names`` is no host of a KDC."""
    for name in names:
        if state.kdc_hosts is not None and name not in state.kdc_hosts:
            raise FaultError(f"kdcs: there is no KDC {name!r}; the hosts with a KDC: {', '.join(state.kdc_hosts)}")


def name_parts(state: FaultState, before: FaultState, number: int) -> FaultState:
    """Return ``state`` with ``number`` at everything that is not in ``before``: the fault with this number did it.

    So no fault has to name itself, and every event can name the faults that changed it.
    """
    zones, hierarchy = state.zones, state.hierarchy
    if zones is not before.zones:
        change = ZoneChange(
            number, dataclasses.replace(before.zones, changes=()), dataclasses.replace(zones, changes=())
        )
        zones = dataclasses.replace(zones, changes=(*before.zones.changes, change))
    if hierarchy is not before.hierarchy:
        views = {
            at: view if before.hierarchy.views.get(at) is view else dataclasses.replace(view, fault=number)
            for at, view in hierarchy.views.items()
        }
        removed_by = {
            **before.hierarchy.removed_by,
            **dict.fromkeys(hierarchy.removed - before.hierarchy.removed, number),
        }
        delegated_by = {
            zone: before.hierarchy.delegated_by.get(zone, number)
            if before.hierarchy.delegated.get(zone) is servers
            else number
            for zone, servers in hierarchy.delegated.items()
        }
        hierarchy = dataclasses.replace(
            hierarchy,
            views=MappingProxyType(views),
            removed_by=MappingProxyType(removed_by),
            delegated_by=MappingProxyType(delegated_by),
        )
    changed = [
        host
        for host, wrong in state.certificates.items()
        if state.presented.get(host) is not before.presented.get(host) or wrong != before.certificates.get(host)
    ]
    return dataclasses.replace(
        state,
        zones=zones,
        hierarchy=hierarchy,
        rules=tuple(each if each in before.rules else dataclasses.replace(each, fault=number) for each in state.rules),
        http=tuple(each if each in before.http else dataclasses.replace(each, fault=number) for each in state.http),
        kdc=tuple(each if each in before.kdc else each._replace(fault=number) for each in state.kdc),
        clocks=tuple(each if each in before.clocks else each._replace(fault=number) for each in state.clocks),
        keys=tuple(each if each in before.keys else each._replace(fault=number) for each in state.keys),
        certificate_faults={**before.certificate_faults, **dict.fromkeys(changed, number)},
        estate_faults=(*before.estate_faults, *(number,) * (len(state.estate) - len(before.estate))),
        bogus_faults={**before.bogus_faults, **dict.fromkeys(state.bogus - before.bogus, number)},
    )


@dataclass(slots=True, eq=False)
class Applied:
    """One active fault, with what it must remember.

    ``at``: when it was applied, in seconds since the Unix epoch by the clock of the lab. ``before``: the zones before
    it. ``hits``: the number of exchanges on which it had an effect. ``counters``: numbers that the fault itself
    remembers, by names of its choice. ``suspended``: it does not fit the layers below any more, because one of them was
    undone or changed. ``exhausted`` ends the fault and gets the reason. ``call_off`` cancels the timer of its limit.
    """

    id: int
    fault: Fault
    before: ZoneSet
    authorities: Authorities
    hits: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    suspended: bool = False
    at: float = 0.0
    exhausted: Callable[[str], None] = lambda _: None
    call_off: Undo = lambda: None
    _random_of: dict[str, Random] = field(default_factory=dict)

    def fold_into(self, state: FaultState) -> FaultState:
        """Return ``state`` with the fault in it. Raises FaultError if it does not fit."""
        try:
            return name_parts(self.fault.fold(state, self), state, self.id)
        except DnsChangeError as error:
            raise FaultError(str(error)) from error

    def count_hit(self) -> None:
        """Count one more exchange. With the last of the fault's ``first``, end the fault."""
        self.hits += 1
        first = self.fault.hit_limit
        if first is not None and self.hits == first:
            self.exhausted(f"after the first {first}")

    def random_for(self, client: str) -> Random:
        """The random numbers for ``client``: requests of other clients do not change their sequence."""
        if client not in self._random_of:
            self._random_of[client] = Random(f"{self.fault.random_seed} {client}")  # noqa: S311 - not for secrets
        return self._random_of[client]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"):
    """Base class of all faults. In TOML and JSON the key ``fault`` holds the fault's name: the ``tag`` of the class.

    ``for_s``: the fault is undone after this time, in seconds of the lab's clock; None: it stays until it is undone.
    A subclass with the field ``first`` is undone after so many hits, and one with ``seed`` has its own random numbers.
    A subclass without a ``tag`` is a base class of other faults.
    """

    for_s: float | None = None

    def __init_subclass__(cls) -> None:
        """Collect the class; ``registry`` reads its tag later, when msgspec has set it."""
        super().__init_subclass__()
        CLASSES.append(cls)

    def __post_init__(self) -> None:
        """Raise ValueError for limits out of range, and for a name that no client can have."""
        if self.for_s is not None and not 0 < self.for_s <= LONGEST_S:
            raise ValueError(f"for_s {self.for_s} is not above 0 and at most {LONGEST_S:.0f} seconds")
        if self.hit_limit is not None and self.hit_limit < 1:
            raise ValueError(f"first {self.hit_limit} is not 1 or more")
        for name in getattr(self, "clients", ()):
            if not name.strip() or name != name.strip() or not name.isprintable():
                raise ValueError(f"clients: {name[:60]!r} is the name of no client: it would strike nobody")

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the fault in it. Raises FaultError, or DnsChangeError of an edit of zones.

        It raises if the fault does not fit ``state``. ``Applied.fold_into`` makes FaultError of both.
        """
        raise NotImplementedError

    def describe(self) -> str:
        """Describe the fault in one line."""
        raise NotImplementedError

    @property
    def fault_name(self) -> str:
        """The name under which the fault is registered."""
        return str(self.__struct_config__.tag)

    @property
    def hit_limit(self) -> int | None:
        """The number of hits after which it is undone: its field ``first``; None without a limit."""
        return getattr(self, "first", None)

    @property
    def detail(self) -> str:
        """Describe the fault and its time limit in one line."""
        return f"{self.describe()}{'' if self.for_s is None else f', for {self.for_s:g} s'}"

    @property
    def random_seed(self) -> int:
        """The seed of its random numbers: its field ``seed``, else 0."""
        return int(getattr(self, "seed", 0))

    def apply(self, target: FaultTarget) -> Undo:
        """Put the fault in force; the result undoes it, in any order. Raises FaultError if it does not fit."""
        return target.faults.add(self)
