"""A device in memory: it implements the ports of ``ssosim_clients`` and records their use in the trace.

Virtual time passes as in a lab on sockets: an exchange takes no time, a wait takes its length. ``Durations`` can give
exchanges a length.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from multidict import CIMultiDict, CIMultiDictProxy
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

from ssosim.credential_hosts import CredentialHost
from ssosim.dns.zones.stub import TYPES, LookupResult, merge_lookups, reverse_name
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.http.exchange import make_unreadable_event
from ssosim.estate import KdcHost, User
from ssosim.estate.trusts import find_trust_path
from ssosim.faults.core.account_states import AccountRefusal
from ssosim.faults.core.clocks import TOLERANCE_S, TimeRefusal
from ssosim.faults.core.exchanges import HTTP_TIMEOUT_S, NO_TLS_THERE, is_address
from ssosim.faults.core.kdc_choice import choose_kdc
from ssosim.faults.core.kdc_effect import KDC_TIMEOUT_S, KdcDecision
from ssosim.kerberos.codes import KrbCode, error_name
from ssosim.kerberos.key_database import IssuedKeys
from ssosim.kerberos.messages import KdcRequest
from ssosim.kerberos.spnego import build_ntlm_negotiate_token
from ssosim.lab.base.client_conf import find_kdc_proxy_url, name_realm
from ssosim.lab.base.kdc_discovery import find_kdcs_in_dns, find_kdcs_of_site
from ssosim.lab.base.kdc_events import NO_CREDENTIALS, no_route_event, refused_sign_on_event, unused_ticket_event
from ssosim.lab.base.people import app_credentials, client_random, device_called, user_on
from ssosim.lab.base.request_target import target_of
from ssosim.memory.clock import EngineClock, pause
from ssosim.memory.kdc import ClientChecks, MemoryKdc, TicketCache, TicketTimes
from ssosim.memory.lab import MemoryLab
from ssosim.memory.resolution import NameServer
from ssosim.memory.stub_resolver import StubResolver
from ssosim.trace import ConnectionFailed, Event, KdcExchange, UserPrompted, step_of_host

__all__ = [
    "NO_DURATIONS",
    "DraftRequest",
    "Durations",
    "MemoryDevice",
    "ServiceExchange",
    "build_device",
    "draft_request",
    "memory_device",
]

_BODILESS = (204, 304)
_LONGEST_KEPT, _MOST_NAMES = 2048, 1024
_SHORTEST_TICKET = 256  # characters of an Authorization field; the first message of NTLM has fewer
_ID = "00000000-0000-0000-0000-000000000001"
"""The value of every request id and message id, so that every run in memory gives the same requests and documents."""


class Durations(Struct, frozen=True, kw_only=True):
    """Lengths of exchanges in seconds of virtual time. The default, as over sockets, is 0 for all of them."""

    look_up: float = 0.0
    request: float = 0.0
    ticket: float = 0.0
    typing: float = 0.0


NO_DURATIONS = Durations()


class ServiceExchange:
    """Exchanges requests with the services of ``lab`` for ``client``; the base of all devices in memory."""

    def __init__(self, lab: MemoryLab, client: str) -> None:
        self._lab = lab
        self._client = client

    async def exchange(
        self, call: Call, url: str, address: str | None = None, host: CredentialHost | None = None
    ) -> HttpResponse:
        """Return the response of the service at ``address`` (None: at any address) to ``call``, with faults applied.

        ``host``: the host of a device, which answers instead of a service of the estate.

        Raises NetworkFailure where a fault closes the connection or no response comes in time.
        """
        lab, client, began = self._lab, self._client, self._lab.engine.now
        effect = lab.provider.find_effect(call, client) if lab.provider.find_effect is not None else None
        if effect is not None and effect.delay:
            await pause(effect.delay)
        if host is not None:
            answer = lab.exchange(call, client, effect, host.respond, host.step_of(call))
        else:
            answer = lab.exchange(call, client, effect, lab.find_responder(address, call.port, call.host))
        if answer is not None:
            return _build_response(call, answer, lab)
        if effect is not None and effect.dropped:
            raise NetworkFailure("read", "closed", f"{call.host} closed the connection")
        await pause(max(0.0, began + HTTP_TIMEOUT_S - lab.engine.now))
        raise NetworkFailure("read", "timeout", f"{url}: no answer in {HTTP_TIMEOUT_S:.0f} s")

    async def ntlm_token(self) -> bytes:
        """Return the NTLM token that Windows' Negotiate package sends after Kerberos failed."""
        if self._lab.engine.must_pause(0.0):
            await pause()
        return build_ntlm_negotiate_token()


