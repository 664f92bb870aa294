"""The SPN that each kind of client would request with the lab's present DNS answers, and whether the KDC knows it.

The rules of the client models are applied to the lab's DNS; then a ticket for each SPN is requested from the KDC for
the user who is signed on. So the trace has these look-ups and requests too, with the client name ``spn``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from aiohttp import web
from ssosim_clients.ports import Device as ClientDevice
from ssosim_clients.ports import DnsFailure, Family, Resolution, TicketFailure
from ssosim_clients.ports import Resolver as ClientResolver
from ssosim_clients.spn import RULES, NegotiateAbandoned, SpnRule

from ssosim.dns.zones.stub import NAME_TIMEOUT_S
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.request_bodies import json_object, text_or_none
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import ClientSlot, model_device, reserve_client_slot
from ssosim.lab.model_devices.waiting import CountingClock

__all__ = ["SpnHandlers", "evaluate_spn_rules"]

_CLIENT = "spn"
_SQL_PORT = 1433
_MAX_HOST = 253
_PATIENCE_S = 0.5  # the answer of this command must not wait for a resolver in trouble
_LOOKS = 10

_Answer = TypeVar("_Answer")


class SpnHandlers:
    """The handler of POST /v1/spn. It handles one request at a time, from one address of the lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._one = asyncio.Lock()
        self._slot: ClientSlot | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """Answer ``{"host": …, "rules": […], "device": …, "port": …}``; all keys except ``host`` are optional."""
        host, rules, device, port = await _read(request)
        async with self._one:
            self._slot = self._slot or await reserve_client_slot(self._lab, _CLIENT)
            found = await evaluate_spn_rules(self._lab, host, rules=rules, device=device, port=port, slot=self._slot)
        return web.json_response(found)


async def _read(request: web.Request) -> tuple[str, list[str] | None, str | None, int | None]:
    body = await json_object(request, ("host", "rules", "device", "port"))
    if not isinstance(body.get("host"), str):
        raise LabInputError("host: expected the host name of a URL")
    rules, device, port = body.get("rules"), text_or_none(body, "device"), body.get("port")
    if rules is not None and not (isinstance(rules, list) and rules and all(isinstance(rule, str) for rule in rules)):
        raise LabInputError("rules: expected a list of names, at least one; leave it out for all")
    if port is not None and not (isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536):
        raise LabInputError("port: expected a port number")
    return body["host"], rules, device, port


async def evaluate_spn_rules(
    lab: Lab,
    host: str,
    *,
    rules: list[str] | None = None,
    device: str | None = None,
    port: int | None = None,
    slot: ClientSlot | None = None,
) -> dict[str, Any]:
    """Form the SPNs for ``host`` by each of ``rules`` (None: all), and return them as plain data.

    ``dns`` is the address answer. ``rules`` has for each rule its family and its candidates in the order in which they
    are tried, each with the KDC's response; ``problem`` is set if the client stops after DNS. If the result depends on
    chance, ``outcomes`` has one list of candidates for each possible outcome (else one list), and ``chance`` names
    what decides. Raises LabInputError for an invalid host, rule or device.
    """
    host = _strip_brackets(host)
    if not _is_address(host) and (
        not host or len(host) > _MAX_HOST or not host.isascii() or not host.isprintable() or set(host) & set("/:@ ")
    ):
        raise LabInputError(f"{host!r}: a host name is expected, without scheme, port and path")
    unknown = sorted(set(rules or ()) - set(RULES))
    if unknown:
        raise LabInputError(f"no SPN rule is called {unknown[0]!r}; known: {', '.join(RULES)}")
    chosen = [RULES[name] for name in (RULES if rules is None else rules)]
    clock = CountingClock(lab.clock)
    async with model_device(lab, _CLIENT, lab.device_of(device), clock, user_present=False, slot=slot) as client_device:
        lab.delay_counters[_CLIENT] = partial(clock.hold, limit_s=NAME_TIMEOUT_S)
        try:
            resolver = _CountedResolver(client_device.resolver, clock)
            evaluation = _Evaluation(resolver, _Kdc(client_device, clock), client_device.search_domain)
            shape = await _dns(resolver, host)
            return {"host": host, "dns": shape, "rules": [await evaluation.apply(rule, host, port) for rule in chosen]}
        finally:
            del lab.delay_counters[_CLIENT]


