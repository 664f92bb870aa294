"""A request as the identity provider receives it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as the provider receives it. ``host`` and ``path`` are without port and query."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def negotiate_token(self) -> bytes | None:
        """The decoded Negotiate token of the Authorization header, or None."""
        value = self.headers.get("Authorization")
        return None if value is None else base64.b64decode(value.removeprefix("Negotiate "))
