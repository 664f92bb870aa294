"""One HTTP exchange as values: the request, the reply, and the events for the trace.

Endpoints are functions from a ``Call`` to an ``HttpReply``. They run unchanged under aiohttp, in tests and in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeVar, dataclass_transform
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec
from multidict import CIMultiDict, MultiMapping

from ssosim.entra.core.random_bytes import take_random_block
from ssosim.estate import UncheckedRule
from ssosim.estate.lenient_settings import LenientSetting
from ssosim.trace import Event, SignInStep

__all__ = [
    "JSON_NO_STORE",
    "Auth",
    "Call",
    "HeadNotes",
    "HttpReply",
    "TraceBuffer",
    "list_fields",
    "make_guid",
    "make_json_reply",
    "make_trace_id",
    "read_fields",
]

Auth = Literal["none", "kerberos", "ntlm", "negotiate", "password", "bearer"]

_FIELD_LIMIT = 256  # parameters in a query; more than any client sends
_ESCAPE_LIMIT = 12_000  # escapes in a query or form: undoing one costs as much as reading 250 bytes
_KEPT_LIMIT = 128  # characters of a field or path whose reading is kept
_SEGMENT_LIMIT = 32  # segments of a path; no route has more than five
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
JSON = "application/json; charset=utf-8"
JSON_NO_STORE = (("Cache-Control", "no-store, no-cache"), ("Pragma", "no-cache"), ("Expires", "-1"))
"""The header fields of replies that nobody may store, as in the recordings of azure-sdk-for-go and -python."""


T = TypeVar("T")


_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def _message(cls: type[T]) -> type[T]:
    """Make a dataclass that is frozen for the type checker only: a frozen one takes three times as long to make."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass(slots=True)
class TraceBuffer:
    """What an endpoint reports for the trace: the authentication method of the request, and events. Never a secret.

    ``client`` is the name of the client that sent the request; the endpoint reads it. ``step`` is the step of the
    route, once that is known. ``refused_date``: the request is refused because a date has passed or is in the future.
    ``sealed_field`` is the name of the form's field whose value is a token, and nothing else, that the provider has
    sealed itself and has opened. ``refused_user`` are the name of the user whose state or domain is why the request is
    refused, and the AADSTS code of that (0: none); a ticket, an assertion or a refresh token does not name its user.
    ``not_checked`` are the rules that the request does not keep, and that are switched
    off or loosened by a setting (``ssosim.estate.lenient_settings``).
    """

    auth: Auth = "none"
    client: str = ""
    step: SignInStep | None = None
    events: list[Event] = field(default_factory=list)
    refused_date: bool = False
    sealed_field: str = ""
    refused_user: tuple[str, int] | None = None
    not_checked: tuple[str, ...] = ()

    def note_not_checked(self, *names: UncheckedRule | LenientSetting) -> None:
        """Note rules that the request does not keep, so that its records, its tokens and the verdict name them."""
        if names:
            self.not_checked = tuple(dict.fromkeys((*self.not_checked, *names)))


def list_fields(headers: Mapping[str, str], name: str) -> list[str]:
    """Return the values of all header fields ``name``, in order."""
    if isinstance(headers, MultiMapping):
        return list(headers.getall(name, ()))
    return [headers[name]] if name in headers else []


@dataclass(slots=True, eq=False)
class HeadNotes:
    """What is known of all requests with one head, whatever their request ids and their Negotiate token.

    ``clean_for`` is of the finder of exposures: its tables, and the step, for which the head holds no credential.
    """

    clean_for: tuple[object, SignInStep] | None = None


@_message
class Call:
    """A request. ``headers`` look up without regard to case; ``now`` is in seconds since the Unix epoch, UTC.

    ``path`` holds the decoded segments as sent. ``correlation_id`` is the caller's ``client-request-id`` when that is a
    GUID (header first, then query), otherwise a new one. ``repeated`` is the first parameter that the query has twice.
    ``scheme`` and ``port`` are those of where the request arrived. ``target`` is the path and query as sent.
    ``repeats`` is an immutable call that differs in time, ids and the octets of the body only (``repeat``), if known.
    ``head`` is one value for all calls that have the same head but for request ids and Negotiate token, if known.
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
    trace_buffer: TraceBuffer = field(default_factory=TraceBuffer)
    target: str = ""
    repeats: Call | None = None
    head: HeadNotes | None = None

    def join_fields(self, name: str) -> str:
        """Return the value of the header field ``name``, empty if there is none; of several, the values with commas.

        So a credential that is there twice is no credential. Source: RFC 9110, section 5.3.
        """
        return ", ".join(list_fields(self.headers, name))

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
        path, query = _split_target(target, repeated)
        return cls(  # by position: that takes a third of the time of keywords
            _strip_port(host),
            method,
            path,
            query,
            given,
            body,
            now,
            make_trace_id(),
            _choose_correlation_id(given, query),
            repeated[0] if repeated else "",
            header_bytes,
            too_large,
            scheme,
            port,
            TraceBuffer(),
            target,
        )

    def read_own_id(self) -> str:
        """Return the caller's id of the request; empty if it has none that is a GUID."""
        return _read_correlation_id(self.headers, self.query)

    def repeat(self, body: bytes, now: float, own_id: str) -> Call:
        """Return the same request at another time, with a body of the same length, without reading its parts again.

        This call must not change later. It has a new trace id. ``own_id`` is what ``read_own_id`` returns; without it
        the correlation id is new, too.
        """
        return Call(
            self.host,
            self.method,
            self.path,
            dict(self.query),  # a service of another package may change its own
            self.headers,
            body,
            now,
            make_trace_id(),
            own_id or make_guid(),
            self.repeated,
            self.header_bytes,
            self.too_large,
            self.scheme,
            self.port,
            TraceBuffer(),
            self.target,
            self,
        )


