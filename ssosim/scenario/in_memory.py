"""Play a scenario without a socket: its faults over the real zones, everything else on ``ssosim_clients.testing``.

Milliseconds a client. The same faults, the same judge; DNS answers are the server's own functions, the provider is the
scripted one, and a KDC is a set of names. What needs more (programs, resolvers with a cache) cannot be played here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

from dns.rcode import NOERROR
from dns.rdatatype import AAAA, CNAME, A, RdataType
from ssosim_clients.failures import DnsKind
from ssosim_clients.models.base import Belief, Model, State
from ssosim_clients.ports import DnsFailure, Family, Headers, HttpResponse, NetworkFailure, Resolution, TicketFailure
from ssosim_clients.testing import Engine, Run, World
from ssosim_clients.testing.device import MemoryPorts
from ssosim_clients.testing.engine import pause
from ssosim_clients.testing.provider import serve
from ssosim_clients.testing.request import Request, Step, step_of

from ssosim.dns import Answer, Tamper, ZoneStore, answer, zones_of
from ssosim.dns.asking import Asking
from ssosim.dns.rrset import to_name
from ssosim.entra.wire import Call
from ssosim.estate import Estate
from ssosim.faults import DnsState, FaultBoard
from ssosim.lab.errors import LabError, LabInputError
from ssosim.scenario.model import Client, Scenario
from ssosim.scenario.player import PhaseFaults, PhaseResult, Playback, judge_phase
from ssosim.trace import (
    ClientFinished,
    ConnectionFailed,
    DnsAnswered,
    HttpExchange,
    KdcExchange,
    PhaseStarted,
    TokenIssued,
    Trace,
    UserPrompted,
)

__all__ = ["play_in_memory"]

_DNS_S, _REQUEST_S, _TICKET_S, _TYPING_S = 0.01, 0.05, 0.01, 20.0
_DNS_PATIENCE_S, _HTTP_PATIENCE_S, _KDC_PATIENCE_S = 5.0, 30.0, 15.0
_NOWHERE = "100::"
_TYPES: Mapping[str, RdataType] = {"A": A, "AAAA": AAAA}
_KINDS: Mapping[Family, tuple[str, ...]] = {"ipv4": ("A",), "ipv6": ("AAAA",), "any": ("A", "AAAA")}
_Said = tuple[tuple[str, ...], tuple[str, ...]]
_RCODES: Mapping[str, DnsKind] = {"NXDOMAIN": "nxdomain", "NODATA": "nodata", "REFUSED": "refused"}


def play_in_memory(scenario: Scenario, estate: Estate, models: Mapping[str, Model]) -> Playback:
    """Play ``scenario``; ``models`` holds the model of each of its clients, by client name.

    Raises LabInputError for a scenario that needs more, LabError when a model itself breaks, DnsChangeError when a
    fault does not fit the estate.
    """
    if scenario.resolvers or any(client.name not in models for client in scenario.clients):
        raise LabInputError(f"{scenario.name}: programs, and resolvers that remember, cannot be played in memory")
    engine = Engine(scenario.phases[0].start.timestamp())
    lab = _MemoryLab(engine, estate)
    devices = {client.name: lab.device(client) for client in scenario.clients}
    runs: dict[str, Run[Belief]] = {}
    faults = PhaseFaults(lab, scenario.seed)
    results: list[PhaseResult] = []
    for index, phase in enumerate(scenario.phases):
        began = phase.start.timestamp()
        engine.run(began)
        mark = lab.trace.last_seq
        faults.change_to(phase.faults)
        steps = faults.steps(phase)
        while steps and steps[0][0] == 0:
            steps.pop(0)[1]()
        lab.trace.record("", PhaseStarted(scenario=scenario.name, phase=phase.name))
        for name in [client.name for client in scenario.clients if client.fresh and index]:
            runs.pop(name).cancel()
            devices[name] = lab.device(next(client for client in scenario.clients if client.name == name))
        for name, device in devices.items():
            if name not in runs or runs[name].done:
                runs[name] = engine.start(lab.sign_in(name, models[name], device))
        for after, act in steps:
            engine.run(began + after)
            act()
        engine.run(began + scenario.duration_of(index))
        _check(runs)
        results += judge_phase(scenario, phase, lab.trace, mark)
    for run in (run for run in runs.values() if not run.done):
        run.cancel()
    return Playback(scenario, tuple(results))


def _check(runs: Mapping[str, Run[Belief]]) -> None:
    for name, run in runs.items():
        if run.error is not None:
            text = f"the client model {name!r} broke: {type(run.error).__name__}: {run.error}"
            raise LabError(text) from run.error


class _Now:
    """The engine's time as a clock of the house."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return self._engine.now


