"""The SPN that each kind of client would request with the lab's present DNS answers, and whether the KDC knows it.

The rules of the client models are applied to the lab's DNS; then a ticket for each SPN is requested from the KDC for
the user who is signed on. So the trace has these look-ups and requests too, with the client name ``spn``.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from ssosim_clients.ports import Device as ClientDevice
from ssosim_clients.ports import DnsFailure, TicketFailure
from ssosim_clients.spn import RULES, NegotiateAbandoned, SpnRule

from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.request_bodies import json_object, text_or_none
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import ClientSlot, WallClock, model_device, reserve_client_slot

__all__ = ["SpnHandlers", "evaluate_spn_rules"]

_CLIENT = "spn"
_SQL_PORT = 1433
_MAX_HOST = 253


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
    body = await json_object(request)
    if not isinstance(body.get("host"), str):
        raise LabInputError("host: expected the host name of a URL")
    rules, device, port = body.get("rules"), text_or_none(body, "device"), body.get("port")
    if rules is not None and not (isinstance(rules, list) and all(isinstance(rule, str) for rule in rules)):
        raise LabInputError("rules: expected a list of names")
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
    if not host or len(host) > _MAX_HOST or not host.isascii() or not host.isprintable() or set(host) & set("/:@ "):
        raise LabInputError(f"{host!r}: a host name is expected, without scheme, port and path")
    unknown = sorted(set(rules or ()) - set(RULES))
    if unknown:
        raise LabInputError(f"no SPN rule is called {unknown[0]!r}; known: {', '.join(RULES)}")
    chosen = [RULES[name] for name in (RULES if rules is None else rules)]
    async with model_device(
        lab, _CLIENT, lab.device_of(device), WallClock(lab.clock), user_present=False, slot=slot
    ) as client_device:
        kdc = _Kdc(client_device)
        found = [await _apply(rule, host, client_device, kdc, port) for rule in chosen]
        return {"host": host, "dns": await _dns(client_device, host), "rules": found}


class _Kdc:
    """Requests a ticket for each SPN once, and caches the result."""

    def __init__(self, device: ClientDevice) -> None:
        self._device = device
        self._answers: dict[str, str] = {}

    async def request_status(self, spn: str) -> str:
        if spn not in self._answers:
            try:
                await self._device.kerberos.negotiate_token(spn)
                self._answers[spn] = "known"
            except TicketFailure as failure:
                self._answers[spn] = "unknown" if failure.kind == "server-unknown" else failure.kind
        return self._answers[spn]


async def _apply(rule: SpnRule, host: str, device: ClientDevice, kdc: _Kdc, port: int | None) -> dict[str, Any]:
    at_port = port or (443 if rule.service == "HTTP" else _SQL_PORT)
    problem, spns, outcomes = "", tuple[str, ...](), tuple[tuple[str, ...], ...]()
    domain = device.search_domain
    try:
        spns = await rule.form_candidates(host, device.resolver, port=at_port, search_domain=domain)
        outcomes = await rule.form_possibilities(host, device.resolver, port=at_port, search_domain=domain)
    except NegotiateAbandoned as failure:
        problem = f"Negotiate is given up: {failure}"
    except DnsFailure as failure:
        problem = f"the look-up's error comes out: {failure}"
    return {
        "rule": rule.name,
        "family": rule.family,
        "candidates": [{"spn": spn, "kdc": await kdc.request_status(spn)} for spn in spns],
        "outcomes": [[{"spn": spn, "kdc": await kdc.request_status(spn)} for spn in way] for way in outcomes],
        "chance": _chance(rule) if len(outcomes) > 1 else "",
        "problem": problem,
        "source": rule.source,
    }


def _chance(rule: SpnRule) -> str:
    """The random events that decide between the outcomes of ``rule``, as text."""
    parts = ["which of the CNAME and A answers comes first"] if rule.has_race else []
    parts += ["which address is first in the answer"] if rule.depends_on_address else []
    return " and ".join(parts)


async def _dns(device: ClientDevice, host: str) -> dict[str, Any]:
    try:
        found = await device.resolver.resolve(host, "any")
    except DnsFailure as failure:
        return {"problem": failure.kind, "canonical": "", "chain": [], "addresses": [], "reverse": None}
    reverse = await device.resolver.reverse(found.addresses[0])
    return {
        "problem": "",
        "canonical": found.canonical,
        "chain": list(found.chain),
        "addresses": list(found.addresses),
        "reverse": reverse,
    }
