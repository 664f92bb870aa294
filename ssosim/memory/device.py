"""A device in memory: the ports of ``ssosim_clients``, and what of their use is in the trace.

Time is the same as on sockets: an exchange takes none, a wait takes what it says. ``Pace`` gives exchanges a length.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any
from urllib.parse import urlsplit

from multidict import CIMultiDict
from ssosim_clients.ports import (
    Device,
    DnsFailure,
    Family,
    Headers,
    HttpResponse,
    NetworkFailure,
    Resolution,
    TicketFailure,
)

from ssosim.dns.zones.stub import TYPES, LookupResult, merge_lookups, reverse_name
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.http.exchange import make_unreadable_event
from ssosim.estate import User
from ssosim.faults.exchanges import KDC_PATIENCE_S, NO_TLS_THERE, WEB_PATIENCE_S, is_address
from ssosim.kerberos.spnego import build_ntlm_negotiate_token
from ssosim.lab.base.people import app_credentials, client_random, device_called, user_on
from ssosim.memory.clock import EngineClock, pause
from ssosim.memory.kdc import Tickets
from ssosim.memory.lab import MemoryLab
from ssosim.memory.resolution import NameServer, Wait, ask
from ssosim.trace import ConnectionFailed, UserPrompted, step_of_host

__all__ = ["AT_ONCE", "Draft", "Exchanging", "MemoryDevice", "Pace", "device_with", "draft", "memory_device"]

_BODILESS = (204, 304)
_ID = "00000000-0000-0000-0000-000000000001"
"""Every request and message id: a play in memory is the same at every run, and documents that name one are too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take, in seconds. The default is that of virtual time over sockets: no time at all."""

    look_up: float = 0.0
    request: float = 0.0
    ticket: float = 0.0
    typing: float = 0.0


AT_ONCE = Pace()


class Exchanging:
    """What every device in memory does alike: it has the services of ``lab`` answer, as seen from ``client``."""

    def __init__(self, lab: MemoryLab, client: str) -> None:
        self._lab = lab
        self._client = client

    async def exchange(self, made: Call, url: str, address: str | None = None) -> HttpResponse:
        """Have who listens at ``address``, or anywhere, answer ``made``, or whatever a fault makes of that."""
        lab, client, began = self._lab, self._client, self._lab.engine.now
        struck = lab.provider.tamper(made, client) if lab.provider.tamper is not None else None
        if struck is not None and struck.delay:
            await pause(struck.delay)
        answer = lab.exchange(made, client, struck, lab.who_answers(address, made.port, made.host))
        if answer is not None:
            return _response(made, answer, lab)
        if struck is not None and struck.dropped:
            raise NetworkFailure("read", "closed", f"{made.host} closed the connection")
        await pause(max(0.0, began + WEB_PATIENCE_S - lab.engine.now))
        raise NetworkFailure("read", "timeout", f"{url}: no answer in {WEB_PATIENCE_S:.0f} s")

    async def ntlm_token(self) -> bytes:
        """What Windows' Negotiate package sends where Kerberos failed."""
        await pause()
        return build_ntlm_negotiate_token()


