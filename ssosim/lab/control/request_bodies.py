"""What a request to the control API carries: a body, a query."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from ssosim.lab.base.beside_loop import in_thread
from ssosim.lab.base.errors import LabInputError

__all__ = [
    "SMALL",
    "json_object",
    "json_response_beside_loop",
    "parse_object",
    "parse_query",
    "parse_whole_number",
    "text_or_none",
]


SMALL = 128 * 1024
"""Bytes of a body that holds no file of the user's."""


async def json_response_beside_loop(data: Any, status: int = 200) -> web.Response:
    """``data`` as an answer. It may be large: it is put into words beside the loop, on which the lab runs."""
    body = await in_thread(partial(_encoded, data))
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


def _encoded(data: Any) -> bytes:
    try:
        return msgspec.json.encode(data)  # ten times as fast as the standard library's, which other threads wait for
    except (TypeError, UnicodeEncodeError):  # half a surrogate pair in a stranger's text
        return json.dumps(data).encode()


async def json_object(
    request: web.Request, known: Collection[str] | None = None, *, max_bytes: int = SMALL
) -> dict[str, Any]:
    """The body, ``{}`` where there is none; raises LabInputError for anything but a JSON object of ``most`` bytes.

    ``known`` are the keys that it may have, where that is known here.
    """
    body = parse_object(await request.read(), max_bytes)
    if known is not None and (unknown := sorted(set(body) - set(known))):
        raise LabInputError(f"{unknown[0]}: unknown key; known here: {', '.join(known)}")
    return body


def parse_object(text: bytes, max_bytes: int = SMALL) -> dict[str, Any]:
    """``text`` as a JSON object, ``{}`` where there is none; raises LabInputError, also for over ``most`` bytes."""
    if len(text) > max_bytes:
        raise LabInputError(
            f"the request's body has {len(text)} bytes: at most {max_bytes} are read here; send less at once"
        )
    try:
        body = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise LabInputError(f"the request is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise LabInputError("the request is not a JSON object")
    return body


def text_or_none(body: Mapping[str, Any], key: str) -> str | None:
    """``body[key]``, which may be missing; raises LabInputError if it is not text."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise LabInputError(f"{key}: expected text")
    return value


def parse_query(request: web.Request, known: Collection[str]) -> Mapping[str, str]:
    """The query's parameters, each of which must be one of ``known`` and there once; raises LabInputError."""
    found = dict(request.query)
    for key in request.query:
        if key not in known:
            raise LabInputError(f"{key}: unknown parameter; known here: {', '.join(known)}")
    if len(found) < len(request.query):
        raise LabInputError(f"{next(iter(request.query))}: a parameter may be given once")
    return found


def parse_whole_number(query: Mapping[str, str], key: str, default: int, least: int, max_bytes: int) -> int:
    """``query[key]`` as a whole number within its bounds; raises LabInputError."""
    text = query.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= max_bytes):
        raise LabInputError(f"{key} {text[:40]!r}: expected a whole number from {least} to {max_bytes}")
    return int(text)
