"""Heads of requests that programs repeat: read once by aiohttp, then known by their octets.

The requests of a program differ in their request ids, their ticket and their body only. A head that is equal to one
that was read before, but for these, needs no parser: ``KnownHeads.read`` puts the new values into what was read.

This is right for two reasons. The octets around the values are the same, and a value is a GUID in lower case or base64,
none of which means anything to HTTP. And before a head is kept, it is read a second time, by another parser of aiohttp,
with other values in these places: the request that is made of the kept head must be the same. A head is kept when it
comes for the second time, so that heads that are ever new cost no second reading.
"""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import replace
from typing import NamedTuple

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from msgspec import Struct
from multidict import CIMultiDict, CIMultiDictProxy

from ssosim.entra.core.messages import Call, HeadNotes, TraceBuffer, make_guid, make_trace_id
from ssosim.entra.http.connection import SERVER_LIMITS
from ssosim.entra.http.read_call import read_call

__all__ = ["LONGEST_HEAD", "MOST_HEADS", "KnownHeads", "is_one_request"]

MOST_HEADS, LONGEST_HEAD = 1024, 4096
"""Heads that are kept, and octets of the longest of them, without its ticket."""
_LONGEST = 32 * 1024
_END = b"\r\n\r\n"
_QUERY_ID, _HEADER_ID, _TOKEN = b"client-request-id=", b"\r\nclient-request-id: ", b"\r\nAuthorization: Negotiate "
_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


class _Cut(NamedTuple):
    """A head without its own values; ``places`` is where token, id of the query and id of the header were cut out.

    They were cut out in this order; -1 if there was none.
    """

    head: bytes
    query_id: bytes
    header_id: bytes
    token: bytes
    places: tuple[int, int, int]
    body_at: int

    def fill(self, query_id: bytes, header_id: bytes, token: bytes) -> bytes:
        """Return the head with other values, up to its empty line."""
        head = self.head
        for place, value in zip(reversed(self.places), (header_id, query_id, token), strict=True):
            if place >= 0:
                head = head[:place] + value + head[place:]
        return head + b"\r\n"


def _cut(data: bytes) -> _Cut | None:
    """Cut the head of a request; None if ``data`` has no whole head, or one that is too long."""
    token = b""
    at_token = data.find(_TOKEN, 0, _LONGEST)
    end = data.find(_END, 0, _LONGEST if at_token < 0 else at_token + 2)
    if end >= 0:
        at_token, head = -1, data[: end + 2]
    else:
        # The longest value is cut out first. Two octets are sought six times as slowly as one.
        at_token += len(_TOKEN)
        stop = data.find(b"\r", at_token, _LONGEST)
        end = data.find(_END, stop, _LONGEST)
        if at_token < len(_TOKEN) or stop < 0 or end < 0:
            return None
        token = data[at_token:stop]
        if token.translate(None, _BASE64):
            at_token, token, head = -1, b"", data[: end + 2]
        else:
            head = data[:at_token] + data[stop : end + 2]
    head, query_id, at_query = _cut_id(head, _QUERY_ID)
    head, header_id, at_header = _cut_id(head, _HEADER_ID)
    if len(head) > LONGEST_HEAD:
        return None
    return _Cut(head, query_id, header_id, token, (at_token, at_query, at_header), end + len(_END))


def _cut_id(head: bytes, name: bytes) -> tuple[bytes, bytes, int]:
    """Cut out the request id after ``name``; return the rest, the id, and its place, -1 if there is none."""
    place = head.find(name)
    if place < 0:
        return head, b"", -1
    place += len(name)
    found = _ID.match(head, place)
    return (head, b"", -1) if found is None else (head[:place] + head[found.end() :], found[0], place)


def is_one_request(data: bytes, body: int) -> bool:
    """Return whether ``data`` is one head and a body of ``body`` octets, and nothing else. aiohttp has accepted it."""
    return data.find(_END) + len(_END) + body == len(data)


class _Head(Struct, frozen=True):
    """A request as it was read, and where its own values are: ``header_name`` and ``token_name`` are as sent.

    ``call`` has neither its ticket nor its body, of which ``body_length`` is the length.
    """

    call: Call
    body_length: int
    own_id: str
    target: tuple[str, str] | None
    header_name: str
    token_name: str
    notes: HeadNotes

    def make_call(self, cut: _Cut, body: bytes, now: float) -> Call:
        """Return the request with the values of ``cut``."""
        call = self.call
        own_id, target, headers, octets = self.own_id, call.target, call.headers, call.header_bytes
        query = dict(call.query)  # a service of another package may change its own
        if self.target is not None:
            own_id = query["client-request-id"] = cut.query_id.decode()
            target = own_id.join(self.target)
        if self.header_name or self.token_name:
            fields = CIMultiDict(headers)
            if self.header_name:
                own_id = fields[self.header_name] = cut.header_id.decode()
            if self.token_name:
                fields[self.token_name] = f"Negotiate {cut.token.decode()}"
                octets += len(cut.token)
            headers = CIMultiDictProxy(fields)
        return Call(
            call.host,
            call.method,
            call.path,
            query,
            headers,
            body,
            now,
            make_trace_id(),
            own_id or make_guid(),
            call.repeated,
            octets,
            False,
            call.scheme,
            call.port,
            TraceBuffer(),
            target,
            None,
            self.notes,
        )


