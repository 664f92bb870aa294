"""One HTTP exchange as values: what comes in, what goes out, and what is to be remembered of it.

Endpoints are functions from these to these; they run the same under aiohttp, in a test, and in memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec
from multidict import CIMultiDict

from ssosim.trace import Event

__all__ = ["Answer", "Auth", "Call", "Journal", "json_answer", "new_guid", "read_fields"]

Auth = Literal["none", "kerberos", "ntlm", "negotiate", "password"]

_FIELD_LIMIT = 256  # parameters in a query; more than any client sends
_ESCAPE_LIMIT = 12_000  # escapes in a query or form: undoing one costs as much as reading 250 bytes
_SEGMENT_LIMIT = 32  # segments of a path; no route has more than five
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
JSON = "application/json; charset=utf-8"


@dataclass(slots=True)
class Journal:
    """What an endpoint wants in the trace: how the caller proved itself, and events. Never a secret."""

    auth: Auth = "none"
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """A request. ``headers`` look up without regard to case; ``now`` is in seconds since the Unix epoch, UTC.

    ``path`` holds the decoded segments as sent. ``correlation_id`` is the caller's ``client-request-id`` when that is a
    GUID (header first, then query), otherwise a new one. ``repeated`` is the first parameter that the query has twice.
    ``scheme`` and ``port`` are those of where the request arrived.
    """

    host: str
    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: float
    trace_id: str
    correlation_id: str
    repeated: str = ""
    header_bytes: int = 0
    too_large: bool = False
    scheme: Literal["https", "http"] = "https"
    port: int = 443
    journal: Journal = field(default_factory=Journal)

    @classmethod
    def read(  # noqa: PLR0913  one argument for each part of an HTTP request
        cls,
        method: str,
        host: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        now: float,
        header_bytes: int = 0,
        too_large: bool = False,
        scheme: Literal["https", "http"] = "https",
        port: int = 443,
    ) -> Call:
        """Make a Call from the parts of a request; ``target`` is as on the request line.

        That is a path and query, or in absolute form a whole URL, whose host goes before the Host field (RFC 9112,
        section 3.2.2). A URL with a user name in it has no host (RFC 9110, section 4.2.4).

        ``too_large`` says that the body was over the server's limit and was not read.
        """
        given: Mapping[str, str] = CIMultiDict() if headers is None else headers
        if target[:1] != "/" and (absolute := _ABSOLUTE.match(target)):
            host, target = absolute[1], absolute[2] or "/"
        repeated: list[str] = []
        path, query = _split(target, repeated)
        return cls(
            host=_bare_host(host),
            method=method,
            path=path,
            query=query,
            headers=given,
            body=body,
            now=now,
            trace_id=f"{new_guid()[:-2]}00",  # real trace ids mostly end so (captures)
            correlation_id=_correlation(given, query),
            repeated=repeated[0] if repeated else "",
            header_bytes=header_bytes,
            too_large=too_large,
            scheme=scheme,
            port=port,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. ``code`` is the AADSTS number that it carries, if any."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    code: int | None = None


def new_guid() -> str:
    """A random GUID (RFC 9562, version 4), at a third of what ``uuid`` takes: each exchange needs several."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer whose body is ``value`` as JSON, keys in the order given."""
    return Answer(status, msgspec.json.encode(value), JSON, headers)


def read_fields(text: str, limit: int, repeated: list[str] | None = None) -> dict[str, str]:
    """The fields of a query or form, blank ones too, the last of a name; raises ValueError for more than ``limit``.

    ``repeated`` comes to hold the names that are there more than once.
    As ``urllib.parse.parse_qsl`` reads them, at a third of its cost. ValueError too for very many percent signs.
    """
    if text.count("&") >= limit:
        raise ValueError(f"more than {limit} fields")
    if text.count("%") > _ESCAPE_LIMIT:
        raise ValueError(f"more than {_ESCAPE_LIMIT} escapes")
    fields = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            if "%" in pair or "+" in pair:
                name, value = _unescaped(name.replace("+", " ")), _unescaped(value.replace("+", " "))
            if repeated is not None and name in fields:
                repeated.append(name)
            fields[name] = value
    return fields


def _unescaped(text: str) -> str:
    """As ``urllib.parse.unquote``, whose cost doubles where escapes and letters outside ASCII take turns."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


def _bare_host(host: str) -> str:
    if "@" in host:
        return ""
    name, separator, port = host.rpartition(":")
    if separator and port.isdigit():
        host = name
    return host.rstrip(".").lower()


def _split(target: str, repeated: list[str]) -> tuple[tuple[str, ...], Mapping[str, str]]:
    try:
        path, query = urlsplit(target)[2:4] if "://" in target[:8] else _cut(target)
        fields = read_fields(query, _FIELD_LIMIT, repeated) if query else {}
    except ValueError:  # a target that is no URL, or too many fields
        path, fields = target.partition("?")[0], {}
    segments = path.strip("/").split("/", _SEGMENT_LIMIT)
    if "%" in path:
        segments = [_unescaped(segment) for segment in segments] if path.count("%") <= _ESCAPE_LIMIT else [path]
    return tuple(segments), fields


def _cut(target: str) -> tuple[str, str]:
    path, _, query = target.partition("?")
    return path, query.partition("#")[0]


def _correlation(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    given = headers.get("client-request-id") or query.get("client-request-id")
    if given:
        plain = given.strip("{}").lower()
        if _GUID.match(plain):
            return plain  # anything else of the caller's text is never echoed
    return new_guid()
