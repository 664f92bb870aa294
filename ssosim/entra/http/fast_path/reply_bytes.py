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


def render_reply(reply: HttpReply, headers: Fields) -> bytes | None:
    """Return the bytes that aiohttp sends for ``reply`` to a GET or POST in HTTP/1.1; None for what only it can send.

    A caller's text that would make header fields of its own becomes a reply with status 500, as on the ordinary way.
    """
    body, status = reply.body, reply.status
    if status < HTTPStatus.OK or status in _EMPTY or any(name.lower() in _OF_SERVER for name, _ in headers):
        return None
    of_type = reply.content_type or ("application/octet-stream" if body else "")
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if of_type:
        fields += f"Content-Type: {of_type}\r\n"
    lines = len(headers) + bool(of_type)
    if not fields.count("\r") == fields.count("\n") == lines or _CONTROL.search(fields):
        return render_reply(HttpReply(500), ())
    last = _last_fields(len(body), int(time()))
    return f"{_status_line(status)}{fields}{last}".encode(errors="replace") + body


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    try:
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    except ValueError:
        return f"HTTP/1.1 {status} \r\n"


def _last_fields(length: int, second: int) -> str:
    return f"Server: {SERVER_NAME}\r\nContent-Length: {length}\r\n{_date(second)}\r\n"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}\r\n"
