"""The fault ``http-answer``."""

from __future__ import annotations

import re

import msgspec

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.faults.core.http_fault import HttpFault, check_text

__all__ = ["HttpAnswer"]


_FRAMING = ("content-length", "transfer-encoding", "connection")


_HEADER = re.compile(r"[A-Za-z0-9-]+")


class HttpAnswer(HttpFault, frozen=True, kw_only=True, tag="http-answer"):
    """An endpoint sends this response: status, body, content type and further headers.

    For responses that no other fault has: a SOAP fault, an empty document, a realm of another type. Source: the
    shapes of answers under which sign-in libraries were measured (Measured here: sign-in libraries fault by fault).
    """

    status: int = 200
    body: str = ""
    content_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not 200 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not between 200 and 599")
        check_text("body", self.body)
        for name, value in {**self.headers, "Content-Type": self.content_type}.items():
            if not _HEADER.fullmatch(name) or not value.isprintable():
                raise ValueError(f"header {name!r}: {value!r} cannot be sent")
        if twice := [name for name in self.headers if name.lower() == "content-type"]:
            raise ValueError(f"header {twice[0]!r} has a key of its own: content_type")
        if framing := [name for name in self.headers if name.lower() in _FRAMING]:
            raise ValueError(f"header {framing[0]!r} is not for you to say: where an answer ends follows from its body")

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Return the response."""
        content = self.body.encode()
        return HttpEffect(
            reply=HttpReply(self.status, content, self.content_type, tuple(self.headers.items())), from_service=True
        )

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.status} with {len(self.body.encode())} bytes of {self.content_type}: {self.describe_scope()}"