class _CountedResolver:
    """The device's resolver. Each look-up is made once; ``waited`` adds up what it costs a client, each time.

    ``localhost`` is in the hosts file of every device (RFC 6761, section 6.3), and an address needs no look-up.
    """

    def __init__(self, resolver: ClientResolver, clock: CountingClock) -> None:
        self._resolver = resolver
        self._clock = clock
        self._answers: dict[tuple[str, Family], tuple[Resolution | DnsFailure, float]] = {}
        self._names: dict[str, tuple[str | None, float]] = {}
        self.waited = 0.0

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Return the addresses of ``name``. Raises DnsFailure."""
        is_local = name in ("localhost", "localhost.")
        if is_local or _is_address(name):
            return Resolution(name, name, ("127.0.0.1" if is_local else name,))
        if (name, family) not in self._answers:
            self._answers[name, family] = await self._measure(name, family)
        found, wait = self._answers[name, family]
        self.waited += wait
        if isinstance(found, DnsFailure):
            raise DnsFailure(found.kind, found.name)
        return found

    async def _measure(self, name: str, family: Family) -> tuple[Resolution | DnsFailure, float]:
        before, self._clock.is_late = self._clock.waited, False
        found: Resolution | DnsFailure
        try:
            found = await _wait_a_moment(self._resolver.resolve(name, family))
        except DnsFailure as failure:
            found = failure
        except TimeoutError:  # behind a resolver that waits for its own servers
            return DnsFailure("timeout", name), NAME_TIMEOUT_S
        if self._clock.is_late:
            found = DnsFailure("timeout", name)
        return found, self._clock.waited - before

    async def reverse(self, address: str) -> str | None:
        """Return the PTR name of ``address``."""
        if ipaddress.ip_address(address).is_loopback:
            return "localhost"
        if address not in self._names:
            before, name = self._clock.waited, None
            self._clock.is_late = False
            with contextlib.suppress(TimeoutError):
                name = await _wait_a_moment(self._resolver.reverse(address))
            self._names[address] = (None if self._clock.is_late else name), self._clock.waited - before
        name, wait = self._names[address]
        self.waited += wait
        return name


class _Kdc:
    """Requests a ticket for each SPN once, and caches the result and the wait for it in seconds."""

    def __init__(self, device: ClientDevice, clock: CountingClock) -> None:
        self._device = device
        self._clock = clock
        self._answers: dict[str, tuple[str, float]] = {}

    async def request_status(self, spn: str) -> tuple[str, float]:
        if spn not in self._answers:
            before = self._clock.waited
            try:
                await self._device.kerberos.negotiate_token(spn)
                status = "known"
            except TicketFailure as failure:
                status = "unknown" if failure.kind == "server-unknown" else failure.kind
            self._answers[spn] = status, self._clock.waited - before
        return self._answers[spn]


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """The present answers of DNS and KDC, for all rules."""

    resolver: _CountedResolver
    kdc: _Kdc
    domain: str

    async def apply(self, rule: SpnRule, host: str, port: int | None) -> dict[str, Any]:
        """Return the SPNs of ``rule``, as plain data."""
        at_port = port or (443 if rule.service == "HTTP" else _SQL_PORT)
        problem, spns, outcomes = "", tuple[str, ...](), tuple[tuple[str, ...], ...]()
        options: dict[str, Any] = {"port": at_port, "search_domain": self.domain}
        self.resolver.waited = 0.0
        waits = 0.0
        try:
            first = rule.race_outcomes[0]
            await first.form_spn(first.form_pairs[0], host, self.resolver, **options)
            waits = self.resolver.waited
            spns = await rule.form_candidates(host, self.resolver, **options)
            outcomes = await rule.form_possibilities(host, self.resolver, **options)
        except NegotiateAbandoned as failure:
            problem = f"Negotiate is given up: {failure}"
        except DnsFailure as failure:
            problem = f"the look-up's error comes out: {failure}"
        if problem:
            waits = waits or self.resolver.waited
        elif spns:
            waits += (await self.kdc.request_status(spns[0]))[1]
        return {
            "rule": rule.name,
            "family": rule.family,
            "candidates": [await self._candidate(spn) for spn in spns],
            "outcomes": [[await self._candidate(spn) for spn in way] for way in outcomes],
            "chance": _chance(rule) if len(outcomes) > 1 else "",
            "problem": problem,
            "waits_s": round(waits, 1),
            "source": rule.source,
        }

    async def _candidate(self, spn: str) -> dict[str, str]:
        return {"spn": spn, "kdc": (await self.kdc.request_status(spn))[0]}


async def _wait_a_moment(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Return what ``work`` returns, or raise TimeoutError if it takes longer than a resolver that is well.

    The resolver is served by the same loop. While that stands still it cannot answer: so the time is counted in short
    looks, of which a pause takes one, and an answer that came meanwhile is read before the next.
    """
    task = asyncio.ensure_future(work)
    try:
        for _ in range(_LOOKS):
            done, _ = await asyncio.wait({task}, timeout=_PATIENCE_S / _LOOKS)
            if done:
                return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})
    raise TimeoutError


def _chance(rule: SpnRule) -> str:
    """The random events that decide between the outcomes of ``rule``, as text."""
    parts = ["which of the CNAME and A answers comes first"] if rule.has_race else []
    parts += ["which address is first in the answer"] if rule.depends_on_address else []
    return " and ".join(parts)


async def _dns(resolver: _CountedResolver, host: str) -> dict[str, Any]:
    try:
        found = await resolver.resolve(host, "any")
    except DnsFailure as failure:
        return {"problem": failure.kind, "canonical": "", "chain": [], "addresses": [], "reverse": None}
    reverse = await resolver.reverse(found.addresses[0])
    return {
        "problem": "",
        "canonical": found.canonical,
        "chain": list(found.chain),
        "addresses": list(found.addresses),
        "reverse": reverse,
    }


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _strip_brackets(host: str) -> str:
    """Return an IPv6 address without the brackets that it has in a URL (RFC 3986, section 3.2.2)."""
    inner = host[1:-1]
    return inner if host.startswith("[") and host.endswith("]") and _is_address(inner) else host
