"""What a DNS change would do to every kind of client, found out by playing them against both states of the zones.

No socket and no Kerberos: names come from the pure answers, tickets from the set of SPNs that the KDC knows, HTTP from
the identity provider's pure functions. The same client models run here as in the lab.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import dns.rcode
import dns.reversename
from dns.rdatatype import AAAA, CNAME, PTR, A
from ssosim_clients.catalogue import MODELS
from ssosim_clients.failures import DnsKind
from ssosim_clients.models import State
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
from ssosim_clients.spn import RULES, OnUnknown, SchemeGivenUp, SpnRule

from ssosim.dns import ZoneSet, answer
from ssosim.dns.rrset import plain, to_name
from ssosim.entra import AcceptedTicket, Call, Keys, Provider, RefusedTicket, serve
from ssosim.estate import Estate
from ssosim.scenario.model import Outcome
from ssosim.scenario.verdict import judge
from ssosim.trace import ClientFinished, KdcExchange, Trace, UserPrompted

__all__ = ["Forecast", "Prediction", "forecast"]

HORIZON_S = 1200.0
"""How long a model may try; one that has not ended by then stalls."""

_START = 1_740_000_000.0
_TICKET = b"ssosim-forecast-ticket:"
_NTLM = b"NTLMSSP\x00"
_WITHOUT_TICKET = {
    OnUnknown.PLAIN_401: "401",
    OnUnknown.RESEND_PLAIN: "401",
    OnUnknown.NEXT_SCHEME: "401, or another scheme",
    OnUnknown.NTLM: "NTLM instead, refused (403)",
    OnUnknown.ERROR: "an error to the caller",
}
_NOT_HERE = "does not sign in on this device"
_RANK = (Outcome.SILENT, Outcome.INTERACTIVE, Outcome.FAILED, Outcome.REFUSED, Outcome.STALLED)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What becomes of one kind of client before and after. ``names`` are the clients (rules, models) that it holds for.

    ``spn_before`` and ``spn_after`` are the SPNs it asks for, in order; none where it gets no further than DNS.
    """

    kind: str
    names: tuple[str, ...]
    before: str
    after: str
    spn_before: tuple[str, ...]
    spn_after: tuple[str, ...]
    why: str
    worse: bool

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The predictions for one host: SPN rules by family, and each model of a client."""

    host: str
    rules: tuple[Prediction, ...]
    models: tuple[Prediction, ...]

    @property
    def worse(self) -> tuple[str, ...]:
        """The models for which it gets worse."""
        return tuple(name for each in self.models if each.worse for name in each.names)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "host": self.host,
            "rules": [each.as_data() for each in self.rules],
            "models": [each.as_data() for each in self.models],
            "worse": list(self.worse),
        }


def forecast(before: ZoneSet, after: ZoneSet, estate: Estate, keys: Keys, host: str = "") -> Forecast:
    """Play every SPN rule and every model against both states. ``host`` is the one that tickets are for.

    ``keys`` are the identity provider's; making them is slow, so they come from the caller.
    """
    host = host or estate.cloud.autologon_host
    spns = frozenset((*estate.realm.service_account.spns, *estate.realm.services))
    grouped: dict[tuple[str, ...], list[tuple[str, _Played, _Played]]] = {}
    for rule in RULES.values():
        if rule.service == "HTTP":
            was, now = (_play_rule(rule, host, zones, estate, spns) for zones in (before, after))
            grouped.setdefault((_family(rule), was.text, now.text), []).append((rule.name, was, now))
    rules = tuple(_prediction(group[0][0] and key[0], group) for key, group in grouped.items())
    models = []
    for name in MODELS:
        was, now = (_play_model(name, zones, estate, spns, keys) for zones in (before, after))
        if was.rank and was == now:  # it wants another device or credential than the estate's first device has
            was = now = dataclasses.replace(was, text=_NOT_HERE)
        models.append(_prediction("model", [(name, was, now)]))
    return Forecast(host, rules, tuple(models))


@dataclass(frozen=True, slots=True)
class _Played:
    """One play: the outcome in a word or two, why, the SPNs asked for, and its rank (0 is best)."""

    text: str
    why: str
    spns: tuple[str, ...]
    rank: int


def _prediction(kind: str, group: list[tuple[str, _Played, _Played]]) -> Prediction:
    names = tuple(name for name, _, _ in group)
    _, was, now = group[0]
    return Prediction(kind, names, was.text, now.text, was.spns, now.spns, now.why, now.rank > was.rank)


def _family(rule: SpnRule) -> str:
    own = " or ".join(form.value for form in rule.forms)
    return f"{own}, then {' or '.join(form.value for form in rule.second)}" if rule.second else own


def _play_rule(rule: SpnRule, host: str, zones: ZoneSet, estate: Estate, spns: frozenset[str]) -> _Played:
    resolver = _Resolver(zones, Trace(), "forecast")
    try:
        _drive(resolver.resolve(host, "any"))
    except DnsFailure as failure:
        return _Played(f"no address ({failure.kind})", f"{host} has no address", (), 3)
    try:
        asked = _drive(rule.candidates(host, resolver, search_domain=estate.realm.domain))
    except (DnsFailure, SchemeGivenUp) as failure:
        return _Played("no ticket asked for", str(failure), (), 2)
    for number, spn in enumerate(asked, start=1):
        if spn in spns:
            return _Played("ticket", f"the KDC knows {spn}", asked[:number], 0)
    instead = _WITHOUT_TICKET[rule.on_unknown]
    return _Played(f"unknown to the KDC: {instead}", f"the KDC does not know {', '.join(asked)}", asked, 2)


def _play_model(name: str, zones: ZoneSet, estate: Estate, spns: frozenset[str], keys: Keys) -> _Played:
    device = next(each for each in estate.devices)
    user = estate.user(device.user)
    assert user is not None  # noqa: S101 - the estate's check has made sure
    clock = _Clock()
    trace = Trace(clock)
    world = _World(zones, estate, spns, keys, trace, clock, name)
    stage = Device(
        upn=user.upn,
        resolver=_Resolver(zones, trace, name),
        http=world,
        kerberos=world,
        clock=clock,
        user=_Person(trace, name, user.password),
        search_domain=estate.realm.domain,
        stored_password=user.password,
    )
    try:
        belief = _drive(MODELS[name].sign_in(stage))
        if getattr(belief, "state", None) is State.FAILED:
            trace.record(name, ClientFinished(program=name, exit_code=1))
    except _Parked:
        pass
    except Exception as error:  # noqa: BLE001 - a model that needs what this stage has not is no verdict on the change
        return _Played("not played", f"{type(error).__name__}: {error}", (), 0)
    verdict = judge([record for record in trace if record.client == name], _START)
    asked = tuple(
        dict.fromkeys(
            record.event.service
            for record in trace
            if isinstance(record.event, KdcExchange) and record.event.request == "TGS"
        )
    )
    return _Played(verdict.outcome.value, verdict.reason, asked, _RANK.index(verdict.outcome))


class _Parked(BaseException):
    """The horizon is reached: whatever the client still wanted, it waits."""


def _drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits for anything; what its ports do is done at once."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    except asyncio.CancelledError as error:
        raise _Parked from error
    coroutine.close()
    raise _Parked


class _Clock:
    """Time that jumps when a client sleeps."""

    def __init__(self) -> None:
        self._now = _START

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Jump; past the horizon the play ends."""
        self._now += seconds
        if self._now > _START + HORIZON_S:
            raise _Parked


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody who types the right password."""

    trace: Trace
    client: str
    password: str

    async def ask_password(self, upn: str, reason: str) -> str | None:
        """Be asked."""
        self.trace.record(self.client, UserPrompted(reason=f"password of {upn}: {reason}"))
        return self.password


@dataclass(frozen=True, slots=True)
class _Resolver:
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


class _World:
    """HTTP and Kerberos for one play."""

    def __init__(
        self,
        zones: ZoneSet,
        estate: Estate,
        spns: frozenset[str],
        keys: Keys,
        trace: Trace,
        clock: _Clock,
        client: str,
    ) -> None:
        self._resolver = _Resolver(zones, trace, client)
        self._spns = spns
        self._trace = trace
        self._clock = clock
        self._client = client
        self._roles = {host.address: host.role for host in estate.hosts}
        self._names = {name.lower(): role for name, role in estate.web_names()}
        principal = f"{_account(estate)}@{estate.realm.name}"
        cloud = _Acceptor(frozenset(estate.realm.service_account.spns), principal)
        acceptors = {estate.cloud.autologon_host: cloud}
        acceptors |= {
            each.host: _Acceptor(frozenset({each.spn}), principal) for each in estate.federation_services if each.spn
        }
        self._provider = Provider(estate=estate, keys=keys, acceptors=acceptors, trace=trace, clock=clock)

    async def request(self, method: str, url: str, headers: Any, body: bytes) -> HttpResponse:
        """One request to whoever listens at the address that the name has."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        try:
            found = await self._resolver.resolve(host, "any")
        except DnsFailure as failure:
            raise NetworkFailure.from_dns(failure) from failure
        role = next((self._roles[address] for address in found.addresses[:1] if address in self._roles), None)
        if role is None:
            raise NetworkFailure("connect", "refused", f"nothing listens at {found.addresses[0]}")
        if self._names.get(host) != role:
            raise NetworkFailure("tls", "bad-certificate", f"{found.addresses[0]} is not {host}")
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        call = Call.read(method, host, target, headers=Headers(headers.items()), body=body, now=self._clock.now())
        reply = serve(self._provider, call, self._client)
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
class _Acceptor:
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


def _account(estate: Estate) -> str:
    """The realm account of the first device's user."""
    user = estate.user(estate.devices[0].user)
    return "" if user is None or user.sam_account is None else user.sam_account


def affected_hosts(names: Iterable[str], estate: Estate) -> tuple[str, ...]:
    """Those of ``names`` that are served over HTTPS."""
    served = {name.lower() for name, _ in estate.web_names()}
    return tuple(name for name in names if name in served)
