"""How the identity provider fetches documents of other issuers: from the services of the lab, under its faults.

One function for a lab on sockets and the lab in memory. It resolves the name in the lab's zones, looks at what listens
at the address, checks the certificate, and calls the service as a client's request does. Faults of DNS, TLS and HTTP
apply, with the client name ``identity-provider``. A fault that delays has no effect below ``TIME_LIMIT_S``, and is a
failure from there on: whether the real provider waits is not known.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import dns.exception
import dns.name
from dns.rdatatype import AAAA, A, RdataType
from multidict import CIMultiDict

from ssosim.dns import FindDnsEffect, ZoneStore
from ssosim.dns.zones.answer import Answer, answer
from ssosim.dns.zones.query_context import QueryContext
from ssosim.entra import Call, HttpReply, Provider
from ssosim.entra.core.issuer_keys import FetchError
from ssosim.estate import Estate
from ssosim.faults import ActiveFaults
from ssosim.faults.core.exchanges import Reach, tls_refused
from ssosim.services import Service
from ssosim.services.applications import Responders, responders_at
from ssosim.trace import IssuerDocumentFetched

__all__ = ["IDENTITY_PROVIDER", "TIME_LIMIT_S", "DocumentFetcher"]

IDENTITY_PROVIDER: Final = "identity-provider"
"""The client name of the provider's own requests, for faults that name clients."""

TIME_LIMIT_S: Final = 10.0
"""How long the provider waits for an answer, in seconds; the limit of the real one is not known."""

_MAX_BYTES = 1024 * 1024
_URL_LENGTH = 512


class DocumentFetcher:
    """Fetches documents for ``provider``; an instance is a ``FetchDocument``."""

    def __init__(
        self,
        provider: Provider,
        *,
        zones: ZoneStore,
        faults: ActiveFaults,
        estate: Estate,
        services: tuple[Service, ...],
        responders: Responders,
    ) -> None:
        self.find_effect: FindDnsEffect | None = None  # set by ``ActiveFaults.attach``, as for a DNS server
        self._provider = provider
        self._zones = zones
        self._faults = faults
        self._reach = Reach(estate, services)
        self._responders = responders
        faults.attach(self, "lab")

    def __call__(self, url: str, call: Call) -> bytes:
        """Return the document at ``url``, and record the fetch in the trace of ``call``. Raises FetchError."""
        shown = url[:_URL_LENGTH]
        try:
            reply = self._fetch(url, call)
        except FetchError as error:
            call.trace_buffer.events.append(IssuerDocumentFetched(url=shown, error=str(error)))
            raise
        problem = "" if reply.status == 200 else f"{shown} answers {reply.status}"
        if len(reply.body) > _MAX_BYTES:
            problem = f"the document at {shown} is too large"
        call.trace_buffer.events.append(IssuerDocumentFetched(url=shown, status=reply.status, error=problem))
        if problem:
            raise FetchError(problem)
        return reply.body

    def _fetch(self, url: str, call: Call) -> HttpReply:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port or 443
        except ValueError:
            raise FetchError("the address is no URL") from None
        if parts.scheme != "https" or not host:
            raise FetchError("the address is not that of a document over HTTPS")
        address = self._resolve(host)
        refusal = self._reach.refusal(address, port, host) or tls_refused(self._faults.state.certificates.get(host))
        if refusal is not None:
            raise FetchError(f"no connection to {host} at {address}: {refusal.kind}")
        respond = responders_at(self._responders, address, port).get(host)
        if respond is None:
            raise FetchError(f"no host of the lab is at {address}")
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        request = Call.read("GET", host, target, headers=CIMultiDict({"Host": host}), now=call.now, port=port)
        effect = self._provider.find_effect(request, IDENTITY_PROVIDER) if self._provider.find_effect else None
        if effect is None:
            return respond(request)
        if effect.silent or effect.delay >= TIME_LIMIT_S:
            raise FetchError(f"{host} does not answer")
        reply = effect.reply or respond(request)
        return effect.change(reply) if effect.change else reply

    def _resolve(self, host: str) -> str:
        """Return the first address of ``host``; raises FetchError."""
        try:
            name = dns.name.from_text(host)
        except (dns.exception.DNSException, UnicodeError):
            raise FetchError("the address has no host name") from None
        outcome = ""
        for kind in (A, AAAA):
            found = self._ask(name, kind)
            for rrset in found.answer:
                if rrset.type == kind:
                    return rrset.rdatas[0].to_text()
            outcome = outcome if outcome not in ("", "NODATA") else found.outcome
        raise FetchError(f"{host} has no address: {outcome}")

    def _ask(self, name: dns.name.Name, kind: RdataType) -> Answer:
        zones = self._zones
        context = QueryContext(None, zones.health.current, zones.draw())
        found = answer(zones.current, name, kind, context)
        effect = self.find_effect(found.event("udp"), IDENTITY_PROVIDER) if self.find_effect else None
        if effect is None:
            return found
        if effect.drop or effect.truncate or effect.delay >= TIME_LIMIT_S:
            raise FetchError(f"no DNS answer for {name.to_text(omit_final_dot=True)}")
        if effect.rcode is not None:
            raise FetchError(f"{name.to_text(omit_final_dot=True)} has no address: {effect.rcode.name}")
        return effect.replacement(name, kind, context) if effect.replacement is not None else found