_Key = tuple[bytes, bool, bool, bool, str, int]


def _key(cut: _Cut, scheme: str, port: int) -> _Key:
    return cut.head, not cut.query_id, not cut.header_id, not cut.token, scheme, port


class KnownHeads:
    """At most ``MOST_HEADS`` heads of requests, by their octets, and by scheme and port of the listener."""

    def __init__(self) -> None:
        self._heads: dict[_Key, _Head] = {}
        self._seen: set[int] = set()

    def __len__(self) -> int:
        return len(self._heads)

    def read(self, data: bytes, scheme: str, port: int, now: float) -> Call | None:
        """Return the request that ``data`` is, all of it; None if its head is not known, or it is not one request."""
        cut = _cut(data)
        if cut is None:
            return None
        head = self._heads.get(_key(cut, scheme, port))
        if head is None:
            return None
        body = data[cut.body_at :]
        return head.make_call(cut, body, now) if len(body) == head.body_length else None

    def keep(self, data: bytes, call: Call) -> None:
        """Keep the head of ``data``, which was read as ``call``, if it comes for the second time and can be kept."""
        cut = _cut(data)
        if cut is None or not is_one_request(data, len(call.body)):
            return
        key = _key(cut, call.scheme, call.port)
        seen = hash(key)
        if seen not in self._seen:
            if len(self._seen) >= MOST_HEADS:
                self._seen.clear()
            self._seen.add(seen)
            return
        head = _make_head(cut, call)
        if head is None or not _is_right(head, cut, call):
            return
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        self._heads[key] = head


def _make_head(cut: _Cut, call: Call) -> _Head | None:
    """Find the own values of a request; None if one is not where it should be."""
    names: dict[tuple[str, str], str] = {}
    for name, value in call.headers.items():
        names.setdefault((name.lower(), value), name)
    header_name = names.get(("client-request-id", cut.header_id.decode()), "") if cut.header_id else ""
    token_name = names.get(("authorization", f"Negotiate {cut.token.decode()}"), "") if cut.token else ""
    before, mark, after = call.target.partition(f"client-request-id={cut.query_id.decode()}")
    target = (f"{before}client-request-id=", after) if cut.query_id and mark else None
    if (not cut.header_id, not cut.token, not cut.query_id) != (not header_name, not token_name, target is None):
        return None
    fields = CIMultiDict(call.headers)
    if token_name:
        fields[token_name] = ""
    octets = call.header_bytes - len(cut.token)
    kept = replace(call, headers=CIMultiDictProxy(fields), body=b"", header_bytes=octets, trace_buffer=TraceBuffer())
    return _Head(kept, len(call.body), call.read_own_id(), target, header_name, token_name, HeadNotes())


def _is_right(head: _Head, cut: _Cut, call: Call) -> bool:
    """Return whether the request made of ``head`` is the one that aiohttp reads: this one, and with other values."""
    other = cut.fill(
        make_guid().encode() if cut.query_id else b"",
        make_guid().encode() if cut.header_id else b"",
        base64.b64encode(make_guid().encode()) if cut.token else b"",
    )
    changed = _cut(other + call.body)
    if changed is None or changed.head != cut.head:
        return False
    read = _parse(other + call.body, call)
    made = head.make_call(changed, call.body, call.now)
    again = head.make_call(cut, call.body, call.now)
    return read is not None and _is_same(read, made) and _is_same(call, again)


def _parse(data: bytes, call: Call) -> Call | None:
    """Read a request as aiohttp's server does, at the listener of ``call``; None if it is not one request."""
    loop = asyncio.get_running_loop()
    limits = {name: SERVER_LIMITS[name] for name in ("max_line_size", "max_field_size", "max_headers")}
    parser = HttpRequestParser(BaseProtocol(loop), loop, len(data) + 1, auto_decompress=False, **limits)
    try:
        messages, upgraded, _ = parser.feed_data(data)
    except HttpProcessingError:
        return None
    if len(messages) != 1 or upgraded or not messages[0][1].is_eof():
        return None
    message, payload = messages[0]
    return read_call(message, message.path, payload.read_nowait(), call.now, call.scheme, call.port)


def _is_same(one: Call, other: Call) -> bool:
    """Return whether two requests differ in nothing but the ids that the server makes."""
    return (
        all(getattr(one, name) == getattr(other, name) for name in _COMPARED)
        and list(one.query.items()) == list(other.query.items())
        and list(one.headers.items()) == list(other.headers.items())
        and one.read_own_id() == other.read_own_id()
        and (one.correlation_id == other.correlation_id or not one.read_own_id())
    )


_COMPARED = (
    "host",
    "method",
    "path",
    "body",
    "now",
    "repeated",
    "header_bytes",
    "too_large",
    "scheme",
    "port",
    "target",
)
