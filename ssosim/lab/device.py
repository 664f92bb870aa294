"""The device that a client model runs on: the ports of ``ssosim_clients``, over real DNS, TLS and Kerberos.

Every socket is bound to the device's own address, which is how the trace knows whose query it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
from aiohttp.abc import AbstractResolver, ResolveResult
from ssosim_clients.failures import TicketKind
from ssosim_clients.ports import DnsFailure, Family, Headers, HttpResponse, NetworkFailure, Resolution, TicketFailure

from ssosim.kerberos.gss import Initiator, TicketError, ntlm_negotiate_token
from ssosim.kerberos.gss import TicketFailure as TicketTrouble
from ssosim.trace import Trace, UserPrompted

__all__ = ["Endpoint", "LabHttp", "LabKerberos", "LabResolver", "LabUser"]

_DNS_TIMEOUT_S = 5.0
_HTTP_TIMEOUT_S = 30.0
_MAX_CHAIN = 16

Endpoint = Callable[[str, int], tuple[str, int]]
"""(address, port) as the estate has them -> (address, port) to dial."""

_TICKET_KINDS: Mapping[TicketTrouble, TicketKind] = {
    TicketTrouble.SERVER_UNKNOWN: "server-unknown",
    TicketTrouble.KDC_UNREACHABLE: "kdc-unreachable",
    TicketTrouble.NO_CREDENTIALS: "no-credentials",
    TicketTrouble.EXPIRED: "expired",
}

_RCODES: Mapping[int, str] = {
    dns.rcode.NXDOMAIN: "nxdomain",
    dns.rcode.SERVFAIL: "servfail",
    dns.rcode.REFUSED: "refused",
}


@dataclass(frozen=True, slots=True)
class LabResolver:
    """A stub resolver that asks the lab's DNS server and keeps nothing.

    ``search_domain`` is tried first for a name of one label, as glibc does with ndots 1.
    """

    address: str
    server: tuple[str, int]
    search_domain: str = ""

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Addresses and canonical name of ``name``; raises DnsFailure."""
        if self.search_domain and "." not in name:
            with contextlib.suppress(DnsFailure):
                return await self._resolve(f"{name}.{self.search_domain}", family)
        return await self._resolve(name, family)

    async def _resolve(self, name: str, family: Family) -> Resolution:
        types = {"ipv4": ["A"], "ipv6": ["AAAA"], "any": ["A", "AAAA"]}[family]
        found: list[Resolution] = []
        failures: list[DnsFailure] = []
        for kind in types:
            try:
                found.append(await self._ask(name, kind))
            except DnsFailure as failure:
                failures.append(failure)
        if not found:
            raise failures[0]
        addresses = tuple(address for answer in found for address in answer.addresses)
        return Resolution(name, found[0].canonical, addresses, found[0].chain)

    async def reverse(self, address: str) -> str | None:
        """The first PTR name of ``address``, or None."""
        try:
            answer = await self._query(dns.reversename.from_address(address).to_text(omit_final_dot=True), "PTR")
        except DnsFailure:
            return None
        names = [rdata.target for rrset in answer.answer if rrset.rdtype == dns.rdatatype.PTR for rdata in rrset]
        return names[0].to_text(omit_final_dot=True) if names else None

    async def _ask(self, name: str, kind: str) -> Resolution:
        answer = await self._query(name, kind)
        here = answer.question[0].name
        chain: list[str] = []
        while len(chain) < _MAX_CHAIN:
            link = answer.get_rrset(answer.answer, here, answer.question[0].rdclass, dns.rdatatype.CNAME)
            if link is None:
                break
            here = link[0].target
            chain.append(here.to_text(omit_final_dot=True))
        wanted = dns.rdatatype.from_text(kind)
        rrset = answer.get_rrset(answer.answer, here, answer.question[0].rdclass, wanted)
        if not rrset:
            raise DnsFailure("nodata", name)
        canonical = here.to_text(omit_final_dot=True)
        return Resolution(name, canonical, tuple(rdata.address for rdata in rrset), tuple(chain))

    async def _query(self, name: str, kind: str) -> dns.message.Message:
        try:
            query = dns.message.make_query(name, kind, use_edns=0)
            host, port = self.server
            answer, _ = await dns.asyncquery.udp_with_fallback(
                query, host, timeout=_DNS_TIMEOUT_S, port=port, source=self.address
            )
        except dns.exception.Timeout as error:
            raise DnsFailure("timeout", name) from error
        except (dns.exception.DNSException, OSError) as error:
            raise DnsFailure("servfail", name) from error
        if answer.rcode() != dns.rcode.NOERROR:
            raise DnsFailure(_RCODES.get(answer.rcode(), "servfail"), name)  # type: ignore[arg-type]
        return answer


