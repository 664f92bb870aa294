"""Parse and bound the bodies and queries of control API requests, and encode large responses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, NoReturn

import msgspec
from aiohttp import web

from ssosim.lab.base.beside_loop import in_thread
from ssosim.lab.base.errors import LabInputError
from ssosim.nearest import suggest_nearest

__all__ = [
    "SMALL",
    "encode_json_response",
    "json_object",
    "parse_object",
    "parse_query",
    "parse_whole_number",
    "text_or_none",
    "true_or_false",
]


SMALL = 128 * 1024
"""The limit, in bytes, of a body that contains no file of the user."""

_MOST_OBJECTS = 8192
"""Opening braces in a body of at most ``SMALL`` bytes: Python code runs for each object, on the event loop."""


async def encode_json_response(data: Any, status: int = 200) -> web.Response:
    """Make a JSON response of ``data``, which may be large: it is encoded in a thread, not on the event loop."""
    body = await in_thread(partial(_encode, data))
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


def _encode(data: Any) -> bytes:
    try:
        return msgspec.json.encode(data)  # ten times as fast as the standard library's, which blocks other threads
    except (TypeError, UnicodeEncodeError):  # half a surrogate pair in text from outside
        return json.dumps(data).encode()


async def json_object(
    request: web.Request, known: Collection[str] | None = None, *, max_bytes: int = SMALL
) -> dict[str, Any]:
    """Read the body as a JSON object; ``{}`` for an empty body.

    ``known`` are the keys that it may have; None allows all. Raises LabInputError for another key, for anything but a
    JSON object, and for more than ``max_bytes`` bytes.
    """
    body = parse_object(await request.read(), max_bytes)
    if known is not None and (unknown := sorted(set(body) - set(known))):
        raise LabInputError(f"{unknown[0][:60]}: unknown key; {_list_known(unknown[0], known)}")
    return body


def _list_known(wrong: str, known: Collection[str]) -> str:
    """Return the keys that a request may have, and the nearest one."""
    near = suggest_nearest(wrong, known)
    return f"known here: {', '.join(known) or 'none'}{f'; {near}' if near else ''}"


def true_or_false(body: Mapping[str, Any], key: str) -> bool | None:
    """Return ``body[key]``, None if it is missing or null. Raises LabInputError if it is neither true nor false."""
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise LabInputError(f"{key}: expected true or false")
    return value


def parse_object(text: bytes, max_bytes: int = SMALL) -> dict[str, Any]:
    """Parse ``text`` as a JSON object; ``{}`` if it is empty.

    Raises LabInputError, also for over ``max_bytes``, more than 8,192 opening braces in a body of at most ``SMALL``
    bytes, a key that is given twice in one object, and NaN and Infinity, which JSON does not have. Source: RFC 8259,
    sections 4 and 6.
    """
    if len(text) > max_bytes:
        raise LabInputError(
            f"the request's body has {len(text)} bytes: at most {max_bytes} are read here; send less at once"
        )
    if len(text) <= SMALL and text.count(b"{") > _MOST_OBJECTS:
        raise LabInputError(f"the request's body has more than {_MOST_OBJECTS} objects; send less at once")
    try:
        body = json.loads(text, object_pairs_hook=_make_object, parse_constant=_refuse_constant) if text else {}
    except (ValueError, RecursionError) as error:
        raise LabInputError(f"the request is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise LabInputError("the request is not a JSON object")
    return body


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise ValueError(f"the key {next(key for key, count in counts.items() if count > 1)[:40]!r} is given twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def text_or_none(body: Mapping[str, Any], key: str) -> str | None:
    """Return ``body[key]``, None if it is missing. Raises LabInputError if it is not text."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise LabInputError(f"{key}: expected text")
    return value


def parse_query(request: web.Request, known: Collection[str]) -> Mapping[str, str]:
    """Return the parameters of the query. Raises LabInputError for one that is not in ``known`` or is given twice."""
    found: dict[str, str] = {}
    for key, value in request.query.items():
        if key not in known:
            raise LabInputError(f"{key[:60]}: unknown parameter; {_list_known(key, known)}")
        if key in found:
            raise LabInputError(f"{key}: a parameter may be given once")
        found[key] = value
    return found


def parse_whole_number(query: Mapping[str, str], key: str, default: int, least: int, most: int) -> int:
    """Parse ``query[key]`` as a whole number from ``least`` to ``most``, ``default`` if it is missing.

    Raises LabInputError.
    """
    text = query.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise LabInputError(f"{key} {text[:40]!r}: expected a whole number from {least} to {most}")
    return int(text)
