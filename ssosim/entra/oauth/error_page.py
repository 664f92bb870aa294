"""The error page of the login host. Programs read its ``$Config``, since the HTTP status of the page is 200.

Sources: the names in ``$Config`` as public tools and tests read them (``pgid``, ``iErrorCode``, ``iHttpErrorCode``,
``sErrorCode``, ``sErrTxt``, ``strMainMessage``, ``strServiceExceptionMessage``); tests of two PHP programs that read
the page of a wrong tenant as a success with ``"iHttpErrorCode":400`` in it.
"""

from __future__ import annotations

from typing import Any

from ssosim.entra.core.errors import AadstsError, build_error_description, describe, mark_error
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.pages import render_config_page

__all__ = ["build_page_error", "render_error_page"]

_TITLE = "Sign in to your account"
_MAIN = {True: "We received a bad request.", False: "Sorry, but we're having trouble signing you in."}
_HPGID = 6  # the number of the error page (unconfirmed)


def build_page_error(error: AadstsError, call: Call) -> dict[str, Any]:
    """Build the members of ``$Config`` that describe ``error``."""
    return {
        "pgid": error.row.page,
        "iErrorCode": error.code,
        "sErrorCode": str(error.code),
        "sErrTxt": describe(error),
        "strServiceExceptionMessage": build_error_description(error, call, " "),
        "iHttpErrorCode": error.http_status,
    }


def render_error_page(error: AadstsError, call: Call) -> HttpReply:
    """Return the page of an error that is shown to the user and not sent to the application."""
    main = _MAIN[error.row.error == "invalid_request"]
    config = build_page_error(error, call) | {
        "strMainMessage": main,
        "hpgid": _HPGID,
        "hpgact": 1900,
        "correlationId": call.correlation_id,
        "sessionId": call.trace_id,
    }
    reply = render_config_page(
        _TITLE, main, build_error_description(error, call, " "), config=config, status=error.page_status
    )
    return mark_error(reply, error)