class MemoryDevice(ServiceExchange):
    """All ports of one client process except its clock.

    ``user`` is signed on. Without ``user_present`` prompts stay without input. ``servers`` are its DNS servers,
    ``enctypes`` the encryption types that it permits (none: those of libkrb5), ``site`` its Active Directory site.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of the device
        self,
        lab: MemoryLab,
        client: str,
        user: User,
        servers: tuple[NameServer, ...],
        *,
        user_present: bool = True,
        dual_stack: bool = False,
        durations: Durations = NO_DURATIONS,
        enctypes: tuple[str, ...] = (),
        site: str | None = None,
    ) -> None:
        super().__init__(lab, client)
        self._owner = user
        self._enctypes = enctypes
        self._site = site
        self._names = StubResolver(servers, lab.trace, client)
        self._merged: dict[tuple[str, Family], tuple[tuple[LookupResult, ...], Resolution]] = {}
        self._user_present = user_present
        self._dual_stack = dual_stack
        self._durations = durations
        self._search = lab.estate.default_realm.domain
        self._tickets = TicketCache(
            user.sam_account or "",
            lab.estate.realm_of(user).name,
            lab.kdc.numbers,
            lab.estate.realm_of(user).ticket_lifetime,
            lab.signed_on.get(client),
            user.authorization_data_size,
        )
        self._sign_on()

    def _sign_on(self) -> bool:
        """Sign on if there is no ticket-granting ticket, or if it has expired; return whether there is one.

        A new process finds the tickets of the sign-on before. A device without a way to a KDC has a ticket of before.
        """
        lab, now = self._lab, self._lab.engine.now
        if self._tickets.is_valid(now + lab.clocks.find_age_shift(self._client)):
            return True
        refusal = None
        if self._client not in lab.off_network or find_kdc_proxy_url(lab.estate, self._owner) is not None:
            kdc = lab.kdc_of(self._tickets.realm).hosts[0].name
            refusal = lab.account_states.refuse_sign_on(self._owner, now, kdc, self._enctypes)
        if refusal is None:
            self._tickets.sign_on(now)
            lab.signed_on[self._client] = now
            lab.clocks.note_sign_on(self._client, lab.kdc_of(self._tickets.realm).hosts[0].name)
            return True
        self._tickets.sign_on(None)
        lab.signed_on.pop(self._client, None)
        lab.trace.record(
            self._client, refused_sign_on_event(lab.estate, self._owner, error_name(refusal.code), refusal.faults)
        )
        return False

    def _check_account(self, realm: str, kdc: str) -> AccountRefusal | None:
        """Return why ``kdc`` of ``realm`` issues no service ticket to the user because of the account."""
        lab, began = self._lab, self._tickets.began
        if realm != self._tickets.realm or began is None:
            return None
        return lab.account_states.refuse_ticket(self._owner, lab.engine.now - began, lab.engine.now, kdc)

    def _check_clocks(self, presented: TicketTimes | None, realm: str, kdc: str) -> TimeRefusal | None:
        """Return why ``kdc`` of ``realm`` issues no service ticket because of a clock."""
        lifetime = self._tickets.lifetime if presented is None else presented.lifetime
        return self._lab.clocks.refuse_at_kdc(self._client, kdc, realm, lifetime)

    def _check_own_clock(self, service: str, authenticator: int) -> None:
        """Raise TicketFailure for a ticket that is not valid yet by the clock of the device, as libkrb5 does."""
        times = self._tickets.times_of(service.removesuffix(f"@{self._tickets.realm}"))
        begins = 0 if times is None else times.begins
        if begins - authenticator > TOLERANCE_S:
            name, code = service.partition("@")[0], KrbCode.KRB_AP_ERR_TKT_NYV
            faults = self._lab.clocks.explain_refusal_at_device(self._client, name)
            self._lab.trace.record(self._client, unused_ticket_event(name, code, faults))
            raise TicketFailure("other", name, "Ticket not yet valid")

    def _read_times(self, service: str, kdc: str) -> TicketTimes | None:
        """Return the times of a ticket that ``kdc`` has issued now. No ticket outlasts the ticket-granting ticket."""
        clocks = self._lab.clocks
        begins = clocks.note_ticket(self._client, service, kdc).seconds
        signed_on = clocks.of_sign_on(self._client).kdc.seconds
        if not begins and not signed_on:
            return None
        return TicketTimes(begins, self._tickets.lifetime - max(0, begins - signed_on))

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Resolve ``name`` to addresses and canonical name; raises DnsFailure.

        A name of one label is tried with the search domain first.
        """
        if self._lab.engine.must_pause(self._durations.look_up):
            await pause(self._durations.look_up)
        return await self._resolve(name, family)

    async def _resolve(self, name: str, family: Family) -> Resolution:
        if self._search and "." not in name:
            with contextlib.suppress(DnsFailure):
                return await self._resolve(f"{name}.{self._search}", family)
        found = await self._names.query(name, TYPES[family])
        known = self._merged.get((name, family))
        if known is not None and known[0] is found:
            return known[1]
        merged = merge_lookups(name, found, dual_stack=self._dual_stack)
        if len(self._merged) >= _MOST_NAMES:
            self._merged.clear()
        self._merged[name, family] = found, merged
        return merged

    async def reverse(self, address: str) -> str | None:
        """Return the first PTR name of ``address``, or None."""
        if self._lab.engine.must_pause(self._durations.look_up):
            await pause(self._durations.look_up)
        (read,) = await self._names.query(reverse_name(address), ("PTR",))
        return read.values[0] if read.values else None

    async def negotiate_token(self, spn: str, tls_host: str = "") -> bytes:
        """Return a Negotiate token for ``spn``, with a cached ticket or a new one; raises TicketFailure.

        With ``tls_host`` it is bound to the TLS connection; a client has no other one in memory.
        """
        if self._lab.engine.must_pause(self._durations.ticket):
            await pause(self._durations.ticket)
        lab = self._lab
        if not self._sign_on():
            raise TicketFailure("no-credentials", spn, NO_CREDENTIALS)
        default = lab.estate.default_realm.name
        asked, spn = spn, name_realm(lab.estate, self._owner, spn)
        full = spn if "@" in spn else f"{spn}@{default}"
        authenticator = lab.clocks.of_authenticator(self._client).seconds
        token = self._tickets.build_token(full, authenticator, is_bound=bool(tls_host))
        if token is not None:
            self._check_own_clock(full, authenticator)
            return token
        try:
            if self._client in lab.off_network:
                await self._reach_kdc_proxy()
            self._tickets.add(full, *await self._request_service_ticket(spn, full.rpartition("@")[2]))
        except TicketFailure as failure:
            raise TicketFailure(failure.kind, asked, failure.text) from failure
        authenticator = lab.clocks.of_authenticator(self._client).seconds
        token = self._tickets.build_token(full, authenticator, is_bound=bool(tls_host))
        if token is None:
            raise TicketFailure("other", spn)
        return token

    async def _reach_kdc_proxy(self) -> None:
        """Open a connection to the KDC proxy of the user's realm; raises TicketFailure, also if there is none."""
        lab, realm = self._lab, self._tickets.realm
        url = find_kdc_proxy_url(lab.estate, self._owner)
        if url is None:
            lab.trace.record(self._client, no_route_event(lab.kdc_of(realm).hosts[0]))
        else:
            call = draft_request("POST", url, {}, b"")
            with contextlib.suppress(NetworkFailure):
                self._connect(call, await self._find_addresses(call.name), to_kdc_proxy=True)
                return
        raise TicketFailure("kdc-unreachable", "", f"Cannot contact any KDC for realm '{realm}'")

    def _record_exchange(self, event: Event) -> None:
        """Record an event of a ticket request, with its transport."""
        if isinstance(event, KdcExchange) and self._client in self._lab.off_network:
            event = msgspec.structs.replace(event, transport="https")
        self._lab.trace.record(self._client, event)

    async def _request_service_ticket(self, spn: str, realm: str) -> tuple[IssuedKeys, TicketTimes | None]:
        """Request a ticket of the KDC of ``realm``, after those for the realms on the way; raises TicketFailure."""
        own = self._tickets.realm
        kdc = self._lab.kdc_of(own)
        path = find_trust_path(self._lab.estate, own, realm)
        hosts = await self._find_kdcs(own if path is None else realm, spn.partition("@")[0])
        if not path:  # of its own realm; or of one that no trust leads to, as the client's own KDC says
            return await self._request_ticket(kdc, spn if path is not None or "@" in spn else f"{spn}@{realm}", hosts)
        presented = None
        for hop in path:
            name = f"krbtgt/{hop}"
            if not self._tickets.has(name):
                self._tickets.add(name, *await self._request_ticket(kdc, name, presented=presented))
            kdc, presented = self._lab.kdc_of(hop), self._tickets.times_of(name)
        return await self._request_ticket(kdc, spn.partition("@")[0], hosts, presented=presented)

    async def _find_kdcs(self, realm: str, service: str) -> tuple[KdcHost, ...]:
        """Return the KDCs of ``realm`` that the device knows, or finds in DNS; raises TicketFailure for none."""
        estate = self._lab.estate
        found = estate.realm(realm)
        looks_up = found is not None and (found.dns_lookup_kdc or self._site is not None)
        if found is None or not looks_up or self._client in self._lab.off_network:
            return self._lab.kdc_of(realm).hosts
        if self._site is not None:
            answers = functools.partial(self._is_answered, service)
            hosts = await find_kdcs_of_site(self._look_up, found.name, estate, self._site, answers)
        else:
            hosts = await find_kdcs_in_dns(self._look_up, found.name, estate)
        if not hosts:
            raise TicketFailure("kdc-unreachable", "", f"Cannot find KDC for realm '{realm}'")
        return hosts

    def _is_answered(self, service: str, hosts: Sequence[KdcHost]) -> bool:
        """Return whether one of ``hosts`` answers a request for a ticket for ``service``."""
        request = KdcRequest("TGS", hosts[0].realm, service, "")

        def decide(kdc: str) -> KdcDecision | None:
            return self._lab.faults.decide_kdc_request(request, self._client, kdc)

        decision = choose_kdc([host.name for host in hosts], decide).decision
        return decision is None or not decision.effect.is_missing

    async def _look_up(self, name: str, kind: str) -> LookupResult:
        (read,) = await self._names.query(name, (kind,))
        return read

    async def _request_ticket(
        self,
        kdc: MemoryKdc,
        name: str,
        hosts: tuple[KdcHost, ...] | None = None,
        presented: TicketTimes | None = None,
    ) -> tuple[IssuedKeys, TicketTimes | None]:
        """Request a ticket of ``kdc``, and wait as long as that takes; raises TicketFailure.

        ``hosts``: the hosts of the KDC that are asked (None: all). ``presented``: the times of the ticket-granting
        ticket of another realm that is presented (None: that of the sign-on is).
        """
        lab = self._lab
        kdc = kdc if hosts is None or hosts == kdc.hosts else msgspec.structs.replace(kdc, hosts=hosts)
        requested = kdc.request_ticket(
            name,
            self._client,
            lambda: lab.faults.state.kdc,
            self._record_exchange,
            principal=self._tickets.principal,
            checks=ClientChecks(
                functools.partial(self._check_account, kdc.realm),
                functools.partial(self._check_clocks, presented, kdc.realm),
            ),
            offered=self._enctypes,
        )
        if requested.delay:
            await pause(requested.delay)
        if requested.silent:
            await pause(KDC_TIMEOUT_S)
        if requested.failure is not None:
            raise requested.failure
        return requested.keys, self._read_times(name, requested.kdc)

    async def prompt_password(self, upn: str, reason: str) -> str | None:
        """Record a prompt and return the user's password; None if no user is present."""
        self._lab.trace.record(self._client, UserPrompted(reason=f"password of {upn}: {reason}"))
        await pause(self._durations.typing)
        known = self._lab.provider.directory.find_user(upn) if self._user_present else None
        return None if known is None else known.password

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Send one request and return the response.

        Raises NetworkFailure, and ValueError for a header field with control characters.
        """
        if self._lab.engine.must_pause(self._durations.request):
            await pause(self._durations.request)
        call = draft_request(method, url, headers, body)
        address = self._connect(call, await self._find_addresses(call.name))
        return await self.exchange(call.build_call(body, self._lab.engine.now), url, address)

    async def _find_addresses(self, host: str) -> tuple[str, ...]:
        """Return the addresses of ``host``; an IP address is returned as it is."""
        if is_address(host):
            return (str(ipaddress.ip_address(host)),)
        try:
            return (await self._resolve(host, "any")).addresses
        except DnsFailure as failure:
            raise NetworkFailure.from_dns(failure) from failure

    def _connect(self, call: DraftRequest, addresses: tuple[str, ...], *, to_kdc_proxy: bool = False) -> str:
        """Return the first of ``addresses`` that accepts a connection, with a valid certificate; raises NetworkFailure.

        Failed connections are recorded in the trace.
        """
        host, lab = call.name, self._lab
        refused: NetworkFailure | None = None
        for address in addresses:
            refusal = lab.find_connection_failure(address, call.port, host, tls=call.tls, to_kdc_proxy=to_kdc_proxy)
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
                port=call.port,
                faults=refusal.faults,
            )
            lab.trace.record(self._client, event)
            if refusal.stage == "tls":
                break
        raise refused or NetworkFailure("connect", "refused", f"{host} has no address")


class DraftRequest(NamedTuple):
    """A request before it is sent to ``name`` and ``port``, over TLS or plain.

    ``call`` is the request without body, ``own_id`` the client's id of it (``Call.read_own_id``).
    """

    name: str
    port: int
    tls: bool
    call: Call
    own_id: str

    def build_call(self, body: bytes, now: float) -> Call:
        """Return the request with ``body`` as the service receives it at ``now`` (seconds since the Unix epoch)."""
        return self.call.repeat(body, now, self.own_id)


def draft_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> DraftRequest:
    """Build the request to send with ``body``; raises ValueError for a header field with control characters.

    What does not depend on the octets of the body is kept for the next request like it, since a client sends the same
    again and again. A request with a ticket or a token, which is long, is the only one of its kind.
    """
    length = len(body) if body or method in ("POST", "PUT") else None
    fields = tuple(headers.items())
    usual = len(url) < _LONGEST_KEPT and len(headers.get("Authorization", "")) < _SHORTEST_TICKET
    build = _build_known_draft if usual else _build_draft
    return build(method, url, fields, length)


def _build_draft(method: str, url: str, headers: tuple[tuple[str, str], ...], length: int | None) -> DraftRequest:
    """Return the request for a body of ``length`` octets."""
    parts = urlsplit(url)
    name, own_port, host = _split_authority(parts.netloc)
    tls = parts.scheme == "https"
    fields = {"Host": host, "Accept": "*/*", **dict(headers)}
    if length is not None:
        fields["Content-Length"] = str(length)
    text = "".join([*fields, *fields.values()])
    if not text.isprintable():
        wrong = next(each for each, value in fields.items() if not f"{each}{value}".isprintable())
        raise ValueError(f"the header field {wrong!r} holds control characters")
    target = target_of(parts)
    port = own_port or (443 if tls else 80)
    call = Call.read(
        method,
        fields["Host"],
        target,
        headers=CIMultiDictProxy(CIMultiDict(fields)),
        now=0.0,
        header_bytes=len(text) + 4 * len(fields),
        scheme="https" if tls else "http",
        port=port,
    )
    return DraftRequest(name, port, tls, call, call.read_own_id())


@lru_cache(maxsize=512)
def _build_known_draft(method: str, url: str, headers: tuple[tuple[str, str], ...], length: int | None) -> DraftRequest:
    """Return what ``_build_draft`` returns, for all requests like it."""
    return _build_draft(method, url, headers, length)


@lru_cache(maxsize=256)
def _split_authority(netloc: str) -> tuple[str, int | None, str]:
    """Return host name, port and Host field of a URL's authority; raises ValueError for an invalid port."""
    parts = urlsplit(f"//{netloc}")
    return parts.hostname or "", parts.port, netloc.rpartition("@")[2]


