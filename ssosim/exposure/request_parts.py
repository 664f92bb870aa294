"""The parts of a request in which a credential may be: request line, header fields, body."""

from __future__ import annotations

import re
import zlib
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Literal

from ssosim.entra import Call

__all__ = ["RequestParts", "parts_of_call", "parts_of_raw_request"]

_BODY_LIMIT = 1024 * 1024
_HEAD = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_SPACE = re.compile(rb"\r?\n[ \t]+")


@dataclass(frozen=True, slots=True)
class RequestParts:
    """A request as it arrived. ``parts`` are names (``"path"``, ``"header Cookie"``, ``"body"``) and their bytes.

    ``host`` is the requested host in lower case, ``scheme`` that of the connection, ``address`` that of the recipient,
    empty if it does not matter.
    """

    host: str
    scheme: Literal["https", "http"]
    parts: tuple[tuple[str, bytes], ...]
    address: str = ""


def parts_of_call(call: Call, names: Container[str] | None = None) -> RequestParts:
    """Return the parts of a request to a service of the lab, or those of them with the given names.

    A body with a content coding is decoded.
    """
    if names is not None:
        whole = parts_of_call(call)
        return replace(whole, parts=tuple(part for part in whole.parts if part[0] in names))
    path, _, query = call.target.partition("?")
    headers = tuple(
        (f"header {name}", value.encode("utf-8", "surrogateescape")) for name, value in call.headers.items()
    )
    body = _decode_content(call.body, call.headers.get("Content-Encoding", "")) if call.body else b""
    line = (("path", path.encode("utf-8", "surrogateescape")), ("query", query.encode("utf-8", "surrogateescape")))
    return RequestParts(call.host, call.scheme, (*line, *headers, ("body", body)))


def parts_of_raw_request(data: bytes, *, host: str, address: str, scheme: Literal["https", "http"]) -> RequestParts:
    """Return the parts of ``data``, which a host outside of the estate received; it need not be valid HTTP.

    ``host`` is the name that the client connected to, used if the request has no ``Host`` field.
    """
    first, *rest = _HEAD.split(data, maxsplit=1)
    body = rest[0] if rest else b""
    lines = _SPACE.sub(b" ", first).splitlines() or [b""]
    target = next(iter(lines[0].split(b" ")[1:2]), b"")
    path, _, query = target.partition(b"?")
    parts, coding, chunked = [("request line", lines[0]), ("path", path), ("query", query)], "", False
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        field = name.strip().decode("latin-1")
        if field.lower() == "host" and not host:
            host = value.strip().decode("latin-1").lower()
        if field.lower() == "content-encoding":
            coding = value.strip().decode("latin-1")
        if field.lower() == "transfer-encoding":
            chunked = value.rpartition(b",")[2].strip().lower() == b"chunked"
        parts.append((f"header {field}"[:40], value.strip()))
    parts.append(("body", _decode_content(_join_chunks(body) if chunked else body, coding)))
    return RequestParts(host, scheme, tuple(parts), address)


def _join_chunks(body: bytes) -> bytes:
    """Return the data of a chunked body (RFC 9112, section 7.1), as far as it came; what is not chunked as it is."""
    data, at, size = [], 0, 1
    while size and (head := _CHUNK.match(body, at)):
        size = int(head[1], 16)
        data.append(body[head.end() : head.end() + size])
        at = head.end() + size
        at += 2 if body.startswith(b"\r\n", at) else 0
    return b"".join([*data, body[at:]])


def _decode_content(body: bytes, coding: str) -> bytes:
    """Undo gzip or deflate (RFC 9110, section 8.4.1), at most a megabyte; return ``body`` if it has neither."""
    name = coding.strip().lower()
    windows = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}.get(name, ())
    for window in windows:
        try:
            return zlib.decompressobj(window).decompress(body, _BODY_LIMIT)
        except zlib.error:
            continue
    return body