class MemoryDevice(Exchanging):
    """All ports of one client process but its clock. ``user`` is signed on; nobody types where ``person`` is False."""

    def __init__(
        self,
        lab: MemoryLab,
        client: str,
        user: User,
        server: NameServer,
        *,
        person: bool = True,
        dual_stack: bool = False,
        pace: Pace = AT_ONCE,
    ) -> None:
        super().__init__(lab, client)
        realm = lab.estate.default_realm
        self._server = server
        self._password = user.password if person else None
        self._dual_stack = dual_stack
        self._pace = pace
        self._search = realm.domain
        self._tickets = Tickets(user.sam_account or "", realm.name, lab.kdc.numbers)

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Addresses and canonical name of ``name``; raises DnsFailure. A name of one label is searched for."""
        await pause(self._pace.look_up)
        return await self._resolve(name, family)

    async def _resolve(self, name: str, family: Family) -> Resolution:
        if self._search and "." not in name:
            with contextlib.suppress(DnsFailure):
                return await self._resolve(f"{name}.{self._search}", family)
        found: list[LookupResult] = []
        for kind in TYPES[family]:
            said = ask(self._server, self._lab.trace, self._client, name, kind)
            found.append(said if isinstance(said, LookupResult) else await _passed(said))
        return merge_lookups(name, tuple(found), dual_stack=self._dual_stack)

    async def reverse(self, address: str) -> str | None:
        """The first PTR name of ``address``, or None."""
        await pause(self._pace.look_up)
        said = ask(self._server, self._lab.trace, self._client, reverse_name(address), "PTR")
        read = said if isinstance(said, LookupResult) else await _passed(said)
        return read.values[0] if read.values else None

    async def negotiate_token(self, spn: str) -> bytes:
        """A token for ``spn`` with a ticket that is there or can be got; raises TicketFailure."""
        await pause(self._pace.ticket)
        token = self._tickets.token(spn)
        if token is not None:
            return token
        lab = self._lab
        requested = lab.kdc.ask(spn, self._client, lambda: lab.faults.state.kdc, lab.recorder(self._client))
        if requested.silent:
            await pause(KDC_PATIENCE_S)
        if requested.failure is not None:
            raise requested.failure
        self._tickets.keep(spn)
        token = self._tickets.token(spn)
        if token is None:
            raise TicketFailure("other", spn)
        return token

    async def prompt_password(self, upn: str, reason: str) -> str | None:
        """Show a prompt; the person types the right password or walks away."""
        self._lab.trace.record(self._client, UserPrompted(reason=f"password of {upn}: {reason}"))
        await pause(self._pace.typing)
        return self._password

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """One request, one answer; raises NetworkFailure, and ValueError for a header field over two lines."""
        await pause(self._pace.request)
        call = draft(method, url, headers, body)
        address = self._connected(call, await self._addresses(call.name))
        return await self.exchange(call.made(self._lab.engine.now), url, address)

    async def _addresses(self, host: str) -> tuple[str, ...]:
        """What to connect to for ``host``; an address is its own."""
        if is_address(host):
            return (str(ipaddress.ip_address(host)),)
        try:
            return (await self._resolve(host, "any")).addresses
        except DnsFailure as failure:
            raise NetworkFailure.from_dns(failure) from failure

    def _connected(self, call: Draft, addresses: tuple[str, ...]) -> str:
        """The first of ``addresses`` that takes a connection and shows a good certificate; raises NetworkFailure."""
        host, lab = call.name, self._lab
        refused = NetworkFailure("connect", "refused", f"{host} has no address")
        for address in addresses:
            refusal = lab.refusal(address, call.port, host, tls=call.tls)
            if refusal is None:
                return address
            refused = NetworkFailure(refusal.stage, refusal.kind, f"{host} at {address}")
            if refusal.stage == "read":
                break
            if refusal == NO_TLS_THERE:  # the server takes the client's greeting for a request
                lab.trace.record(self._client, make_unreadable_event(400))
            event = ConnectionFailed(
                host=host,
                address=address,
                stage=refusal.stage,
                reason=refusal.kind,
                step=step_of_host(lab.first_steps, host),
            )
            lab.trace.record(self._client, event)
            if refusal.stage == "tls":
                break
        raise refused


async def _passed(waiting: Wait) -> LookupResult:
    """What is read once the time has passed that it takes."""
    try:
        while True:
            await pause(next(waiting))
    except StopIteration as end:
        read: LookupResult = end.value
        return read


@dataclass(frozen=True, slots=True)
class Draft:
    """A request before it is sent: to ``name`` and ``port``, with ``tls`` or plain.

    ``size`` is that of the header fields, in octets.
    """

    method: str
    name: str
    port: int
    tls: bool
    target: str
    fields: CIMultiDict[str]
    size: int
    body: bytes

    def made(self, now: float) -> Call:
        """The request as the service gets it at ``now``."""
        return Call.read(
            self.method,
            self.fields["Host"],
            self.target,
            headers=self.fields,
            body=self.body,
            now=now,
            header_bytes=self.size,
            scheme="https" if self.tls else "http",
            port=self.port,
        )


def draft(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Draft:
    """The request to send; raises ValueError for a header field over two lines."""
    parts = urlsplit(url)
    name, own_port, host = _authority(parts.netloc)
    tls = parts.scheme == "https"
    fields = {"Host": host, "Accept": "*/*", **headers}
    if body or method in ("POST", "PUT"):
        fields["Content-Length"] = str(len(body))
    text = "".join([*fields, *fields.values()])
    if not text.isprintable():
        wrong = next(each for each, value in fields.items() if not f"{each}{value}".isprintable())
        raise ValueError(f"the header field {wrong!r} holds control characters")
    target = f"{parts.path or '/'}{parts.query and '?'}{parts.query}"
    port = own_port or (443 if tls else 80)
    return Draft(method, name, port, tls, target, CIMultiDict(fields), len(text) + 4 * len(fields), body)


@lru_cache(maxsize=256)
def _authority(netloc: str) -> tuple[str, int | None, str]:
    """Name and port to connect to, and what the Host field says; raises ValueError for what is no port."""
    parts = urlsplit(f"//{netloc}")
    return parts.hostname or "", parts.port, netloc.rpartition("@")[2]


def _response(call: Call, answer: HttpReply, lab: MemoryLab) -> HttpResponse:
    fields = [*lab.headers_of(call, answer), ("Content-Type", answer.content_type)]
    bodiless = call.method == "HEAD" or answer.status in _BODILESS
    return HttpResponse(answer.status, Headers(fields), b"" if bodiless else answer.body)


def memory_device(
    lab: MemoryLab,
    client: str,
    device: str | None = None,
    *,
    person: bool = True,
    dual_stack: bool = False,
    pace: Pace = AT_ONCE,
    dice: Random | None = None,
) -> Device:
    """A device for the client model ``client``: the estate's ``device``, or its first; raises LabInputError.

    ``dice`` decide what timing would, by default those of seed 0 (``client_random``). The other arguments are as for
    ``ssosim.lab.model_devices.client_slots.model_device``.
    """
    found = device_called(lab.estate, device)
    user = user_on(lab.estate, found)
    server = lab.server_of(found)
    ports = MemoryDevice(lab, client, user, server, person=person, dual_stack=dual_stack, pace=pace)
    return device_with(lab, user, ports, dice=dice or client_random(0, client))


def device_with(lab: MemoryLab, user: User, ports: Any, **changes: Any) -> Device:
    """A device of ``user`` whose ports, the clock apart, are ``ports``; ``changes`` are fields of ``Device``."""
    parts: dict[str, Any] = dict.fromkeys(("resolver", "http", "kerberos", "user"), ports) | {
        "upn": user.upn,
        "clock": EngineClock(lab.engine),
        "new_id": lambda: _ID,
        "search_domain": lab.estate.default_realm.domain,
        "stored_password": user.password,
        "app_credentials": app_credentials(lab.estate, user),
    }
    return Device(**(parts | changes))
