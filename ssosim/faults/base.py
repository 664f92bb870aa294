"""What a fault is: a value that says what to break.

A fault is a *layer*: a pure change of a ``FaultState``. Layers lie one over the other on the healthy state. To remove
one, in any order, the others are applied again to the state that was there before. So undoing a fault never brings back
what another fault, or an operator, has changed in the meantime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec
from dns.name import Name

from ssosim.dns import Effect, ZoneSet
from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.hierarchy import Hierarchy
from ssosim.entra.core.fault_effect import Tamper as HttpTamper
from ssosim.estate import Estate
from ssosim.trace import DnsAnswered

__all__ = [
    "Applied",
    "CertificateTrouble",
    "DnsFault",
    "Fault",
    "FaultState",
    "FaultTarget",
    "HttpRule",
    "KdcRule",
    "Rule",
    "Undo",
]

Undo = Callable[[], None]

LONGEST_S = 366 * 86_400.0
"""The longest time that a fault can be limited to, in seconds."""

CertificateTrouble = Literal["expired", "wrong-name", "untrusted"]
"""What may be wrong with the certificate that a host presents."""


class Fault(Protocol):
    """A value that says what to break. ``apply`` breaks it, at once and whole, and returns what mends it."""

    @property
    def name(self) -> str:
        """The registered name."""
        ...

    def describe(self) -> str:
        """One line for people."""
        ...

    def apply(self, target: FaultTarget) -> Undo:
        """Break; raises DnsChangeError when there is nothing of that name to break."""
        ...


class Board(Protocol):
    """Where layers are put."""

    def add(self, fault: DnsFault) -> Undo:
        """Put a layer on top; the result takes it away."""
        ...


class FaultTarget(Protocol):
    """What a fault may change: a lab, as far as faults know it."""

    @property
    def faults(self) -> Board:
        """The faults in force."""
        ...


def every_name(_name: str) -> bool:
    """Yes."""
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault's word on every answer. ``at`` is where: an authoritative server, a resolver, or the lab's one server.

    ``final``: its effects settle what is said; only one such effect is had on an answer. ``touches`` says of a name
    (lower case, no trailing dot) whether the rule could ever have an effect there, so that it need not be asked else.
    """

    at: Literal["authority", "resolver", "lab"]
    final: bool
    effect: Callable[[DnsAnswered, str], Effect | None]
    touches: Callable[[str], bool] = every_name


@dataclass(frozen=True, slots=True)
class HttpRule:
    """A fault's word on every HTTPS exchange, or on those with ``host`` if it names one."""

    effect_on: HttpTamper
    host: str = ""


@dataclass(frozen=True, slots=True)
class KdcRule:
    """A fault of the KDC for ``clients`` (all, if none are named): silence, or the error number ``refusal``.

    ``meet`` is to be called once for each request that it decides.
    """

    clients: tuple[str, ...] = ()
    refusal: int | None = None
    count_hit: Callable[[], None] = lambda: None

    def matches(self, client: str) -> bool:
        """Whether ``client`` meets it."""
        return not self.clients or client in self.clients


@dataclass(frozen=True, slots=True)
class FaultState:
    """What faults change: the DNS, and since they undo alike, the services behind it.

    ``bogus`` are the zones that fail validation; ``web``, ``kdc`` and ``certificates`` (by host) strike services, and
    ``estate`` holds changes of what the provider goes by. ``presented`` is to be called, by host, at each handshake
    with one of those certificates.
    """

    zones: ZoneSet
    hierarchy: Hierarchy
    rules: tuple[Rule, ...] = ()
    bogus: frozenset[Name] = frozenset()
    web: tuple[HttpRule, ...] = ()
    kdc: tuple[KdcRule, ...] = ()
    certificates: Mapping[str, CertificateTrouble] = field(default_factory=lambda: MappingProxyType({}))
    presented: Mapping[str, Callable[[], None]] = field(default_factory=lambda: MappingProxyType({}))
    estate: tuple[Callable[[Estate], Estate], ...] = ()


@dataclass(slots=True, eq=False)
class Applied:
    """One fault in force, with what it must remember: its dice for each client, its count, and the zones before it.

    ``suspended``: it does not fit what is beneath it any more, because something there was undone or changed.
    ``exhausted`` ends it, with the reason; ``call_off`` ends the waiting for its time.
    """

    id: int
    fault: DnsFault
    before: ZoneSet
    authorities: Authorities
    hits: int = 0
    suspended: bool = False
    exhausted: Callable[[str], None] = lambda _: None
    call_off: Undo = lambda: None
    _of_clients: dict[str, Random] = field(default_factory=dict)

    def count_hit(self) -> None:
        """One more was struck. The last of the fault's ``first`` says that it is ``exhausted``, and why."""
        self.hits += 1
        first = self.fault.most
        if first is not None and self.hits == first:
            self.exhausted(f"after the first {first}")

    def dice_of(self, client: str) -> Random:
        """The dice for what ``client`` meets: whose turn comes first in between does not change them."""
        if client not in self._of_clients:
            self._of_clients[client] = Random(f"{self.fault.dice} {client}")  # noqa: S311 - dice of a fault
        return self._of_clients[client]


class DnsFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"):
    """Base of the faults of the DNS. In TOML and JSON the key ``fault`` holds the fault's name.

    ``for_s``: it is undone by itself after so many seconds of the lab's clock; None: when somebody undoes it.
    """

    for_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that cannot be meant."""
        if self.for_s is not None and not 0 < self.for_s <= LONGEST_S:
            raise ValueError(f"for_s {self.for_s} is not above 0 and at most {LONGEST_S:.0f} seconds")
        if self.most is not None and self.most < 1:
            raise ValueError(f"first {self.most} is not 1 or more")

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """``state`` with the fault in it; raises DnsChangeError when it does not fit."""
        raise NotImplementedError

    def describe(self) -> str:
        """One line for people."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The fault's registered name."""
        return str(self.__struct_config__.tag)

    @property
    def most(self) -> int | None:
        """After how many that it struck it is undone by itself: its ``first``, where it counts at all."""
        return getattr(self, "first", None)

    @property
    def detail(self) -> str:
        """What it does and for how long, for people."""
        return f"{self.describe()}{'' if self.for_s is None else f', for {self.for_s:g} s'}"

    @property
    def dice(self) -> int:
        """The seed of its random choices."""
        return int(getattr(self, "seed", 0))

    def apply(self, target: FaultTarget) -> Undo:
        """Put it on top of the faults in force; the result takes it away, in any order. Raises DnsChangeError."""
        return target.faults.add(self)
