"""A device in a ``ClientEnvironment``: names, tickets and the user are its fields, the rest is the lab in memory.

Each call takes some virtual time, so a client can be cancelled in any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from ssosim_clients.failures import DnsFailure, DnsKind, NetworkFailure, TicketFailure
from ssosim_clients.ports import Family, HttpResponse, Resolution

from ssosim.dns.zones.answer import MAX_CHAIN
from ssosim.entra.core.messages import Call
from ssosim.entra.http.routing import step_of
from ssosim.estate import User
from ssosim.memory.clock import pause
from ssosim.memory.device import ServiceExchange, draft_request
from ssosim.memory.kdc import TicketCache
from ssosim.testing.request import Request
from ssosim.testing.wire_event import Kind, WireEvent
from ssosim.trace import SignInStep

if TYPE_CHECKING:
    from ssosim.testing.client_environment import ClientEnvironment

__all__ = ["EnvironmentDevice"]

_LOOK_UP_S, _REQUEST_S, _TICKET_S, _TYPING_S = 0.01, 0.05, 0.01, 20.0


class EnvironmentDevice(ServiceExchange):
    """All ports of a client except the clock; ``user`` is signed on."""

    def __init__(self, environment: ClientEnvironment, user: User) -> None:
        super().__init__(environment.lab, user.upn)
        self._environment = environment
        self._tickets = TicketCache(
            user.sam_account or "", environment.estate.default_realm.name, environment.lab.kdc.numbers
        )

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Resolve ``name`` along CNAMEs; a name without a record is NXDOMAIN. Every record is for any ``family``."""
        del family
        await pause(_LOOK_UP_S)
        return self._look_up(name)

    def _look_up(self, name: str) -> Resolution:
        chain: list[str] = []
        here, environment = name, self._environment
        while here in environment.cnames and len(chain) < MAX_CHAIN:
            here = environment.cnames[here]
            chain.append(here)
        kind = (
            environment.dns_failures.get(name)
            or environment.dns_failures.get(here)
            or ("" if here in environment.addresses else "nxdomain")
        )
        self._record_event("dns", name, kind)
        if kind:
            raise DnsFailure(cast("DnsKind", kind), name)
        return Resolution(name, here, environment.addresses[here], tuple(chain))

    async def reverse(self, address: str) -> str | None:
        """Return the PTR name of ``address``, or None."""
        await pause(_LOOK_UP_S)
        self._record_event("ptr", address)
        return self._environment.pointers.get(address)

    async def negotiate_token(self, spn: str, tls_host: str = "") -> bytes:
        """Return a Negotiate token for ``spn``; raises TicketFailure for an unknown one or without a KDC."""
        await pause(_TICKET_S)
        if not self._environment.kdc_reachable:
            self._record_event("tgs", spn, "unreachable")
            raise TicketFailure("kdc-unreachable", spn)
        if not self._environment.lab.kdc.knows(spn):
            self._record_event("tgs", spn, "unknown")
            raise TicketFailure("server-unknown", spn)
        self._record_event("tgs", spn)
        self._tickets.add(spn)
        return self._tickets.build_token(spn, is_bound=bool(tls_host)) or b""

    async def prompt_password(self, upn: str, reason: str) -> str | None:
        """Return the next entry of ``ClientEnvironment.prompt_replies`` after 20 s; None if there are no more."""
        del upn
        self._record_event("prompt", reason)
        await pause(_TYPING_S)
        return self._environment.prompt_replies.pop(0) if self._environment.prompt_replies else None

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Resolve the host, then return the provider's answer or that of ``ClientEnvironment.answers`` for a step."""
        environment = self._environment
        await pause(_REQUEST_S)
        call = draft_request(method, self._rewrite_metadata_host(url), headers, body).build_call(body, environment.now)
        host, path = _split_url(url)
        try:
            self._look_up(host)
        except DnsFailure as failure:
            raise NetworkFailure.from_dns(failure) from failure
        step = step_of(environment.lab.provider, call)
        request = Request(method, host, path, headers, body)
        answer = environment.answers.get(step)
        if answer is None:
            answer = await self._request_provider(call, url, step)
        elif not isinstance(answer, HttpResponse | NetworkFailure):
            answer = answer(request)
        outcome = answer.stage if isinstance(answer, NetworkFailure) else str(answer.status)
        self._record_event("http", f"{method} {host}{path}", outcome, _classify_auth(request), step)
        if isinstance(answer, NetworkFailure):
            raise NetworkFailure(answer.stage, answer.kind, answer.text)
        return answer

    def _rewrite_metadata_host(self, url: str) -> str:
        """Return ``url`` with the provider's host, if it is on the federated domain's own MEX host."""
        host, usual = self._environment.metadata_host, self._environment.usual_metadata_host
        return url if host == usual else url.replace(f"//{host}/", f"//{usual}/", 1)

    async def _request_provider(self, call: Call, url: str, step: SignInStep) -> HttpResponse:
        """Return the provider's answer, with the address of the MEX document at ``ClientEnvironment.metadata_host``."""
        environment = self._environment
        environment.show_at_provider()
        response = await self.exchange(call, url)
        usual, host = environment.usual_metadata_host, environment.metadata_host
        if step is SignInStep.REALM and host != usual:
            old, new = (f"//{each}/adfs/services/trust/mex".encode() for each in (usual, host))
            return HttpResponse(response.status, response.headers, response.body.replace(old, new))
        return response

    def _record_event(
        self, kind: Kind, what: str, outcome: str = "", auth: str = "", step: SignInStep = SignInStep.OTHER
    ) -> None:
        self._environment.events.append(WireEvent(self._environment.engine.now, kind, what, outcome, auth, step))


@lru_cache(maxsize=256)
def _split_url(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.path


def _classify_auth(request: Request) -> str:
    token = request.negotiate_token
    if token is not None:
        return "ntlm" if token.startswith(b"NTLMSSP") else "kerberos"
    carries = b"password=" in request.body or b"<o:Password>" in request.body
    return "password" if carries else "none"
