"""A device whose ports lead into a lab in memory: what a model meets there, and what of it is in the trace."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from random import Random
from typing import Any, Literal

from ssosim_clients.failures import DnsKind
from ssosim_clients.ports import DnsFailure, Family, Headers, HttpResponse, NetworkFailure, Resolution, TicketFailure
from ssosim_clients.testing import World
from ssosim_clients.testing.device import MemoryPorts
from ssosim_clients.testing.engine import pause
from ssosim_clients.testing.provider import serve
from ssosim_clients.testing.request import Request, Step, step_of

from ssosim.entra import first_steps
from ssosim.entra.core.messages import Call
from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.memory_lab import MemoryLab
from ssosim.scenario.model import Client
from ssosim.services import services_at
from ssosim.trace import (
    ConnectionFailed,
    HttpExchange,
    KdcExchange,
    SignInStep,
    TokenIssued,
    UserPrompted,
    step_of_host,
)

__all__ = ["memory_device"]

_DNS_S, _REQUEST_S, _TICKET_S, _TYPING_S = 0.01, 0.05, 0.01, 20.0
_DNS_PATIENCE_S, _HTTP_PATIENCE_S, _KDC_PATIENCE_S = 5.0, 30.0, 15.0
_NOWHERE = "100::"
_HTTPS_PORT = 443
_KINDS: Mapping[Family, tuple[str, ...]] = {"ipv4": ("A",), "ipv6": ("AAAA",), "any": ("A", "AAAA")}
_STEPS: Mapping[Step, SignInStep] = {
    Step.REALM: SignInStep.REALM,
    Step.PAGE: SignInStep.CREDENTIAL_TYPE,
    Step.INSTANCE: SignInStep.INSTANCE,
    Step.MEX: SignInStep.MEX,
    Step.WINDOWS: SignInStep.WSTRUST_TICKET,
    Step.PASSWORD: SignInStep.WSTRUST_PASSWORD,
    Step.BROWSER: SignInStep.BROWSER_SSO,
    Step.TOKEN: SignInStep.TOKEN,
    Step.OTHER: SignInStep.OTHER,
}
_RCODES: Mapping[str, DnsKind] = {"NXDOMAIN": "nxdomain", "NODATA": "nodata", "REFUSED": "refused"}


def memory_device(lab: MemoryLab, client: Client, dice: Random) -> Any:
    """A device for ``client``, in a world of its own; raises LabInputError for one that the estate lacks.

    ``dice`` decide what timing would: see ``client_dice``.
    """
    found = lab.estate.devices[0] if client.device is None else lab.estate.device(client.device)
    if found is None:
        raise LabInputError(f"there is no device {client.device!r} in the estate {lab.estate.name!r}")
    world = World(engine=lab.engine)
    ports = _Ports(world, lab, client)
    parts = dict.fromkeys(("resolver", "http", "kerberos", "clock", "user"), ports)
    return world.device(upn=found.user, dice=dice, **parts)


class _Ports(MemoryPorts):
    """A device's ports whose world is what the faults have left of the lab."""

    __slots__ = ("_client", "_lab", "_of_world", "_tickets")

    def __init__(self, world: World, lab: MemoryLab, client: Client) -> None:
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
        rule = next((rule for rule in reversed(rules) if rule.matches(self._client.name)), None)
        await pause(_TICKET_S)
        outcome = "issued" if spn in self._of_world.spns else "KDC_ERR_S_PRINCIPAL_UNKNOWN"
        if rule is not None:
            outcome = "no answer" if rule.refusal is None else "KDC_ERR_ETYPE_NOSUPP"
            rule.count_hit()
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
        struck = next((s for rule in reversed(state.web) if (s := rule.effect_on(call, name))), None)
        if struck is not None and struck.delay:
            await pause(struck.delay)
        path = f"/{'/'.join(call.path)}"
        if struck is not None and (struck.silent or struck.reply):
            status = struck.reply.status if struck.reply else 0
            code = struck.reply.code if struck.reply else None
            auth = _auth(headers, body)
            step = _STEPS[step_of(path)]
            event = HttpExchange(host=host, method=method, path=path, status=status, auth=auth, code=code, step=step)
            lab.trace.record(name, event if struck.from_service else dataclasses.replace(event, injected=True))
            if struck.dropped:
                raise NetworkFailure("read", "closed", f"{url}: the connection ended without an answer")
            if struck.reply is None:
                await pause(_HTTP_PATIENCE_S)
                raise NetworkFailure("read", "timeout", f"{url}: no answer")
            return HttpResponse(status, Headers(struck.reply.headers), struck.reply.body)
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
                host=host,
                method=method,
                path=path,
                status=response.status,
                auth=_auth(headers, body),
                code=code,
                step=_STEPS[step],
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
            here = services_at(self._lab.services, address, _HTTPS_PORT)
            if address in self._lab.hosts and not here:
                self._failed(host, address, "connect", "refused")
                continue
            if trouble is not None or not any(host in each.dns_names for each in here):
                kind = "expired-certificate" if trouble == "expired" else "bad-certificate"
                self._failed(host, address, "tls", kind)
                raise NetworkFailure("tls", kind)
            return
        raise NetworkFailure("connect", "refused")

    def _failed(self, host: str, address: str, stage: Any, reason: str) -> None:
        step = step_of_host(first_steps(self._lab.estate), host)
        event = ConnectionFailed(host=host, address=address, stage=stage, reason=reason, step=step)
        self._lab.trace.record(self._client.name, event)


def _kind(outcome: str) -> DnsKind:
    return _RCODES.get(outcome, "servfail")


def _auth(headers: Mapping[str, str], body: bytes) -> Any:
    carried = headers.get("Authorization", "")
    if carried:
        return "ntlm" if carried.startswith("Negotiate TlRMTVNTUA") else "kerberos"
    return "password" if b"password=" in body or b":Password" in body else "none"
