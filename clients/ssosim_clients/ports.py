"""The ports: what a client model needs of the device that it runs on.

Each port is a Protocol with ``async`` methods. A model awaits nothing else. So the same model runs in memory, in a lab
in virtual time, and in real time, depending on the implementation of the ports. A model must never import ``asyncio``.
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
    """The result of a look-up. No name in it has a trailing dot.

    ``name`` is the name that was looked up. ``chain`` has the CNAME targets in the order in which they were followed,
    and ``canonical`` is the last of them; without a CNAME it is the name itself (after the search list). ``addresses``
    has the order of the DNS answer and is never empty.
    """

    name: str
    canonical: str
    addresses: tuple[str, ...]
    chain: tuple[str, ...] = ()


class Headers(Mapping[str, str]):
    """HTTP header fields; names are not case-sensitive. Repeated fields are joined by a comma (RFC 9110, 5.3)."""

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
    """An HTTP response of any status."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)


class Resolver(Protocol):
    """The device's stub resolver, with its cache and search list."""

    async def resolve(self, name: str, family: Family) -> Resolution:
        """The addresses and the canonical name of ``name``.

        With ``any``, an answer for one of A and AAAA is sufficient. Raises ``DnsFailure``.
        """
        ...

    async def reverse(self, address: str) -> str | None:
        """The first PTR name of ``address``. None for every failure, after the time that the failed look-up takes."""
        ...


class Http(Protocol):
    """An HTTP client without authentication, redirects and retries. The device sets its time limits."""

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Send one request and return the response. Raises ``NetworkFailure`` if there is no complete response."""
        ...


class Kerberos(Protocol):
    """The device's Kerberos library, with the credentials of the signed-on user. It does not canonicalise names."""

    async def negotiate_token(self, spn: str, tls_host: str = "") -> bytes:
        """A SPNEGO token with a ticket for ``spn`` (``HTTP/host``). Raises ``TicketFailure``.

        ``tls_host``: the host to whose certificate the token is bound (RFC 5929, section 4); empty: to none.
        """
        ...

    async def ntlm_token(self) -> bytes:
        """The NTLM message that the Windows Negotiate package sends when Kerberos fails. Raises ``TicketFailure``."""
        ...


class Clock(Protocol):
    """The device's clock."""

    def now(self) -> float:
        """The time in seconds since the Unix epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        ...


class User(Protocol):
    """The user of the device."""

    async def prompt_password(self, upn: str, reason: str) -> str | None:
        """Show a prompt with ``reason`` and wait for the password. None if the user cancels or does not respond.

        It may take minutes.
        """
        ...


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """The credentials with which an application signs in as itself: client id, tenant, and a certificate's key.

    ``sign_assertion`` signs claims as a client assertion (a JWT); the key itself stays in the device's store.
    """

    client_id: str
    tenant: str
    sign_assertion: Callable[[Mapping[str, object]], str] = field(repr=False)


def _fixed_random() -> Random:
    return Random(0)  # noqa: S311 - chooses which of two DNS answers comes first


def _right_clock() -> float:
    return 0.0


def _random_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One client process on one device, and the user who is signed on there.

    - ``user_present``: False for services and unattended machines; there no client shows a prompt.
    - ``search_domain``: the first entry of the DNS search list.
    - ``memory``: the state of the client process. To restart the process, use a new one.
    - ``new_id``: makes request ids and message ids; a reproducible lab passes its own function.
    - ``stored_password``: the user's password, if the device has it without a prompt: that of a service account, or the
      one typed at sign-on to the device.
    - ``app_credentials``: the credentials of an application that signs in as itself.
    - ``random``: decides what depends on network timing, such as which of two DNS answers comes first. By default every
      new device gets the same sequence.
    - ``clock_offset``: how many seconds the date of the device is ahead of ``clock``; negative: behind.
    """

    upn: str
    resolver: Resolver
    http: Http
    kerberos: Kerberos
    clock: Clock
    user: User
    user_present: bool = True
    search_domain: str = ""
    memory: Memory = field(default_factory=Memory)
    new_id: Callable[[], str] = _random_id
    stored_password: str | None = field(default=None, repr=False)
    app_credentials: AppCredentials | None = None
    random: Random = field(default_factory=_fixed_random, repr=False, compare=False)
    clock_offset: Callable[[], float] = field(default=_right_clock, repr=False, compare=False)

    def read_date(self) -> float:
        """Return the date by the clock of the device, in seconds since the Unix epoch, for what is sent.

        ``clock`` is for waits and time limits, which a wrong date does not change.
        """
        return self.clock.now() + self.clock_offset()
