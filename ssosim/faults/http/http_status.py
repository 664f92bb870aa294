"""The fault ``http-status``."""

from __future__ import annotations

import dataclasses

from ssosim.entra.core.errors import AadstsError, find_row
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.faults.core.fault import Applied, FaultState
from ssosim.faults.core.http_fault import HttpFault, check_retry_after

__all__ = ["HttpStatus"]

_UNAVAILABLE = 503


class HttpStatus(HttpFault, frozen=True, kw_only=True, tag="http-status"):
    """An endpoint responds with ``status``, by default 503. ``retry_after`` is in seconds.

    With ``code``, an AADSTS number, the endpoint sends that error as it does itself: OAuth value, suberror, claims,
    text, and its own status unless ``status`` is given; a page where it has pages, a SOAP fault where it has those.
    Source: Azure AD, 14 December 2020 (503 and AADSTS90033); Azure AD, 28 September 2020; Google, 14 December 2020;
    RFC 9110, 15.6 and 10.2.3.
    """

    status: int | None = None
    code: int | None = None
    retry_after: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range, and for a code that the catalogue does not have."""
        super().__post_init__()
        if self.status is not None and not 400 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not between 400 and 599")
        if self.code is not None:
            find_row(self.code)
        check_retry_after(self.retry_after)

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the endpoint decides the form
        """Return the response: an empty one, or the error of ``code``."""
        headers = () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)
        if self.code is None:
            empty = HttpReply(self.status or _UNAVAILABLE, b"", "text/plain; charset=utf-8", headers)
            return HttpEffect(reply=empty, from_service=True)
        return HttpEffect(error=AadstsError(self.code, status=self.status), error_headers=headers, from_service=True)

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the rule of this fault, which knows that only some hosts have AADSTS codes."""
        folded = super().fold(state, applied)
        if self.code is None:
            return folded
        *others, rule = folded.http
        return dataclasses.replace(folded, http=(*others, dataclasses.replace(rule, has_code=True)))

    def describe(self) -> str:
        """Describe the fault in one line."""
        status = self.status or (find_row(self.code).status if self.code is not None else _UNAVAILABLE)
        code = f" AADSTS{self.code}" if self.code else ""
        return f"{status}{code}: {self.describe_scope()}"