def _build_response(call: Call, answer: HttpReply, lab: MemoryLab) -> HttpResponse:
    fields = [*lab.headers_of(call, answer), ("Content-Type", answer.content_type)]
    bodiless = call.method == "HEAD" or answer.status in _BODILESS
    return HttpResponse(answer.status, Headers(fields), b"" if bodiless else answer.body)


def memory_device(
    lab: MemoryLab,
    client: str,
    device: str | None = None,
    *,
    user_present: bool = True,
    dual_stack: bool | None = None,
    durations: Durations = NO_DURATIONS,
    random: Random | None = None,
) -> Device:
    """Make a device for the client model ``client``: the estate's ``device``, or its first. Raises LabInputError.

    ``random`` decides what would depend on timing; the default is seed 0 (``client_random``). The other arguments are
    as for ``ssosim.lab.model_devices.client_slots.model_device``.
    """
    found = device_called(lab.estate, device)
    user = user_on(lab.estate, found)
    servers = lab.dns_servers_of(found)
    if not found.corporate_network:
        lab.off_network.add(client)
    ports = MemoryDevice(
        lab,
        client,
        user,
        servers,
        user_present=user_present,
        dual_stack=found.ipv6 if dual_stack is None else dual_stack,
        durations=durations,
        enctypes=found.permitted_enctypes,
        site=found.site,
    )
    offset = functools.partial(lab.clocks.find_device_offset, client)
    return build_device(lab, user, ports, random=random or client_random(0, client), clock_offset=offset)


def build_device(lab: MemoryLab, user: User, ports: Any, **changes: Any) -> Device:
    """Build a device of ``user``; ``ports`` are all its ports except the clock, ``changes`` fields of ``Device``."""
    parts: dict[str, Any] = dict.fromkeys(("resolver", "http", "kerberos", "user"), ports) | {
        "upn": user.upn,
        "clock": EngineClock(lab.engine),
        "new_id": lambda: _ID,
        "search_domain": lab.estate.default_realm.domain,
        "stored_password": user.password,
        "app_credentials": app_credentials(lab.estate, user, lab.provider.keys),
    }
    return Device(**(parts | changes))
