"""HTTP Negotiate (RFC 4559): from a challenge to what goes into the Authorization header, by an SPN rule."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from ssosim_clients.failures import DnsFailure, NetworkFailure, Stage, TicketFailure, during
from ssosim_clients.flows import wstrust
from ssosim_clients.ports import Device, HttpResponse
from ssosim_clients.spn.rule import NegotiateAbandoned, OnUnknown, SpnRule

__all__ = ["Credential", "Send", "credential", "exchange", "is_challenge"]

Send = Callable[[str | None], Awaitable[HttpResponse]]
"""Sends the client's request, with this value for Authorization if there is one."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client does about a challenge.

    ``header`` is the value for Authorization, None where the client has nothing to send. ``repeat`` says whether the
    request is sent again at all.
    """

    header: str | None = field(default=None, repr=False)
    repeat: bool = False


def is_challenge(response: HttpResponse) -> bool:
    """Whether ``response`` is a 401 that offers Negotiate."""
    offered = response.headers.get("WWW-Authenticate", "")
    return response.status == 401 and any(part.split()[:1] == ["negotiate"] for part in offered.lower().split(","))


async def exchange(device: Device, rule: SpnRule, url: str, send: Send) -> HttpResponse:
    """Request, challenge, ticket, request again: the answer of the last one, or a first 200.

    Raises ``StageFailure`` at the challenge (no answer, or one that is neither 200 nor a challenge), at the ticket (the 401
    is then all that the caller gets), or at the trust stage (no answer).
    """
    with during(Stage.CHALLENGE):
        answer = await send(None)
        if answer.status != 200 and not is_challenge(answer):
            raise wstrust.read_fault(answer)
    if answer.status == 200:
        return answer
    with during(Stage.TICKET):
        reply = await credential(device, rule, url)
        if not reply.repeat:
            raise wstrust.read_fault(answer)
    with during(Stage.TRUST):
        return await send(reply.header)


async def credential(device: Device, rule: SpnRule, url: str) -> Credential:
    """Form the SPN for ``url``, get a ticket, and fall back as ``rule`` says.

    Only an SPN that the KDC does not know leads to the next candidate and, in the end, to NTLM: without a KDC in reach
    Windows does not turn to NTLM (source: Microsoft support, Kerberos failures in Internet Explorer).
    Raises ``NetworkFailure`` where the client lets the failed look-up out, ``TicketFailure`` where it lets that out.
    """
    host, port = _host_and_port(url)
    grudge = f"negotiate-failed:{host}"
    if rule.remembers_failure and device.memory.recall(grudge, bool, device.clock.now()):
        return Credential()
    try:
        token = await _ticket(device, rule, host, port)
    except NegotiateAbandoned:
        return Credential()
    except DnsFailure as failure:
        raise NetworkFailure.from_dns(failure) from failure
    except TicketFailure as failure:
        if rule.remembers_failure:
            device.memory.keep(grudge, value=True)
        return await _without_ticket(device, rule, failure)
    return _header(token)


@lru_cache(maxsize=64)
def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def _ticket(device: Device, rule: SpnRule, host: str, port: int) -> bytes:
    """A token for the first candidate that the KDC knows; the device's dice decide a race of the rule, each time."""
    rule = rule.resolve_race(device.dice)
    unknown: dict[str, TicketFailure] = {}
    for way in rule.form_pairs:
        spn = await rule.spn(way, host, device.resolver, port=port, search_domain=device.search_domain)
        if spn in unknown:
            continue
        try:
            return await device.kerberos.negotiate_token(spn)
        except TicketFailure as failure:
            if failure.kind != "server-unknown":
                raise
            unknown[spn] = failure
    raise list(unknown.values())[-1]


async def _without_ticket(device: Device, rule: SpnRule, failure: TicketFailure) -> Credential:
    if rule.on_unknown is OnUnknown.ERROR:
        raise failure
    if rule.on_unknown is OnUnknown.NTLM and failure.kind == "server-unknown":
        return _header(await device.kerberos.ntlm_token())
    return Credential(repeat=rule.on_unknown is OnUnknown.RESEND_PLAIN)


def _header(token: bytes) -> Credential:
    return Credential(f"Negotiate {base64.b64encode(token).decode('ascii')}", repeat=True)