class _MemoryLab:
    """Zones, faults and trace, and what faults do to services."""

    def __init__(self, engine: Engine, estate: Estate) -> None:
        self.engine = engine
        self.estate = estate
        self.trace = Trace(_Now(engine))
        self.zones = ZoneStore(zones_of(estate), seed=estate.dns.seed)
        self.faults = FaultBoard(self.zones, self.trace, self._later)
        self.tamper: Tamper | None = None
        self.state: DnsState | None = None
        self._healthy: dict[tuple[str, str], tuple[_Said, DnsAnswered]] = {}
        self.hosts = {host.address for host in estate.hosts}
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

    def _show(self, state: DnsState) -> None:
        self.state = state
        self._healthy.clear()
        for change in state.estate:
            change(self.estate)  # to be told of one that does not fit

    def device(self, client: Client) -> Any:
        """A device for ``client``, in a world of its own."""
        found = self.estate.devices[0] if client.device is None else self.estate.device(client.device)
        if found is None:
            raise LabInputError(f"there is no device {client.device!r} in the estate {self.estate.name!r}")
        world = World(engine=self.engine)
        ports = _Ports(world, self, client)
        parts = dict.fromkeys(("resolver", "http", "kerberos", "clock", "user"), ports)
        return world.device(upn=found.user, **parts)

    async def sign_in(self, name: str, model: Model, device: Any) -> Belief:
        """One sign-in; that it ended with an error is seen from outside."""
        belief = await model.sign_in(device)
        if getattr(belief, "state", None) is State.FAILED:
            self.trace.record(name, ClientFinished(program=model.name, exit_code=1))
        return belief

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

    def _asking(self) -> Asking:
        return Asking(None, self.zones.health.current, 0.0)


