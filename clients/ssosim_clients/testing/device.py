"""The ports of a device in memory. Each call takes some virtual time, so a client can be cancelled in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import cast
from urllib.parse import urlsplit

from ssosim_clients.failures import DnsFailure, DnsKind, NetworkFailure, TicketFailure
from ssosim_clients.ports import Family, HttpResponse, Resolution
from ssosim_clients.testing.engine import pause
from ssosim_clients.testing.provider import serve
from ssosim_clients.testing.request import Request, Step, step_of
from ssosim_clients.testing.seen import Kind, Seen
from ssosim_clients.testing.surroundings import Surroundings

__all__ = ["MemoryPorts"]

_LOOK_UP_S, _REQUEST_S, _TICKET_S, _TYPING_S = 0.01, 0.05, 0.01, 20.0
_MAX_CHAIN = 16


class MemoryPorts:
    """All ports at once."""

    __slots__ = ("_world",)

    def __init__(self, world: Surroundings) -> None:
        self._world = world

    def now(self) -> float:
        """The world's time."""
        return self._world.engine.now

    async def sleep(self, seconds: float) -> None:
        """Sleep by jumping."""
        await pause(seconds)

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Follow CNAMEs as a resolver does; what has no record is NXDOMAIN. Every record is for any ``family``."""
        del family
        await pause(_LOOK_UP_S)
        return self._look_up(name)

    def _look_up(self, name: str) -> Resolution:
        chain: list[str] = []
        here, world = name, self._world
        while here in world.cnames and len(chain) < _MAX_CHAIN:
            here = world.cnames[here]
            chain.append(here)
        kind = world.broken.get(name) or world.broken.get(here) or ("" if here in world.addresses else "nxdomain")
        self._note("dns", name, kind)
        if kind:
            raise DnsFailure(cast("DnsKind", kind), name)
        return Resolution(name, here, world.addresses[here], tuple(chain))

    async def reverse(self, address: str) -> str | None:
        """The PTR, if there is one."""
        await pause(_LOOK_UP_S)
        self._note("ptr", address)
        return self._world.pointers.get(address)

    async def negotiate_token(self, spn: str) -> bytes:
        """A ticket for a registered SPN."""
        await pause(_TICKET_S)
        if not self._world.kdc_reachable:
            self._note("tgs", spn, "unreachable")
            raise TicketFailure("kdc-unreachable", spn)
        if spn not in self._world.spns:
            self._note("tgs", spn, "unknown")
            raise TicketFailure("server-unknown", spn)
        self._note("tgs", spn)
        return b"ticket " + spn.encode()

    async def ntlm_token(self) -> bytes:
        """An NTLM negotiate message."""
        await pause()
        return b"NTLMSSP\x00"

    async def prompt_password(self, upn: str, reason: str) -> str | None:
        """The next line of the world's script, typed in 20 s; None once it is used up."""
        del upn
        self._note("prompt", reason)
        await pause(_TYPING_S)
        return self._world.person.pop(0) if self._world.person else None

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Resolve, then serve, unless the world has another answer for this step."""
        host, path, step = _read(url)
        await pause(_REQUEST_S)
        try:
            self._look_up(host)
        except DnsFailure as failure:
            raise NetworkFailure.from_dns(failure) from failure
        request = Request(method, host, path, headers, body)
        answer = self._world.answers.get(step)
        if answer is None:
            answer = serve(self._world, request, step)
        elif not isinstance(answer, HttpResponse | NetworkFailure):
            answer = answer(request)
        outcome = answer.stage if isinstance(answer, NetworkFailure) else str(answer.status)
        self._note("http", f"{method} {host}{path}", outcome, _auth(request), step)
        if isinstance(answer, NetworkFailure):
            raise NetworkFailure(answer.stage, answer.kind, answer.text)
        return answer

    def _note(self, kind: Kind, what: str, outcome: str = "", auth: str = "", step: Step = Step.OTHER) -> None:
        self._world.events.append(Seen(self._world.engine.now, kind, what, outcome, auth, step))


@lru_cache(maxsize=256)
def _read(url: str) -> tuple[str, str, Step]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.path, step_of(parts.path)


def _auth(request: Request) -> str:
    token = request.negotiate_token
    if token is not None:
        return "ntlm" if token.startswith(b"NTLMSSP") else "kerberos"
    carries = b"password=" in request.body or b"<o:Password>" in request.body
    return "password" if carries else "none"
