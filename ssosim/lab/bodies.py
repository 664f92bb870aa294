"""What a request to the control API carries."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ssosim.lab.errors import LabInputError

__all__ = ["json_object", "text_or_none"]


async def json_object(request: web.Request) -> dict[str, Any]:
    """The body, ``{}`` where there is none; raises LabInputError for anything but a JSON object."""
    text = await request.read()
    try:
        body = json.loads(text) if text else {}
    except ValueError as error:
        raise LabInputError(f"the request is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise LabInputError("the request is not a JSON object")
    return body


def text_or_none(body: dict[str, Any], key: str) -> str | None:
    """``body[key]``, which may be missing; raises LabInputError if it is not text."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise LabInputError(f"{key}: expected text")
    return value