@_message
class HttpReply:
    """An HTTP response. ``code`` is the AADSTS number in it, if there is one, and ``error_description`` its text."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    code: int | None = None
    error_description: str = ""


def make_guid() -> str:
    """Make a random GUID (RFC 9562, version 4).

    It takes a third of the time of ``uuid``; each exchange needs several.
    """
    digits = take_random_block().hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def make_json_reply(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> HttpReply:
    """Return a reply whose body is ``value`` as JSON, with the keys in the given order.

    What a request had that is no UTF-8, and the reply repeats, becomes U+FFFD, the replacement character.
    """
    try:
        body = msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        body = _SURROGATE.sub("\ufffd", text).encode()
    return HttpReply(status, body, JSON, headers)


def read_fields(text: str, limit: int, repeated: list[str] | None = None) -> dict[str, str]:
    """Parse the fields of a query or form. Blank values are kept; of repeated names the last value counts.

    ``repeated`` receives the names that occur more than once. Raises ValueError for more than ``limit`` fields, or for
    more percent signs than any client sends. The result is that of ``urllib.parse.parse_qsl``, at a third of its cost.
    """
    if text.count("&") >= limit:
        raise ValueError(f"more than {limit} fields")
    if text.count("%") > _ESCAPE_LIMIT:
        raise ValueError(f"more than {_ESCAPE_LIMIT} escapes")
    fields = {}
    for pair in text.split("&"):
        if pair:
            if "%" in pair or "+" in pair:
                name, value = _read_kept_pair(pair) if len(pair) <= _KEPT_LIMIT else _read_escaped_pair(pair)
            else:
                name, _, value = pair.partition("=")
            if repeated is not None and name in fields:
                repeated.append(name)
            fields[name] = value
    return fields


def _read_escaped_pair(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return _unescape(name.replace("+", " ")), _unescape(value.replace("+", " "))


_read_kept_pair = lru_cache(maxsize=1024)(_read_escaped_pair)  # a program sends most fields the same each time


def _unescape(text: str) -> str:
    """Like ``urllib.parse.unquote``, which is twice as slow if escapes and letters outside ASCII alternate."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


def _strip_port(host: str) -> str:
    if "@" in host:
        return ""
    name, separator, port = host.rpartition(":")
    if separator and port.isdigit():
        host = name
    return host.rstrip(".").lower()


def _split_target(target: str, repeated: list[str]) -> tuple[tuple[str, ...], Mapping[str, str]]:
    try:
        path, query = urlsplit(target)[2:4] if "://" in target[:8] else _cut_query(target)
        fields = read_fields(query, _FIELD_LIMIT, repeated) if query else {}
    except ValueError:  # a target that is no URL, or too many fields
        path, fields = target.partition("?")[0], {}
    return (_split_kept_path(path) if len(path) <= _KEPT_LIMIT else _split_path(path)), fields


def _split_path(path: str) -> tuple[str, ...]:
    segments = path.strip("/").split("/", _SEGMENT_LIMIT)
    if "%" in path:
        segments = [_unescape(segment) for segment in segments] if path.count("%") <= _ESCAPE_LIMIT else [path]
    return tuple(segments)


_split_kept_path = lru_cache(maxsize=1024)(_split_path)


def _cut_query(target: str) -> tuple[str, str]:
    path, _, query = target.partition("?")
    return path, query.partition("#")[0]


def make_trace_id() -> str:
    """Make the id of an exchange that the provider gives it."""
    return f"{make_guid()[:-2]}00"  # real trace ids mostly end so (captures)


def _choose_correlation_id(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    return _read_correlation_id(headers, query) or make_guid()


def _read_correlation_id(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return the caller's id of the request; empty if it has none that is a GUID."""
    given = headers.get("client-request-id") or query.get("client-request-id")
    if given:
        plain = given.strip("{}").lower()
        if _GUID.match(plain):
            return plain  # anything else of the caller's text is never echoed
    return ""
