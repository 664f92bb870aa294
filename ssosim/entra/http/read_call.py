"""The ``Call`` of a request that aiohttp has parsed."""

from __future__ import annotations

from itertools import chain
from typing import Literal

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from ssosim.entra.core.messages import Call

__all__ = ["read_call"]


def read_call(
    request: web.BaseRequest | RawRequestMessage,
    target: str,
    body: bytes,
    now: float,
    scheme: Literal["https", "http"],
    port: int,
    *,
    too_large: bool = False,
) -> Call:
    """Return the call of a request that arrived at ``now``, in seconds since the Unix epoch, by ``scheme`` at ``port``.

    ``target`` is as on the request line. ``too_large`` says that the body was over the server's limit and was not read.
    """
    headers, raw_headers = request.headers, request.raw_headers
    return Call.read(
        request.method,
        headers.get("Host", ""),
        target,
        headers=headers,
        body=body,
        now=now,
        # Four more for each field: colon, blank and line end.
        header_bytes=sum(map(len, chain.from_iterable(raw_headers))) + 4 * len(raw_headers),
        too_large=too_large,
        scheme=scheme,
        port=port,
    )
