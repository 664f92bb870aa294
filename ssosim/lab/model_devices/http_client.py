"""The HTTP client of a client model's device: HTTP/1.1, over TLS or plain, one request at a time.

Each request resolves its host again and opens a new connection, so that a change of the DNS or of a certificate takes
effect at the next request. In virtual time, where hours of requests take a moment, a connection to the same address is
used again until the active faults change.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ssosim_clients.ports import DnsFailure, Headers, HttpResponse, NetworkFailure

from ssosim.faults.core.exchanges import HTTP_TIMEOUT_S
from ssosim.lab.base.own_sockets import code_of_lab
from ssosim.lab.model_devices.stub_resolver import LabResolver
from ssosim.lab.model_devices.waiting import ResponseTimer
from ssosim.trace import ConnectionFailed, Event, HttpExchange

__all__ = ["EndpointMap", "LabHttp"]

_HEAD_LIMIT = 256 * 1024
_BODY_LIMIT = 16 * 1024 * 1024
_MOST_FIELDS = 256  # http.client takes 100
_MOST_CHUNKS = 4096

EndpointMap = Callable[[str, int], tuple[str, int]]
"""Maps an address and port of the estate to the local address and port to connect to."""


_Origin = tuple[str, int, ssl.SSLContext | None]
"""Host, port, and the TLS client context; None for plain HTTP."""


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    transport: asyncio.Transport
    revision: int
    used: bool = False


class _ClosedError(ConnectionError):
    """The connection ended before the first byte of a response."""


class LabHttp:
    """An HTTP client without redirects, cookies and retries.

    ``keep_connections``: use a connection again until ``revision``, the number of the faults' state, changes.
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

    @code_of_lab
    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Send one request and return its response. Raises NetworkFailure, or ValueError for an invalid header."""
        parts = urlsplit(url)
        host, tls = parts.hostname or "", self._tls if parts.scheme == "https" else None
        port = parts.port or (443 if tls else 80)
        message = _message(
            method, parts.netloc, f"{parts.path or '/'}{parts.query and '?'}{parts.query}", headers, body
        )
        addresses = await self._addresses(host)

        self._ended = False
        meant = urlsplit(f"//{headers.get('Host', host)}").hostname  # who answers, whatever is dialled

        def means_no_response(event: Event) -> bool:
            if not (isinstance(event, HttpExchange) and event.status == 0 and event.host == meant):
                return False
            self._ended = event.dropped
            return not event.dropped

        try:
            async with self._timer.limit(HTTP_TIMEOUT_S, means_no_response):
                return await self._from_any((host, port, tls), addresses, message, method)
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

    async def _from_any(self, origin: _Origin, addresses: tuple[str, ...], message: bytes, method: str) -> HttpResponse:
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
                return await self._exchange(connection, message, method)
            self._drop(host)
            with contextlib.suppress(_ClosedError):
                if connection.used and not self._ended:  # it was an old one, whose end we had not noticed
                    return await self._exchange(await self._connect(origin, address), message, method)
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
            reader = asyncio.StreamReader(_HEAD_LIMIT, loop)
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
        self._kept[key] = connection = _Connection(reader, transport, revision)
        return connection

    def _drop(self, host: str) -> None:
        for key in [key for key in self._kept if key[0] == host]:
            self._kept.pop(key).transport.abort()

    async def _exchange(self, connection: _Connection, message: bytes, method: str) -> HttpResponse:
        reader, transport = connection.reader, connection.transport
        try:
            transport.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            response, keeps, length = read_head(head)
            body = b"" if method == "HEAD" or response.status in (204, 304) else await _read_body(reader, length)
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                raise _ClosedError from error
            raise NetworkFailure("read", "closed", "the answer broke off") from error
        except (ConnectionError, ssl.SSLError) as error:
            raise _ClosedError from error
        except (asyncio.LimitOverrunError, ValueError) as error:
            raise NetworkFailure("read", "closed", f"no HTTP answer: {error}") from error
        if not (keeps and self._keep_connections):
            transport.abort()
        return HttpResponse(response.status, response.headers, body)


_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


def _message(method: str, netloc: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {"Host": netloc.rpartition("@")[2], "Accept": "*/*", **headers}
    if body or method in ("POST", "PUT"):
        fields["Content-Length"] = str(len(body))
    for name, value in fields.items():
        if not f"{name}{value}".isprintable():
            raise ValueError(f"the header field {name!r} holds control characters")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("utf-8") + body


def read_head(head: bytes) -> tuple[HttpResponse, bool, int | None]:
    """Parse a response head: status and header fields, whether the connection stays open, and the body's length.

    The length is None for a chunked body, and -1 for one that ends with the connection. Raises ValueError.
    """
    if head.count(b"\n") > _MOST_FIELDS:
        raise ValueError(f"more than {_MOST_FIELDS} header fields")
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    pairs = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    headers = Headers(pairs)
    if not version.startswith("HTTP/1."):
        raise ValueError("it is no HTTP/1")
    keeps = "close" not in headers.get("connection", "").lower()
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return HttpResponse(int(status), headers), keeps, None
    if "content-length" not in headers:
        keeps = False
    length = int(headers.get("content-length", -1))
    if length > _BODY_LIMIT:
        raise ValueError(f"a body of {length} octets")
    return HttpResponse(int(status), headers), keeps, length


async def _read_body(reader: asyncio.StreamReader, length: int | None) -> bytes:
    if length is not None and length >= 0:
        return await reader.readexactly(length)
    body = bytearray()
    async for part in _chunks(reader) if length is None else _until_the_end(reader):
        body += part
        if len(body) > _BODY_LIMIT:
            raise ValueError(f"a body of more than {_BODY_LIMIT} octets")
    return bytes(body)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    count = 0
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0][:32], 16):
        count += 1
        if count > _MOST_CHUNKS:
            raise ValueError(f"a body of more than {_MOST_CHUNKS} chunks")
        if size > _BODY_LIMIT:
            raise ValueError(f"a chunk of {size} octets")
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")


async def _until_the_end(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while part := await reader.read(65536):
        yield part
