"""The HTTP client of a client model's device: HTTP/1.1, over TLS or plain, one request at a time.

Each request resolves its host again and opens a new connection, so that a change of the DNS or of a certificate takes
effect at the next request. In virtual time, where hours of requests take a moment, a connection to the same address is
used again until a fault changes the certificates that hosts present.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11
from ssosim_clients.ports import DnsFailure, HttpResponse, NetworkFailure

from ssosim.fast_paths import read_switch
from ssosim.faults.core.exchanges import HTTP_TIMEOUT_S
from ssosim.lab.base.own_sockets import code_of_lab
from ssosim.lab.base.request_target import target_of
from ssosim.lab.model_devices.http_messages import (
    HEAD_LIMIT,
    BrokenOffError,
    Exchange,
    RequestDraft,
    draft_request,
    new_connection,
)
from ssosim.lab.model_devices.stub_resolver import LabResolver
from ssosim.lab.model_devices.waiting import ResponseTimer
from ssosim.trace import ConnectionFailed, Event, HttpExchange

__all__ = ["EndpointMap", "LabHttp"]

_READ_OCTETS = 64 * 1024
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED

EndpointMap = Callable[[str, int], tuple[str, int]]
"""Maps an address and port of the estate to the local address and port to connect to."""


_Origin = tuple[str, int, ssl.SSLContext | None]
"""Host, port, and the TLS client context; None for plain HTTP."""


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    transport: asyncio.Transport
    revision: int
    http: h11.Connection
    used: bool = False


class _ClosedError(ConnectionError):
    """The connection ended before the first byte of a response."""


class LabHttp:
    """An HTTP client without redirects, cookies and retries.

    ``keep_connections``: use a connection again until ``revision``, the number of changes of the certificates, changes.
    ``on_failure`` is called for each connection that could not be opened, because no server sees those.
    """

    def __init__(
        self,
        resolver: LabResolver,
        tls: ssl.SSLContext,
        endpoint: EndpointMap,
        *,
        keep_connections: bool = False,
        revision: Callable[[], int] = lambda: 0,
        on_failure: Callable[[ConnectionFailed], object] = lambda _: None,
        timer: ResponseTimer | None = None,
    ) -> None:
        self._resolver = resolver
        self._tls = tls
        self._map_endpoint = endpoint
        self._keep_connections = keep_connections
        self._revision = revision
        self._on_failure = on_failure
        self._timer = timer or ResponseTimer()
        self._kept: dict[tuple[str, str, int, bool], _Connection] = {}
        self._ended = False  # by a fault, once it had the request
        self._plainly = read_switch()

    @code_of_lab
    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Send one request and return its response. Raises NetworkFailure, or ValueError for an invalid header."""
        parts = urlsplit(url)
        host, tls = parts.hostname or "", self._tls if parts.scheme == "https" else None
        port = parts.port or (443 if tls else 80)
        message = draft_request(method, parts.netloc, target_of(parts), headers, body, plainly=self._plainly)
        addresses = await self._addresses(host)

        self._ended = False
        meant = urlsplit(f"//{headers['Host']}").hostname if "Host" in headers else host  # who answers

        def means_no_response(event: Event) -> bool:
            if not (isinstance(event, HttpExchange) and event.status == 0 and event.host == meant):
                return False
            self._ended = event.dropped
            return not event.dropped

        try:
            async with self._timer.limit(HTTP_TIMEOUT_S, means_no_response):
                return await self._from_any((host, port, tls), addresses, message)
        except TimeoutError as error:
            self._drop(host)
            raise NetworkFailure("read", "timeout", f"{url}: no answer in {HTTP_TIMEOUT_S:.0f} s") from error
        except BaseException:
            self._drop(host)
            raise

    @code_of_lab
    async def reach(self, url: str) -> None:
        """Open a connection to the host of ``url``, an https URL, and close it. Raises NetworkFailure."""
        parts = urlsplit(url)
        origin = (parts.hostname or "", parts.port or 443, self._tls)
        try:
            await self._open_any(origin, await self._addresses(origin[0]))
        finally:
            self._drop(origin[0])

    async def _open_any(self, origin: _Origin, addresses: tuple[str, ...]) -> _Connection:
        """Open a connection to the first address that accepts one; raises NetworkFailure."""
        refused: NetworkFailure | None = None
        for address in addresses:
            try:
                return await self._connect(origin, address)
            except NetworkFailure as failure:
                self._report_failure(origin, address, failure)
                if failure.stage == "tls":
                    raise
                refused = failure
        assert refused is not None  # noqa: S101 - a resolution is never empty
        raise refused

    def _report_failure(self, origin: _Origin, address: str, failure: NetworkFailure) -> None:
        self._on_failure(
            ConnectionFailed(host=origin[0], address=address, stage=failure.stage, reason=failure.kind, port=origin[1])
        )

    async def _addresses(self, host: str) -> tuple[str, ...]:
        """Return the addresses to connect to for ``host``: itself if it is an address."""
        if host[-1:].isdigit() or ":" in host:
            with contextlib.suppress(ValueError):
                return (str(ipaddress.ip_address(host)),)
        try:
            return (await self._resolver.resolve(host, "any")).addresses
        except DnsFailure as failure:
            raise NetworkFailure.from_dns(failure) from failure

    async def close(self) -> None:
        """Close all connections and the resolver's socket."""
        for connection in self._kept.values():
            connection.transport.abort()
        self._kept.clear()
        await self._resolver.close()
        self._timer.close()
        await asyncio.sleep(0)

    async def _from_any(self, origin: _Origin, addresses: tuple[str, ...], message: RequestDraft) -> HttpResponse:
        """Return the response of the first address that accepts a connection."""
        refused: NetworkFailure | None = None
        host = origin[0]
        for address in addresses:
            try:
                connection = await self._connect(origin, address)
            except NetworkFailure as failure:
                self._report_failure(origin, address, failure)
                if failure.stage == "tls":
                    raise
                refused = failure
                continue
            with contextlib.suppress(_ClosedError):
                return await self._exchange(connection, message)
            self._drop(host)
            with contextlib.suppress(_ClosedError):
                if connection.used and not self._ended:  # it was an old one, whose end we had not noticed
                    return await self._exchange(await self._connect(origin, address), message)
            raise NetworkFailure("read", "closed", f"{host} closed the connection")
        assert refused is not None  # noqa: S101 - a resolution is never empty
        raise refused

    async def _connect(self, origin: _Origin, address: str) -> _Connection:
        host, port, tls = origin
        to, at = self._map_endpoint(address, port)
        key, revision = (host, to, at, tls is not None), self._revision()
        kept = self._kept.get(key)
        if (
            kept is not None
            and kept.revision == revision
            and not kept.reader.at_eof()
            and not kept.transport.is_closing()
        ):
            kept.used = True
            return kept
        self._drop(host)
        try:
            # Without a StreamWriter: in Python 3.11 one over TLS warns that it was not closed when the peer was faster.
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader(HEAD_LIMIT, loop)
            transport, _ = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(reader, loop=loop),
                to,
                at,
                ssl=tls,
                server_hostname=host if tls else None,
                local_addr=(self._resolver.address, 0) if ":" not in to else None,
            )
        except ssl.SSLCertVerificationError as error:
            kind = "expired-certificate" if error.verify_code == _EXPIRED else "bad-certificate"
            raise NetworkFailure("tls", kind, error.verify_message) from error
        except (ssl.SSLError, ConnectionResetError) as error:
            raise NetworkFailure("tls" if tls else "connect", "handshake" if tls else "refused", str(error)) from error
        except OSError as error:
            raise NetworkFailure("connect", "refused", f"{address}: {error.strerror or error}") from error
        self._kept[key] = connection = _Connection(reader, transport, revision, new_connection())
        return connection

    def _drop(self, host: str) -> None:
        for key in [key for key in self._kept if key[0] == host]:
            self._kept.pop(key).transport.abort()

    async def _exchange(self, connection: _Connection, message: RequestDraft) -> HttpResponse:
        exchange, response = Exchange(connection.http, message), None
        began = False
        try:
            connection.transport.write(exchange.encode())
            while response is None:
                octets = await connection.reader.read(_READ_OCTETS)
                if not began and not octets:
                    raise _ClosedError
                began = True
                response = exchange.feed(octets)
        except (ConnectionError, ssl.SSLError) as error:
            if not began:
                raise _ClosedError from error
            raise NetworkFailure("read", "closed", "the answer broke off") from error
        except BrokenOffError as error:
            raise NetworkFailure("read", "closed", "the answer broke off") from error
        except ValueError as error:
            raise NetworkFailure("read", "closed", f"no HTTP answer: {error}") from error
        if not (exchange.keeps_connection() and self._keep_connections):
            connection.transport.abort()
        return response
