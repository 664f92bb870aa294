"""Access control and error responses of the control API.

The file mode of the Unix socket limits it to its owner. A port on loopback is open to every user of the machine, and to
every web page in a browser there. So requests over loopback need the lab's token (RFC 6750) and the right ``Host``: a
web page whose name was made to resolve to 127.0.0.1 (DNS rebinding) sends its own name. No CORS header is ever sent.
"""

from __future__ import annotations

import hmac
import logging
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import state_home
from ssosim.lab.base.shortage import explain_os_error
from ssosim.lab.control.json_errors import error_response

__all__ = ["AccessControl"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MOST_SHOWN = 200

_log = logging.getLogger(__name__)


class AccessControl:
    """The middleware of the control API. Requests over loopback are refused until ``admit`` is called."""

    def __init__(self) -> None:
        self._token = b""
        self._hosts: frozenset[str] = frozenset()

    def admit(self, token: str, port: int) -> None:
        """Allow requests over loopback to ``port`` that have the bearer token ``token``."""
        self._token = token.encode("ascii")
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})

    @property
    def middleware(self) -> Middleware:
        """The aiohttp middleware for all handlers."""

        @web.middleware
        async def check_access(request: web.Request, handler: Handler) -> web.StreamResponse:
            return self._refusal(request) or await _in_json(request, handler)

        return check_access

    def _refusal(self, request: web.Request) -> web.Response | None:
        if _over_unix_socket(request):
            return None
        if request.headers.get("Host", "").lower() not in self._hosts:
            return error_response(403, f"Host: expected {' or '.join(sorted(self._hosts))}")
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        known = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
        if scheme.lower() != "bearer" or not known or not self._token:
            refusal = error_response(
                401, "Authorization: expected Bearer and the lab's token, which is in its token_file"
            )
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        return None


def _over_unix_socket(request: web.Request) -> bool:
    transport = request.transport
    connection = None if transport is None else transport.get_extra_info("socket")
    return connection is not None and connection.family == socket.AF_UNIX


async def _in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The response of the handler; an error as ``{"error": text}`` with what is wrong, where, and what is expected."""
    try:
        return await handler(request)
    except LabInputError as error:
        return error_response(400, str(error))
    except LabError as error:
        return error_response(409, str(error))
    except web.HTTPException as error:
        return error_response(error.status, _describe_error(request, error), allow=error.headers.get("Allow"))
    except Exception as error:  # noqa: BLE001 - the client gets an error in JSON as always, the log has the traceback
        _log.exception("%s %r", request.method, request.path)
        if isinstance(error, OSError) and (shortage := explain_os_error(error, state_home())):
            return error_response(507, shortage)  # the log may be on the full disk
        kind = type(error).__name__
        return error_response(
            500, f"{request.method} {request.path[:_MOST_SHOWN]}: an internal error of the lab ({kind}); see its log"
        )


def _describe_error(request: web.Request, error: web.HTTPException) -> str:
    where = f"{request.method} {request.path[:_MOST_SHOWN]}"
    match error:
        case web.HTTPNotFound():
            return f"{where}: not found; see GET /v1/openapi.json"
        case web.HTTPMethodNotAllowed():
            return f"{where}: expected {', '.join(sorted(error.allowed_methods))}"
        case web.HTTPRequestEntityTooLarge():
            return f"{where}: the body is too large"
        case _:
            return f"{where}: {error.reason}"
