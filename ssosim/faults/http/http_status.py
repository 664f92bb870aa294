"""The fault ``http-status``."""

from __future__ import annotations

import json

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.faults.core.http_fault import HttpFault

__all__ = ["HttpStatus"]


class HttpStatus(HttpFault, frozen=True, kw_only=True, tag="http-status"):
    """An endpoint responds with ``status``. ``code`` is the AADSTS number in the body, ``retry_after`` in seconds.

    Source: Azure AD, 14 December 2020 (503 and AADSTS90033); Azure AD, 28 September 2020; Google, 14 December 2020;
    RFC 9110, 15.6 and 10.2.3.
    """

    status: int = 503
    code: int | None = None
    retry_after: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not 400 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not between 400 and 599")

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Return the response, with an OAuth error body if there is a code."""
        headers = () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)
        if self.code is None:
            return HttpEffect(
                reply=HttpReply(self.status, b"", "text/plain; charset=utf-8", headers), from_service=True
            )
        body = {
            "error": "temporarily_unavailable",
            "error_description": f"AADSTS{self.code}: a fault of the lab",
            "error_codes": [self.code],
        }
        content = json.dumps(body).encode()
        return HttpEffect(
            reply=HttpReply(self.status, content, "application/json; charset=utf-8", headers, self.code),
            from_service=True,
        )

    def describe(self) -> str:
        """Describe the fault in one line."""
        code = f" AADSTS{self.code}" if self.code else ""
        return f"{self.status}{code}: {self.describe_scope()}"
