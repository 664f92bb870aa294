"""What a client needs of the device that it runs on.

Each port is a Protocol of ``async`` methods. A model awaits nothing else, so whatever implements the ports decides what
time and network are: memory, a lab in virtual time, or the real world. A model must therefore never import ``asyncio``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol

from ssosim_clients.failures import DnsFailure, NetworkFailure, TicketFailure
from ssosim_clients.memory import Memory

__all__ = [
    "AppCredentials",
    "Clock",
    "Device",
    "DnsFailure",
    "Family",
    "Headers",
    "Http",
    "HttpResponse",
    "Kerberos",
    "NetworkFailure",
    "Resolution",
    "Resolver",
    "TicketFailure",
    "User",
]

Family = Literal["any", "ipv4", "ipv6"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer to a look-up. No name in it has a trailing dot.

    ``chain`` holds the CNAME targets in the order followed, so ``canonical`` is its last entry, or the name asked
    (after the search list) where there was no CNAME. ``addresses`` keeps the order of the answer and is never empty.
    """

    asked: str
    canonical: str
    addresses: tuple[str, ...]
    chain: tuple[str, ...] = ()


class Headers(Mapping[str, str]):
    """HTTP header fields, looked up without regard to case. Repeated fields are joined by a comma (RFC 9110, 5.3)."""

    __slots__ = ("_fields",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            self._fields[key] = f"{self._fields[key]}, {value}" if key in self._fields else value

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)


class Resolver(Protocol):
    """The device's stub resolver, its cache and search list included."""

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Addresses and canonical name of ``name``.

        Raises ``DnsFailure``. With ``any`` it is enough that one of A and AAAA has an answer.
        """
        ...

    async def reverse(self, address: str) -> str | None:
        """The first PTR name of ``address``; None for every kind of failure, after the time that it takes."""
        ...


class Http(Protocol):
    """An HTTP client without any authentication, redirect or retry of its own. Time limits are the device's."""

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """One request, one answer. Raises ``NetworkFailure`` when no whole answer came."""
        ...


class Kerberos(Protocol):
    """The device's Kerberos library, with the credentials of the signed-on user. It canonicalises nothing."""

    async def negotiate_token(self, spn: str) -> bytes:
        """A SPNEGO token with a ticket for ``spn`` (``HTTP/host``). Raises ``TicketFailure``."""
        ...

    async def ntlm_token(self) -> bytes:
        """The NTLM message that Windows' Negotiate package sends where Kerberos failed. Raises ``TicketFailure``."""
        ...


class Clock(Protocol):
    """The device's time."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        ...


class User(Protocol):
    """The person in front of the device."""

    async def ask_password(self, upn: str, reason: str) -> str | None:
        """Show a prompt and wait. None: the person refused or walked away. May take as long as people do."""
        ...


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """What an application signs in with, as itself: its id, its tenant, and a secret."""

    client_id: str
    tenant: str
    secret: str = field(repr=False)


def _fixed_dice() -> Random:
    return Random(0)  # noqa: S311 - which of two DNS answers comes first


def _random_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One client process on one device, and whoever is signed on there.

    ``person_present`` is False for services and unattended machines: no client asks there. ``search_domain`` is the
    first entry of the DNS search list. ``memory`` lasts as long as the client's process; give a new one to restart it.
    ``new_id`` makes request and message ids; a repeatable lab passes its own. ``stored_password`` is the user's
    password where the device holds it without asking: a service account's, or the one typed at sign-on to the device.
    ``app_credentials`` are those of an application that runs on the device as itself. ``dice`` decide what a network's
    timing would, such as which of two DNS answers comes first; without them every new device throws the same.
    """

    upn: str
    resolver: Resolver
    http: Http
    kerberos: Kerberos
    clock: Clock
    user: User
    person_present: bool = True
    search_domain: str = ""
    memory: Memory = field(default_factory=Memory)
    new_id: Callable[[], str] = _random_id
    stored_password: str | None = field(default=None, repr=False)
    app_credentials: AppCredentials | None = None
    dice: Random = field(default_factory=_fixed_dice, repr=False, compare=False)