class _Ports(MemoryPorts):
    """A device's ports whose world is what the faults have left of the lab."""

    __slots__ = ("_client", "_lab", "_of_world", "_tickets")

    def __init__(self, world: World, lab: _MemoryLab, client: Client) -> None:
        super().__init__(world)
        self._of_world = world
        self._lab = lab
        self._client = client
        self._tickets: set[str] = set()

    async def resolve(self, name: str, family: Family) -> Resolution:
        """As a stub resolver without a cache."""
        await pause(_DNS_S)
        found: list[Resolution] = []
        failure: DnsFailure | None = None
        for kind in _KINDS[family]:
            said, outcome = self._lab.answer(name, kind, self._client.name)
            if said is None:
                if outcome == "DROPPED":
                    await pause(_DNS_PATIENCE_S)
                failure = failure or DnsFailure("timeout" if outcome == "DROPPED" else _kind(outcome), name)
                continue
            chain, values = said
            found.append(Resolution(name, chain[-1] if chain else name, values, chain))
        if not found:
            raise failure or DnsFailure("nodata", name)
        ordered = reversed(found) if self._client.ipv6 else found
        addresses = tuple(address for answered in ordered for address in answered.addresses)
        return Resolution(name, found[0].canonical, addresses, found[0].chain)

    async def reverse(self, address: str) -> str | None:  # noqa: ARG002 - a port's signature
        """The cloud's addresses have no PTR."""
        await pause(_DNS_S)
        return None

    async def negotiate_token(self, spn: str) -> bytes:
        """A ticket for a registered SPN, if the KDC may give it."""
        if spn in self._tickets:
            return b"ticket " + spn.encode()
        rules = self._lab.state.kdc if self._lab.state else ()
        rule = next((rule for rule in reversed(rules) if rule.strikes(self._client.name)), None)
        await pause(_TICKET_S)
        outcome = "issued" if spn in self._of_world.spns else "KDC_ERR_S_PRINCIPAL_UNKNOWN"
        if rule is not None:
            outcome = "no answer" if rule.refusal is None else "KDC_ERR_ETYPE_NOSUPP"
            rule.meet()
        self._lab.trace.record(self._client.name, KdcExchange(request="TGS", service=spn, outcome=outcome))
        if outcome == "no answer":
            await pause(_KDC_PATIENCE_S)
            raise TicketFailure("kdc-unreachable", spn)
        if outcome != "issued":
            raise TicketFailure("server-unknown" if outcome.endswith("UNKNOWN") else "other", spn)
        self._tickets.add(spn)
        return b"ticket " + spn.encode()

    async def ask_password(self, upn: str, reason: str) -> str | None:
        """The right password, typed in 20 s, or nothing."""
        self._lab.trace.record(self._client.name, UserPrompted(reason=f"password of {upn}: {reason}"))
        await pause(_TYPING_S)
        return self._of_world.password if self._client.person_answers else None

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Resolve, connect, and have the scripted provider answer unless a fault does."""
        host, _, target = url.removeprefix("https://").partition("/")
        await pause(_REQUEST_S)
        try:
            found = await self.resolve(host, "any")
        except DnsFailure as failure:
            raise NetworkFailure.from_dns(failure) from failure
        self._connect(host, found.addresses)
        lab, name, state = self._lab, self._client.name, self._lab.state
        self._of_world.desktop_sso = not (state and state.estate)
        if state is None or not state.web:
            return self._served(method, host, f"/{target.partition('?')[0]}", headers, body)
        call = Call.read(method, host, f"/{target}", headers=headers, body=body, now=lab.engine.now)
        struck = next((s for rule in reversed(state.web) if (s := rule.strike(call, name))), None)
        if struck is not None and struck.delay:
            await pause(struck.delay)
        path = f"/{'/'.join(call.path)}"
        if struck is not None and (struck.silent or struck.answer):
            status = struck.answer.status if struck.answer else 0
            code = struck.answer.code if struck.answer else None
            auth = _auth(headers, body)
            event = HttpExchange(host=host, method=method, path=path, status=status, auth=auth, code=code)
            lab.trace.record(name, event if struck.own else dataclasses.replace(event, struck=True))
            if struck.dropped:
                raise NetworkFailure("read", "closed", f"{url}: the connection ended without an answer")
            if struck.answer is None:
                await pause(_HTTP_PATIENCE_S)
                raise NetworkFailure("read", "timeout", f"{url}: no answer")
            return HttpResponse(status, Headers(struck.answer.headers), struck.answer.body)
        return self._served(method, host, path, headers, body)

    def _served(self, method: str, host: str, path: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        step = step_of(path)
        response = serve(self._of_world, Request(method, host, path, headers, body), step)
        lab, name = self._lab, self._client.name
        if step in (Step.TOKEN, Step.BROWSER) and response.status == 200:
            kind: Literal["access", "browser"] = "access" if step is Step.TOKEN else "browser"
            lab.trace.record(name, TokenIssued(kind=kind, grant="", subject=""))
        code = 50126 if step is Step.TOKEN and response.status == 400 else None
        lab.trace.record(
            name,
            HttpExchange(
                host=host, method=method, path=path, status=response.status, auth=_auth(headers, body), code=code
            ),
        )
        return response

    def _connect(self, host: str, addresses: tuple[str, ...]) -> None:
        """Raise NetworkFailure where no connection comes about."""
        trouble = self._lab.state.certificates.get(host) if self._lab.state else None
        for address in addresses:
            if address.startswith(_NOWHERE):
                self._failed(host, address, "connect", "refused")
                continue
            if trouble is not None and self._lab.state and host in self._lab.state.presented:
                self._lab.state.presented[host]()
            if address not in self._lab.hosts or trouble is not None:
                kind = "expired-certificate" if trouble == "expired" else "bad-certificate"
                self._failed(host, address, "tls", kind)
                raise NetworkFailure("tls", kind)
            return
        raise NetworkFailure("connect", "refused")

    def _failed(self, host: str, address: str, stage: Any, reason: str) -> None:
        event = ConnectionFailed(host=host, address=address, stage=stage, reason=reason)
        self._lab.trace.record(self._client.name, event)


def _said(said: Answer) -> _Said:
    return _texts(said, CNAME), _texts(said, said.type)


def _texts(said: Answer, kind: RdataType) -> tuple[str, ...]:
    """The values of that type in an answer, names without their trailing dot."""
    return tuple(rdata.to_text().rstrip(".") for rrset in said.answer if rrset.type == kind for rdata in rrset.rdatas)


def _kind(outcome: str) -> DnsKind:
    return _RCODES.get(outcome, "servfail")


def _auth(headers: Mapping[str, str], body: bytes) -> Any:
    carried = headers.get("Authorization", "")
    if carried:
        return "ntlm" if carried.startswith("Negotiate TlRMTVNTUA") else "kerberos"
    return "password" if b"password=" in body or b":Password" in body else "none"
