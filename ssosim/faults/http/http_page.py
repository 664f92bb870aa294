"""The fault ``http-page``."""

from __future__ import annotations

from html import escape

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.faults.core.http_fault import HttpFault, check_text

__all__ = ["HttpPage"]


_PAGE = (
    '<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title></head><body><h1>{title}</h1></body></html>'
)


class HttpPage(HttpFault, frozen=True, kw_only=True, tag="http-page"):
    """A web page replaces the response of the service: that of a firewall, or of a network's log-on portal.

    Source: MSAL.NET issue 1825 and issue 1985 (a firewall's category page).
    """

    status: int = 200
    title: str = "This site is blocked by policy"

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        check_text("title", self.title)
        if not 200 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not between 200 and 599")

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Return the page."""
        content = _PAGE.format(title=escape(self.title)).encode()
        return HttpEffect(reply=HttpReply(self.status, content, "text/html; charset=utf-8"))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"a web page ({self.status}, {self.title!r}) instead of the answer: {self.describe_scope()}"