class _NoAddressError(OSError):
    """Carries a DnsFailure through aiohttp, which expects an OSError of a resolver."""

    def __init__(self, failure: DnsFailure) -> None:
        super().__init__(errno.EHOSTUNREACH, str(failure))
        self.failure = failure


class _AiohttpResolver(AbstractResolver):
    def __init__(self, resolver: LabResolver, endpoint: Endpoint) -> None:
        self._resolver = resolver
        self._endpoint = endpoint

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            answer = await self._resolver.resolve(host, "any")
        except DnsFailure as failure:
            raise _NoAddressError(failure) from failure
        dialled = [self._endpoint(address, port) for address in answer.addresses]
        return [
            ResolveResult(hostname=host, host=to, port=at, family=family, proto=0, flags=socket.AI_NUMERICHOST)
            for to, at in dialled
        ]

    async def close(self) -> None:
        return None


class LabHttp:
    """An HTTP client that opens a new connection for each request, so that none outlives a DNS change."""

    def __init__(self, resolver: LabResolver, tls: ssl.SSLContext, endpoint: Endpoint) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_AiohttpResolver(resolver, endpoint),
                ssl=tls,
                force_close=True,
                use_dns_cache=False,
                family=socket.AF_INET,
                local_addr=(resolver.address, 0),
            ),
            timeout=aiohttp.ClientTimeout(total=_HTTP_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """One request, one answer, no redirects; raises NetworkFailure."""
        try:
            async with self._session.request(
                method, url, headers=headers, data=body or None, allow_redirects=False
            ) as response:
                content = await response.read()
                return HttpResponse(response.status, Headers(response.headers.items()), content)
        except aiohttp.ClientConnectorDNSError as error:
            if isinstance(error.os_error, _NoAddressError):
                raise NetworkFailure.from_dns(error.os_error.failure) from error
            raise NetworkFailure("dns", "servfail", str(error)) from error
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise NetworkFailure("tls", "bad-certificate", str(error)) from error
        except aiohttp.ClientConnectorError as error:
            raise NetworkFailure("connect", "refused", str(error)) from error
        except TimeoutError as error:
            raise NetworkFailure("read", "timeout", f"{url}: no answer in {_HTTP_TIMEOUT_S:.0f} s") from error
        except aiohttp.ClientError as error:
            raise NetworkFailure("read", "closed", str(error)) from error

    async def close(self) -> None:
        """Close the session, and wait until its sockets are gone."""
        await self._session.close()
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class LabKerberos:
    """Service tickets from the lab's KDC, by libkrb5."""

    initiator: Initiator

    async def negotiate_token(self, spn: str) -> bytes:
        """A SPNEGO token for ``spn``; raises TicketFailure."""
        try:
            return await self.initiator.token(spn)
        except TicketError as error:
            raise TicketFailure(_TICKET_KINDS.get(error.kind, "other"), spn, str(error)) from error

    async def ntlm_token(self) -> bytes:
        """What Windows' Negotiate package sends where Kerberos failed."""
        return ntlm_negotiate_token()


@dataclass(frozen=True, slots=True)
class LabUser:
    """The person at the device, who types the right password when asked; every prompt is in the trace.

    ``password`` is None for a person who walks away.
    """

    trace: Trace
    client: str
    password: str | None

    async def ask_password(self, upn: str, reason: str) -> str | None:
        """Show a prompt."""
        self.trace.record(self.client, UserPrompted(reason=f"password of {upn}: {reason}"))
        return self.password
