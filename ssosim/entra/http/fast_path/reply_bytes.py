"""The bytes of a reply, without a response object and a writer of aiohttp."""

from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

from ssosim.entra.core.messages import HttpReply
from ssosim.entra.http.connection import SERVER_NAME
from ssosim.entra.http.responses import Fields

__all__ = ["render_reply"]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Control characters other than the tab and those of a line end; the line ends are counted."""

_EMPTY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_OF_SERVER = frozenset(
    {"connection", "content-length", "content-type", "date", "server", "trailer", "transfer-encoding", "upgrade"}
)
"""Fields that aiohttp sets, replaces or acts on."""


def render_reply(reply: HttpReply, own: Fields) -> bytes | None:
    """Return the bytes that aiohttp sends for ``reply`` to a GET or POST in HTTP/1.1; None for what only it can send.

    ``own`` are the fields that the server adds to those of the reply. Their text is the server's, and certainly clean.
    A caller's text that would make header fields of its own becomes a reply with status 500, as on the ordinary way.
    """
    of_type = reply.content_type or ("application/octet-stream" if reply.body else "")
    try:
        rendered = _render_fields(reply.status, reply.headers, of_type)
    except TypeError:  # a service of another package may return lists
        rendered = _render_fields.__wrapped__(reply.status, reply.headers, of_type)
    if rendered is None:
        return None
    first, last = rendered
    if not first:
        return render_reply(HttpReply(500), ())
    more = "".join([f"{name}: {value}\r\n" for name, value in own])
    end = f"{more}{last}Content-Length: {len(reply.body)}\r\n{_date(int(time()))}\r\n"
    return b"".join((first, end.encode(errors="replace"), reply.body))


@lru_cache(maxsize=64)
def _render_fields(status: int, headers: Fields, of_type: str) -> tuple[bytes, str] | None:
    """Return the status line with ``headers``, and the lines from Content-Type on that depend on no moment and body.

    None for what only aiohttp can send; empty for text that would make fields of its own. Most replies have no header
    fields beside those of their endpoint, so they are rendered once.
    """
    if status < HTTPStatus.OK or status in _EMPTY or any(name.lower() in _OF_SERVER for name, _ in headers):
        return None
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
    last = f"Content-Type: {of_type}\r\n" if of_type else ""
    lines, text = len(headers) + bool(of_type), f"{fields}{last}"
    if not text.count("\r") == text.count("\n") == lines or _CONTROL.search(text):
        return b"", ""
    return f"{_status_line(status)}{fields}".encode(errors="replace"), f"{last}Server: {SERVER_NAME}\r\n"


def _status_line(status: int) -> str:
    try:
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    except ValueError:
        return f"HTTP/1.1 {status} \r\n"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}\r\n"
