"""What Windows' HTTP server (http.sys) refuses before the service behind it, AD FS, sees the request: a long head.

Sources: Microsoft support KB2020943 (400 for users in many groups, MaxFieldLength and MaxRequestBytes, 4/3 of the
token); Microsoft support KB820129 (their defaults); "ADFS authentication failure: HTTP error 400 due to token size"
(itworldjd.wordpress.com, 4 November 2014).
"""

from __future__ import annotations

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.estate import FederationService

__all__ = ["refuse_long_head"]

_PAGE = (
    "<html><head><title>Bad Request</title></head><body><h2>{title}</h2><hr><p>HTTP Error 400. {text}</p></body></html>"
)
_VERSION = "HTTP/1.1"


def refuse_long_head(service: FederationService, call: Call) -> HttpReply | None:
    """Return the reply to a request whose head is longer than ``service`` accepts; None if it is not.

    No header field may be longer than ``max_field_length``, and request line and header fields together not longer
    than ``max_request_bytes``, in octets.
    """
    line = len(call.method) + len(call.target) + len(_VERSION) + 4  # two blanks and the end of the line
    size = line + call.header_bytes
    if size <= min(service.max_field_length, service.max_request_bytes):
        return None
    if any(len(value) > service.max_field_length for value in call.headers.values()):
        return _refuse("Bad Request - Header Field Too Long", "A request header field is too long.")
    if size > service.max_request_bytes:
        return _refuse("Bad Request - Request Too Long", "The size of the request headers is too long.")
    return None


def _refuse(title: str, text: str) -> HttpReply:
    body = _PAGE.format(title=title, text=text).encode()
    return HttpReply(400, body, "text/html; charset=us-ascii", error_description=text)
