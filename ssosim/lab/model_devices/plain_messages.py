"""Plain HTTP/1.1 messages of a client model's device, without h11: those that leave nothing to decide.

Plain is a GET or POST whose fields h11 would send as they are, and a response in HTTP/1.1 with a body of one
Content-Length and no field that changes its framing or the connection (RFC 9112, section 6). Nearly all messages of a
lab are plain, and h11 takes seven times as long for them. For any other message the functions return None, and h11
reads and checks it. Tests compare both ways; ``SSOSIM_FAST_PATHS=off`` leaves all messages to h11.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ssosim_clients.ports import Headers

__all__ = ["PLAIN_HEAD_LIMIT", "PlainHead", "encode_plain", "read_plain_head"]

PLAIN_HEAD_LIMIT = 16 * 1024
"""Octets of the head of a plain response at most."""

_MOST_FIELDS = 128
_MOST_LENGTH_DIGITS = 7
_TOKEN = r"[-!#$%&'*+.^_`|~0-9a-zA-Z]+"  # noqa: S105 - a rule of RFC 9110, section 5.6.2
_NAME = re.compile(_TOKEN)
_TARGET = re.compile(r"[\x21-\x7e]+")
_VALUES = re.compile(r"[\x20-\x7e]*")
_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2}) [\t\x20-\x7e]*\r\n((?:%b:[\t\x20-\x7e]*\r\n)*)\r\n" % _TOKEN.encode("ascii")
)
_WITHOUT_BODY = (b"204", b"304")
_DECIDING = frozenset(
    {"connection", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}
)
"""Fields that h11 acts on, or that a message has once. The caller adds ``Host`` and ``Content-Length`` itself."""


class PlainHead(NamedTuple):
    """The head of a plain response; ``end`` is where the body ends, in octets from the start of the head."""

    status: int
    headers: Headers
    body: int
    end: int


def encode_plain(method: str, target: str, fields: Sequence[tuple[str, str]], body: bytes) -> bytes | None:
    """Return the octets of a plain request; None for any other.

    The first of ``fields`` is Host, and the last is Content-Length if there is a body or the method is POST. No value
    has control characters, or spaces at its ends.
    """
    has_length = method == "POST" or bool(body)
    own = fields[1:-1] if has_length else fields[1:]
    if (
        (method, has_length) not in {("GET", False), ("POST", True)}
        or fields[0][0] != "Host"
        or (has_length and fields[-1] != ("Content-Length", str(len(body))))
        or not all(_is_plain_name(name) for name, _ in own)
        or not _VALUES.fullmatch("".join([value for _, value in fields]))
        or not _TARGET.fullmatch(target)
    ):
        return None
    lines = "".join([f"{name}: {value}\r\n" for name, value in fields])
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("ascii") + body


@lru_cache(maxsize=256)
def _is_plain_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name.lower() not in _DECIDING


def read_plain_head(octets: bytes | bytearray) -> PlainHead | None:
    """Return the head of a plain response to a GET or POST at the start of ``octets``; None for any other octets."""
    found = _HEAD.match(octets)
    if found is None or found[1] in _WITHOUT_BODY or found.end() > PLAIN_HEAD_LIMIT:
        return None
    lines = found[2].decode("ascii").split("\r\n")[:-1]
    pairs, length = [], ""
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        pairs.append((name, value))
        if name in _DECIDING:
            if name != "content-length" or length or not value.isdigit() or len(value) > _MOST_LENGTH_DIGITS:
                return None
            length = value
    if not length or len(lines) > _MOST_FIELDS:
        return None
    return PlainHead(int(found[1]), Headers(pairs), found.end(), found.end() + int(length))
