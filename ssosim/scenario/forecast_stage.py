"""Where a forecast plays a client: names from the pure answers, tickets from a set of SPNs, HTTP from pure functions.

Time jumps, nothing waits, and no socket is opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import dns.reversename
from dns.rdatatype import AAAA, CNAME, PTR, A
from ssosim_clients.failures import DnsKind
from ssosim_clients.ports import DnsFailure, Family, Headers, HttpResponse, NetworkFailure, Resolution, TicketFailure

from ssosim.dns import ZoneSet, answer
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.entra import AcceptedTicket, Call, Keys, Provider, RefusedTicket
from ssosim.entra.http.exchange import refuse_misdirected, run_exchange
from ssosim.estate import Estate, User
from ssosim.services import services_at, services_of
from ssosim.services.applications import responders_at, start_applications
from ssosim.trace import KdcExchange, Trace, UserPrompted

__all__ = ["HORIZON_S", "START", "Clock", "Parked", "Person", "Resolver", "Seen", "World", "drive"]

HORIZON_S = 1200.0
"""How long a model may try; one that has not ended by then stalls."""

START = 1_740_000_000.0
"""When a play begins, in seconds since the epoch."""

_TICKET = b"ssosim-forecast-ticket:"
_NTLM = b"NTLMSSP\x00"


class Parked(BaseException):
    """The horizon is reached: whatever the client still wanted, it waits."""


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits for anything; what its ports do is done at once."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    except asyncio.CancelledError as error:
        raise Parked from error
    coroutine.close()
    raise Parked


class Clock:
    """Time that jumps when a client sleeps."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Jump; past the horizon the play ends."""
        self._now += seconds
        if self._now > START + HORIZON_S:
            raise Parked


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who types the right password."""

    trace: Trace
    client: str
    password: str

    async def ask_password(self, upn: str, reason: str) -> str | None:
        """Be asked."""
        self.trace.record(self.client, UserPrompted(reason=f"password of {upn}: {reason}"))
        return self.password


@dataclass(frozen=True, slots=True)
class Resolver:
    """Names from the pure answers of one state of the zones."""

    zones: ZoneSet
    trace: Trace
    client: str

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Addresses and canonical name."""
        kinds = {"ipv4": (A,), "ipv6": (AAAA,), "any": (A, AAAA)}[family]
        found: list[Resolution] = []
        failures: list[DnsFailure] = []
        for kind in kinds:
            said = answer(self.zones, to_name(name), kind)
            self.trace.record(self.client, said.event("udp"))
            addresses = tuple(rdata.to_text() for rrset in said.answer if rrset.type == kind for rdata in rrset.rdatas)
            if not addresses:
                failures.append(DnsFailure(_dns_kind(said.outcome), name))
                continue
            chain = tuple(
                plain(rdata.target)  # type: ignore[attr-defined]
                for rrset in said.answer
                if rrset.type == CNAME
                for rdata in rrset.rdatas
            )
            found.append(Resolution(name, chain[-1] if chain else name.rstrip("."), addresses, chain))
        if not found:
            raise failures[0]
        everything = tuple(address for each in found for address in each.addresses)
        return Resolution(name, found[0].canonical, everything, found[0].chain)

    async def reverse(self, address: str) -> str | None:
        """The first PTR name."""
        said = answer(self.zones, dns.reversename.from_address(address), PTR)
        names = [rdata.target for rrset in said.answer if rrset.type == PTR for rdata in rrset.rdatas]  # type: ignore[attr-defined]
        return plain(names[0]) if names else None


def _dns_kind(outcome: str) -> DnsKind:
    kinds: dict[str, DnsKind] = {"NODATA": "nodata", "NXDOMAIN": "nxdomain", "REFUSED": "refused"}
    return kinds.get(outcome, "servfail")


class Seen(NamedTuple):
    """Where what ``client`` does is written down, and when."""

    trace: Trace
    clock: Clock
    client: str


class World:
    """HTTP and Kerberos for one play."""

    def __init__(
        self,
        zones: ZoneSet,
        estate: Estate,
        user: User,
        spns: frozenset[str],
        keys: Keys,
        seen: Seen,
    ) -> None:
        trace, clock, client = seen
        self._resolver = Resolver(zones, trace, client)
        self._spns = spns
        self._trace = trace
        self._clock = clock
        self._client = client
        self._services = services_of(estate)
        principal = f"{user.sam_account or ''}@{estate.realm_of(user).name}"
        acceptors = {
            name: Acceptor(frozenset(service.keys.spns), principal)
            for service in self._services
            if service.keys is not None
            for name in service.dns_names
        }
        self._provider = Provider(estate=estate, keys=keys, acceptors=acceptors, trace=trace, clock=clock)
        self._responders = start_applications(self._services, self._provider)

    async def request(self, method: str, url: str, headers: Any, body: bytes) -> HttpResponse:
        """One request to whoever listens at the address that the name has."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        try:
            found = await self._resolver.resolve(host, "any")
        except DnsFailure as failure:
            raise NetworkFailure.from_dns(failure) from failure
        address, tls = found.addresses[0], parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        here = services_at(self._services, address, port)
        if not here:
            raise NetworkFailure("connect", "refused", f"nothing listens on port {port} of {address}")
        if here[0].tls != tls:
            raise NetworkFailure(
                "tls" if tls else "read", "handshake" if tls else "closed", f"{address}: no {parts.scheme}"
            )
        respond = responders_at(self._responders, address, port).get(host)
        if respond is None and tls:
            raise NetworkFailure("tls", "bad-certificate", f"{address} is not {host}")
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        call = Call.read(
            method,
            host,
            target,
            headers=Headers(headers.items()),
            body=body,
            now=self._clock.now(),
            scheme="https" if tls else "http",
            port=port,
        )
        reply = run_exchange(self._provider, call, self._client, None, respond or refuse_misdirected)
        assert reply is not None  # noqa: S101 - only a fault keeps an answer back
        fields = [*reply.headers, ("Content-Type", reply.content_type)]
        return HttpResponse(reply.status, Headers(fields), reply.body)

    async def negotiate_token(self, spn: str) -> bytes:
        """A ticket, if the KDC knows the SPN."""
        known = spn in self._spns
        outcome = "issued" if known else "KDC_ERR_S_PRINCIPAL_UNKNOWN"
        self._trace.record(self._client, KdcExchange(request="TGS", service=spn, outcome=outcome))
        if not known:
            raise TicketFailure("server-unknown", spn)
        return _TICKET + spn.encode()

    async def ntlm_token(self) -> bytes:
        """What Windows sends instead."""
        return _NTLM


@dataclass(frozen=True, slots=True)
class Acceptor:
    """A service that takes tickets for ``spns`` from ``principal``."""

    spns: frozenset[str]
    principal: str

    def accept(self, token: bytes) -> AcceptedTicket | RefusedTicket:
        """Judge a token of this module's own making."""
        if token == _NTLM:
            return RefusedTicket("ntlm", "ntlm", "an NTLM token, no ticket")
        spn = token.removeprefix(_TICKET).decode(errors="replace")
        if token.startswith(_TICKET) and spn in self.spns:
            return AcceptedTicket(self.principal, spn)
        return RefusedTicket("kerberos", "wrong-service", f"a ticket for {spn[:200]}")
