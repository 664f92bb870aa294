"""A request as the scripted identity provider sees it, and the step of a sign-in that it belongs to."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["Request", "Step", "step_of"]


class Step(StrEnum):
    """What a request is for, by its path."""

    REALM = "realm"
    PAGE = "page"
    """GetCredentialType, the sign-in page's question"""
    MEX = "mex"
    WINDOWS = "windowstransport"
    PASSWORD = "usernamemixed"  # noqa: S105 - a step's name
    BROWSER = "sso"
    TOKEN = "token"  # noqa: S105 - a step's name
    INSTANCE = "instance"
    """instance discovery, the login host's names"""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as the provider sees it. ``host`` and ``path`` without port and query."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def negotiate_token(self) -> bytes | None:
        """What the Authorization header carries, if anything."""
        value = self.headers.get("Authorization")
        return None if value is None else base64.b64decode(value.removeprefix("Negotiate "))


_BY_END: Final[Mapping[str, Step]] = {
    "mex": Step.MEX,
    "windowstransport": Step.WINDOWS,
    "usernamemixed": Step.PASSWORD,
    "sso": Step.BROWSER,
    "token": Step.TOKEN,
    "getcredentialtype": Step.PAGE,
    "instance": Step.INSTANCE,
}


def step_of(path: str) -> Step:
    """The step that a request for ``path`` belongs to."""
    parts = path.lower().strip("/").split("/")
    return Step.REALM if "userrealm" in parts else _BY_END.get(parts[-1], Step.OTHER)
