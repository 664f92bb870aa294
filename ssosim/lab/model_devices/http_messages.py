"""HTTP/1.1 messages of a client model's device, by h11: requests as octets, responses from octets. No socket is used.

h11 checks the syntax and the framing of both (RFC 9112). What a device reads is limited besides: a head of 256 KiB with
256 fields (http.client takes 100), 16 informational responses before the final one, a body of 16 MiB in 512 chunks
(services send fewer, larger ones). h11 gets a whole head, whose lines are counted before, and a body in pieces, so
that no octets cost it more than a few milliseconds. What is plain needs no h11 (``plain_messages.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import h11
from ssosim_clients.ports import Headers, HttpResponse

from ssosim.lab.model_devices.plain_messages import PLAIN_HEAD_LIMIT, PlainHead, encode_plain, read_plain_head

__all__ = [
    "BrokenOffError",
    "Exchange",
    "RequestDraft",
    "ResponseReader",
    "draft_request",
    "encode_request",
    "new_connection",
]

HEAD_LIMIT = 256 * 1024
_BODY_LIMIT = 16 * 1024 * 1024
_MOST_FIELDS = 256
_MOST_CHUNKS = 512
_MOST_INFORMATIONAL = 16
_PIECE = 4 * 1024
"""Octets of a body that h11 gets at once, and of a chunk's header or the trailer at most."""

_END_OF_HEAD = re.compile(rb"\n\r?\n")


class BrokenOffError(Exception):
    """The connection ended in the middle of a response."""


def new_connection() -> h11.Connection:
    """Return the state of a new connection, before its first request."""
    return h11.Connection(h11.CLIENT, _PIECE)


