"""Active faults without a lab: what they do to one DNS answer, one HTTP exchange and one request to the KDC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from dns.rdatatype import RdataType

from ssosim.dns import Answer, Effect, FindDnsEffect, ZoneStore, answer, zones_of
from ssosim.dns.zones.rrset import to_name
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.estate import default_estate
from ssosim.faults import ActiveFaults
from ssosim.faults.core.active_faults import Part
from ssosim.faults.core.exchanges import make_find_http_effect
from ssosim.faults.core.kdc_effect import KdcDecision
from ssosim.kerberos.messages import KdcRequest, Message
from ssosim.trace import DnsAnswered, FaultUndone, LabEvent, Trace

__all__ = ["AUTOLOGON", "HEALTHY", "LOGIN", "NAME_SERVER", "NOW", "STS", "FaultBoard", "Timer"]

LOGIN, AUTOLOGON, STS = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com", "sts.fabrikam.com"
HEALTHY = zones_of(default_estate())
NAME_SERVER = "ns1.dns.example"
NOW = 1_740_000_000.0
TICKET_REQUEST = KdcRequest(kind="TGS", realm="CORP.CONTOSO.COM", service=f"HTTP/{AUTOLOGON}", principal="")


class Timer:
    """Keeps the calls that are due later, so that a test decides when their time has come."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, act: Callable[[], None]) -> Callable[[], None]:
        """Keep ``act``; the result calls it off."""
        entry = (seconds, act)
        self.waiting.append(entry)
        return lambda: self.waiting.remove(entry) if entry in self.waiting else None

    def run(self) -> None:
        """Let the time of all calls come."""
        while self.waiting:
            self.waiting.pop(0)[1]()


class _Server:
    find_effect: FindDnsEffect | None = None


class FaultBoard:
    """The active faults of a lab with one DNS server, or with ``resolvers``. ``models``: all clients are models."""

    def __init__(self, *resolvers: str, models: bool = False) -> None:
        self.timer = Timer()
        self.trace = Trace()
        self.store = ZoneStore(HEALTHY)
        self.faults = ActiveFaults(self.store, self.trace, self.timer, lambda _client: models)
        self._models = models
        self._servers: dict[str, _Server] = {}
        self._attach("authority" if resolvers else "lab", "")
        for name in resolvers:
            self._attach("resolver", name)

    def _attach(self, part: Part, name: str) -> None:
        self._servers[name] = _Server()
        self.faults.attach(self._servers[name], part, NAME_SERVER if part == "authority" else name)

    def ask(
        self,
        name: str = LOGIN,
        kind: str = "A",
        client: str = "office",
        *,
        at: str = "",
        transport: Literal["udp", "tcp"] = "udp",
    ) -> Effect | None:
        """Return what the faults do to one answer of the server ``at`` (a resolver; else the other server)."""
        find = self._servers[at].find_effect
        said = answer(self.store.current, to_name(name), RdataType.make(kind))
        event = DnsAnswered(
            name=name,
            type=kind,
            rcode=said.outcome,
            transport=transport,
            by=at or (NAME_SERVER if len(self._servers) > 1 else ""),
        )
        effect = None if find is None else find(event, client)
        self.trace.record(client, event)
        return effect

    def look_up(self, name: str = LOGIN, kind: str = "A") -> Answer:
        """Return what the zones answer now."""
        return answer(self.store.current, to_name(name), RdataType.make(kind))

    def get(self, target: str = "/common/userrealm/x", host: str = LOGIN, client: str = "office") -> HttpEffect | None:
        """Return what the faults do to one GET request."""
        find = make_find_http_effect(self.faults.state.http, lambda _client: self._models)
        effect = None if find is None else find(Call.read("GET", host, target, now=NOW), client)
        self.trace.record(client, LabEvent(part="test", text=target))
        return effect

    def request_ticket(
        self, client: str = "office", kdc: str = "", message: Message = TICKET_REQUEST
    ) -> KdcDecision | None:
        """Return what the faults do to one request for a service ticket, and count it."""
        decision = self.faults.decide_kdc_request(message, client, kdc)
        if decision is not None:
            decision.count_hits()
        self.trace.record(client, LabEvent(part="test", text=kdc))
        return decision

    @property
    def endings(self) -> list[tuple[int, str]]:
        """The numbers of the faults that have ended, each with the reason."""
        return [(each.event.id, each.event.reason) for each in self.trace if isinstance(each.event, FaultUndone)]
