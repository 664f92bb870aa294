"""The lab of a scenario that is played in memory: zones, faults and trace, and what faults do to services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dns.rcode import NOERROR
from dns.rdatatype import AAAA, CNAME, A, RdataType
from ssosim_clients.models.base import Model, SignInReport, SignInState
from ssosim_clients.testing import Engine

from ssosim.dns import Answer, Tamper, ZoneStore, answer, zones_of
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import to_name
from ssosim.estate import Estate
from ssosim.faults import ActiveFaults, FaultState
from ssosim.faults.web import check_hosts
from ssosim.services import services_of
from ssosim.trace import ClientFinished, DnsAnswered, Trace

__all__ = ["MemoryLab"]

_TYPES: Mapping[str, RdataType] = {"A": A, "AAAA": AAAA}
_Said = tuple[tuple[str, ...], tuple[str, ...]]


class _Now:
    """The engine's time as a clock of the house."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return self._engine.now


class MemoryLab:
    """Zones, faults and trace, and what faults do to services."""

    def __init__(self, engine: Engine, estate: Estate) -> None:
        self.engine = engine
        self.estate = estate
        self.trace = Trace(_Now(engine))
        self.zones = ZoneStore(zones_of(estate), seed=estate.dns.seed)
        self.faults = ActiveFaults(self.zones, self.trace, self._later)
        self.tamper: Tamper | None = None
        self.state: FaultState | None = None
        self._healthy: dict[tuple[str, str], tuple[_Said, DnsAnswered]] = {}
        self.hosts = {host.address for host in estate.hosts}
        self.services = services_of(estate)
        self.faults.attach(self, "lab")
        self.faults.watch(self._show)

    def _later(self, seconds: float, act: Callable[[], None]) -> Callable[[], None]:
        """Do something in ``seconds`` of the engine's time, unless it is called off."""
        wanted = True

        def unless_called_off() -> None:
            if wanted:
                act()

        def call_off() -> None:
            nonlocal wanted
            wanted = False

        self.engine.call_at(self.engine.now + seconds, unless_called_off)
        return call_off

    def _show(self, state: FaultState) -> None:
        check_hosts(state, self.estate)
        for change in state.estate:
            change(self.estate)  # to be told of one that does not fit
        self.state = state
        self._healthy.clear()

    async def sign_in(self, name: str, model: Model, device: Any) -> SignInReport:
        """One sign-in; that it ended with an error is seen from outside."""
        report = await model.sign_in(device)
        if getattr(report, "state", None) is SignInState.FAILED:
            self.trace.record(name, ClientFinished(program=model.name, exit_code=1))
        return report

    def answer(self, name: str, kind: str, client: str) -> tuple[_Said | None, str]:
        """The answer to one question (chain and values), and its outcome; None where there is none."""
        known = self._healthy.get((name, kind))
        if known is None:  # the zones change with the faults only
            now = answer(self.zones.current, to_name(name), _TYPES[kind], self._asking())
            known = self._healthy[name, kind] = _said(now), now.event("udp")
        said, event = known
        outcome = event.rcode
        effect = self.tamper(event, client) if self.tamper is not None else None
        if effect is not None and effect.said is not None:
            other = effect.said(to_name(name), _TYPES[kind], self._asking())
            said, event = _said(other), other.event("udp")
            outcome = event.rcode
        elif effect is not None and (effect.drop or effect.rcode is not None):
            outcome = "DROPPED" if effect.drop or effect.rcode is None else effect.rcode.name
            event = DnsAnswered(name=event.name, type=event.type, rcode=outcome)
        self.trace.record(client, event)
        return (said if outcome == NOERROR.name else None), outcome

    def _asking(self) -> QueryContext:
        return QueryContext(None, self.zones.health.current, 0.0)


def _said(said: Answer) -> _Said:
    return _texts(said, CNAME), _texts(said, said.type)


def _texts(said: Answer, kind: RdataType) -> tuple[str, ...]:
    """The values of that type in an answer, names without their trailing dot."""
    return tuple(rdata.to_text().rstrip(".") for rrset in said.answer if rrset.type == kind for rdata in rrset.rdatas)
