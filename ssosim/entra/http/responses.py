"""The responses of aiohttp for the replies of responders."""

from __future__ import annotations

import re
from itertools import chain

from aiohttp import web
from multidict import CIMultiDict

from ssosim.entra.core.messages import HttpReply
from ssosim.entra.http.connection import SERVER_NAME

__all__ = ["Fields", "build_response"]

Fields = tuple[tuple[str, str], ...]
"""Header fields: names and values."""

_NOT_IN_A_FIELD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Control characters: aiohttp ends the connection without a reply where a field has one (RFC 9110, section 5.5)."""

_FRAMING = frozenset({"content-length", "transfer-encoding"})


def build_response(reply: HttpReply, headers: Fields) -> web.Response:
    """Return the response for ``reply`` with the fields ``headers``; status 500 if these would make other fields.

    The length of the body is the server's business: fields that give another one are left out.
    """
    if _NOT_IN_A_FIELD.search("".join(chain(chain.from_iterable(headers), (reply.content_type,)))):
        return build_response(HttpReply(500), ())
    fields = CIMultiDict(
        (name, value.encode(errors="replace").decode()) for name, value in headers if name.lower() not in _FRAMING
    )
    if reply.content_type:
        fields["Content-Type"] = reply.content_type
    elif reply.body:
        fields.setdefault("Content-Type", "application/octet-stream")
    fields["Server"] = SERVER_NAME
    return web.Response(status=reply.status, body=reply.body, headers=fields)