@dataclass(frozen=True, slots=True)
class RequestDraft:
    """A request that HTTP allows. ``octets`` is the whole of a plain one; ``head`` is there for any other."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    octets: bytes | None = None
    head: h11.Request | None = None

    def build_head(self) -> h11.Request:
        """Return its head for h11."""
        return self.head or _build_head(self.method, self.target, self.fields)


def _build_head(method: str, target: str, fields: tuple[tuple[str, str], ...]) -> h11.Request:
    """Return the head of a request for h11. Raises ValueError for what HTTP does not allow."""
    try:
        return h11.Request(
            method=method, target=target, headers=[(name.encode(), value.encode()) for name, value in fields]
        )
    except h11.LocalProtocolError as error:
        raise ValueError(f"{method} {target}: no HTTP request: {error}") from error


def draft_request(
    method: str, netloc: str, target: str, headers: Mapping[str, str], body: bytes, *, plainly: bool = True
) -> RequestDraft:
    """Return a request; raises ValueError for a method, target or header field that HTTP does not allow.

    ``Host``, ``Accept`` and ``Content-Length`` are added. ``plainly``: a plain request is made without h11.
    """
    fields = {"Host": netloc.rpartition("@")[2], "Accept": "*/*", **headers}
    if body or method in ("POST", "PUT"):
        fields["Content-Length"] = str(len(body))
    for name, value in fields.items():
        if not f"{name}{value}".isprintable():
            raise ValueError(f"the header field {name!r} holds control characters")
    stripped = tuple([(name, value.strip()) for name, value in fields.items()])
    if plainly and (octets := encode_plain(method, target, stripped, body)) is not None:
        return RequestDraft(method, target, stripped, body, octets)
    return RequestDraft(method, target, stripped, body, head=_build_head(method, target, stripped))


def encode_request(connection: h11.Connection, request: h11.Request, body: bytes) -> bytes:
    """Return the octets of a request on a connection that is idle."""
    parts = [connection.send(request), connection.send(h11.Data(body)) if body else b""]
    parts.append(connection.send(h11.EndOfMessage()))
    return b"".join(filter(None, parts))


class Exchange:
    """One request and its response on ``connection``, which is idle. A plain response to a plain request needs no h11.

    As soon as a response is not plain, h11 gets the request and all octets of the response, so that it decides.
    """

    def __init__(self, connection: h11.Connection, request: RequestDraft) -> None:
        self._connection = connection
        self._request = request
        self._reader: ResponseReader | None = None
        self._octets = bytearray()  # of the response, while it is plain as far as it has arrived
        self._has_head = False
        self._head: PlainHead | None = None  # if it is plain

    @property
    def is_plain(self) -> bool:
        """Whether h11 has not been needed so far."""
        return self._reader is None

    def encode(self) -> bytes:
        """Return the octets of the request."""
        return self._begin_with_h11() if self._request.octets is None else self._request.octets

    def _begin_with_h11(self) -> bytes:
        octets = encode_request(self._connection, self._request.build_head(), self._request.body)
        self._reader = ResponseReader(self._connection)
        return octets

    def feed(self, octets: bytes) -> HttpResponse | None:
        """Return the response if ``octets`` complete it, else None; no octets mean that the connection has ended.

        Raises BrokenOffError, and ValueError for what is no HTTP/1.1 response or exceeds a limit.
        """
        if self._reader is None:
            response = self._feed_plain(octets) if octets else None
            if response is not None or (octets and self._may_be_plain()):
                return response
            self._begin_with_h11()
            assert self._reader is not None  # noqa: S101 - it was made just now
            read = self._reader.feed(bytes(self._octets)) if self._octets else None
            return read if octets or read is not None else self._reader.feed(b"")
        return self._reader.feed(octets)

    def _feed_plain(self, octets: bytes) -> HttpResponse | None:
        before = max(0, len(self._octets) - len(b"\n\r"))
        self._octets += octets
        if not self._has_head and _END_OF_HEAD.search(self._octets, before) is not None:
            self._has_head, self._head = True, read_plain_head(self._octets)
        head = self._head
        if head is None or len(self._octets) != head.end:
            return None
        return HttpResponse(head.status, head.headers, bytes(self._octets[head.body :]))

    def _may_be_plain(self) -> bool:
        """Whether what has arrived can be the start of a plain response."""
        if self._has_head:
            return self._head is not None and len(self._octets) < self._head.end
        return len(self._octets) < PLAIN_HEAD_LIMIT

    def keeps_connection(self) -> bool:
        """Whether another request may follow. Call it once, after the response."""
        return self._reader is None or self._reader.keeps_connection()


class ResponseReader:
    """Reads the response to the request that ``connection`` has sent."""

    def __init__(self, connection: h11.Connection) -> None:
        self._connection = connection
        self._head = bytearray()  # as far as it has arrived
        self._informational = 0
        self._response: h11.Response | None = None
        self._headers = Headers()
        self._body = bytearray()
        self._chunks = 0
        self._has_more = False

    def feed(self, octets: bytes) -> HttpResponse | None:
        """Return the response if ``octets`` complete it, else None; no octets mean that the connection has ended.

        Raises BrokenOffError, and ValueError for what is no HTTP/1.1 response or exceeds a limit.
        """
        try:
            return self._feed(octets) if octets else self._end()
        except h11.RemoteProtocolError as error:
            if not octets:
                raise BrokenOffError from error
            raise ValueError(str(error)) from error

    def _end(self) -> HttpResponse:
        if self._response is None:
            raise BrokenOffError
        self._connection.receive_data(b"")
        response = self._read_body()
        if response is None:
            raise BrokenOffError
        return response

    def _feed(self, octets: bytes) -> HttpResponse | None:
        if self._response is None:
            octets = self._read_heads(octets)
        if self._response is None:
            return None
        response, at = self._read_body(), 0
        while response is None and at < len(octets):
            self._connection.receive_data(octets[at : at + _PIECE])
            at += _PIECE
            response = self._read_body()
        self._has_more = at < len(octets)
        return response

    def _read_heads(self, octets: bytes) -> bytes:
        """Read the head of the response, and those of informational ones before it; return what follows it."""
        start = max(0, len(self._head) - len(b"\n\r"))
        self._head += octets
        while (found := _END_OF_HEAD.search(self._head, start)) is not None:
            _check_head(found.end())
            head = bytes(self._head[: found.end()])
            del self._head[: found.end()]
            start = 0
            if head.count(b"\n") > _MOST_FIELDS + 2:  # the first line, and an empty one
                raise ValueError(f"more than {_MOST_FIELDS} header fields")
            self._connection.receive_data(head)
            event = self._connection.next_event()
            if isinstance(event, h11.Response):
                self._begin(event)
                return bytes(self._head)
            self._count_informational(event)
        _check_head(len(self._head))
        return b""

    def _count_informational(self, event: object) -> None:
        if not isinstance(event, h11.InformationalResponse):
            raise ValueError("it is no HTTP/1")  # noqa: TRY004 - of the octets, not of an argument
        self._informational += 1
        if self._informational > _MOST_INFORMATIONAL:
            raise ValueError(f"more than {_MOST_INFORMATIONAL} informational responses")

    def _begin(self, response: h11.Response) -> None:
        headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        if not response.http_version.startswith(b"1."):
            raise ValueError("it is no HTTP/1")
        if "transfer-encoding" in headers and response.http_version == b"1.0":
            raise ValueError("a transfer coding in HTTP/1.0")  # RFC 9112, section 6.1: faulty framing
        length = headers.get("content-length", "0")
        if int(length.partition(",")[0]) > _BODY_LIMIT:
            raise ValueError(f"a body of {length} octets")
        self._response, self._headers = response, headers

    def _read_body(self) -> HttpResponse | None:
        """Read what h11 has of the body; return the response if it is complete."""
        assert self._response is not None  # noqa: S101 - the head comes first
        while (event := self._connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Data):
                self._add(event)
            elif isinstance(event, h11.EndOfMessage):
                return HttpResponse(self._response.status_code, self._headers, bytes(self._body))
            else:
                raise BrokenOffError
        return None

    def _add(self, data: h11.Data) -> None:
        self._body += data.data
        self._chunks += data.chunk_start
        if self._chunks > _MOST_CHUNKS:
            raise ValueError(f"a body of more than {_MOST_CHUNKS} chunks")
        if len(self._body) > _BODY_LIMIT:
            raise ValueError(f"a body of more than {_BODY_LIMIT} octets")

    def keeps_connection(self) -> bool:
        """Whether another request may follow, and prepare for it. Call it once, after the response.

        Not after octets that nobody requested, nor after a response with two lengths (RFC 9112, section 6.3).
        """
        connection, headers = self._connection, self._headers
        if connection.their_state is not h11.DONE or connection.our_state is not h11.DONE:
            return False
        if (
            self._has_more
            or connection.trailing_data[0]
            or ("transfer-encoding" in headers and "content-length" in headers)
        ):
            return False
        connection.start_next_cycle()
        return True


def _check_head(size: int) -> None:
    """Raise ValueError if a head has more than ``HEAD_LIMIT`` octets, in however many pieces it arrives."""
    if size > HEAD_LIMIT:
        raise ValueError(f"a head of more than {HEAD_LIMIT} octets")
