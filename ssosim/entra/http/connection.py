"""One connection to the HTTP server: aiohttp's protocol through its public interface, with limits and short errors."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol

from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.trace import SignInStep

__all__ = [
    "BODY_LIMIT",
    "SERVER_LIMITS",
    "SERVER_NAME",
    "Answer",
    "AnswerAtOnce",
    "Connection",
    "EarlyCloseCallback",
    "ListenerConfig",
    "MalformedCallback",
    "drop_traceback",
    "make_error_response",
]

BODY_LIMIT = 1024 * 1024
"""Bytes of a request body that are read at all (aiohttp's own default); each protocol's own limit is lower."""

SERVER_LIMITS: Mapping[str, Any] = MappingProxyType(
    {
        "max_line_size": 32 * 1024,
        "max_field_size": 128 * 1024,
        "max_headers": 128,
        "read_bufsize": 16 * 1024,
        "auto_decompress": False,
        "lingering_time": 1.0,
        "keepalive_timeout": 60.0,
        "access_log": None,
    }
)
"""Limits that differ from aiohttp's defaults: headers over 50 KB must be read for the reply AADSTS81001; bodies are not
decompressed; the server waits one second (not ten) for the rest of a refused body, and a minute (not an hour) for the
request on an open connection. A request line is long enough for a page's flow token. aiohttp parses at most
``read_bufsize`` / 16 chunks of a body at once.
"""

SERVER_NAME = "ssosim"
"""The ``Server`` field. It has no version numbers (RFC 9110, section 10.2.4, warns of needless detail)."""

_STATUS_TEXTS = {
    501: "The transfer coding is not supported; use chunked.\n",
    505: "The HTTP version is not supported; use 1.1 or 1.0.\n",
}
_VERSION = re.compile(r" HTTP/\d\.\d'")
_RUNS_HANDLERS_AT_ONCE = sys.version_info >= (3, 12)  # aiohttp starts their tasks eagerly from this version on

MalformedCallback = Callable[[web.BaseRequest, int], None]
"""Called for each request that is not valid HTTP, with the status of the reply."""
EarlyCloseCallback = Callable[[BaseException | None], None]
"""Called when a connection ends before a byte of HTTP has arrived, with the error if there is one."""
Answer = bytes | web.Response | None
"""The octets of a reply; a response, if only aiohttp can send it; None, if the request must take the ordinary way."""


class AnswerAtOnce(Protocol):
    """Answers requests without waiting."""

    def answer(
        self, connection: web.RequestHandler, message: RawRequestMessage, payload: StreamReader, data: bytes
    ) -> Answer:
        """Answer a request, head and body, which aiohttp has parsed; ``data`` is all that arrived with it.

        Nothing is read of ``payload`` if the result is None.
        """
        ...

    def answer_known(self, connection: web.RequestHandler, data: bytes) -> Answer:
        """Answer ``data`` if it is one whole request whose head is known; None, without an effect, if it is not."""
        ...


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """The scheme and port of a listener, and its responders by host name (lower case).

    A listener inside a device has ``client``, the name of the only client that can reach it, ``any_host``, a responder
    for every host name that has none, and ``step_of``, which gives the step of a request by its path.
    """

    responders: Mapping[str, Callable[[Call], HttpReply]]
    scheme: Literal["https", "http"] = "https"
    port: int = 443
    client: str = ""
    any_host: Callable[[Call], HttpReply] | None = None
    step_of: Callable[[Call], SignInStep] | None = None


class Connection(web.RequestHandler):
    """One connection; ``listener`` is the listener that accepted it.

    It calls ``on_malformed`` for input that is not valid HTTP, and ``on_early_close`` if it ends before the first byte.
    """

    __slots__ = ("_on_early_close", "_on_malformed", "listener")

    def __init__(
        self,
        server: web.Server,
        on_malformed: MalformedCallback,
        on_early_close: EarlyCloseCallback | None,
        *,
        listener: ListenerConfig | None = None,
        **options: Any,
    ) -> None:
        super().__init__(server, **options)
        self.listener = listener
        self._on_malformed = on_malformed
        self._on_early_close = on_early_close

    def data_received(self, data: bytes) -> None:
        """Process bytes that have arrived."""
        self._on_early_close = None
        super().data_received(data)

    def may_have_more_requests(self) -> bool:
        """Whether another request may wait on this connection while one is handled without a pause."""
        return _RUNS_HANDLERS_AT_ONCE

    def take_response(self) -> web.Response | None:
        """Return the response to the request that is handled now if it was made already, once."""
        return None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Handle the end of the connection; a TLS alert arrives as ``exc``."""
        on_early_close, self._on_early_close = self._on_early_close, None
        super().connection_lost(exc)
        if on_early_close is not None:
            on_early_close(exc)

    def release(self) -> None:
        """Free the parser of a connection that ended before ``connection_made``, as in its TLS handshake.

        Connection and parser refer to each other. Python's collector of such cycles runs after so many objects, and
        knows nothing of the tens of kilobytes that each parser takes.
        """
        super().connection_lost(None)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Reply to a request that could not be parsed. Errors of this program are left to aiohttp."""
        if status >= 500:
            response = super().handle_error(request, status, exc, message)
            response.headers["Server"] = SERVER_NAME
            return response
        drop_traceback(exc)
        status = _parse_status(message or "") if status == 400 else status
        self._on_malformed(request, status)
        return make_error_response(status)


def _parse_status(text: str) -> int:
    """Return the status for a parse error of aiohttp, from the error's text; 400 for most."""
    if text.startswith("Pause on PRI") or ("Invalid HTTP version" in text and _VERSION.search(text)):
        return 505
    return 501 if text.startswith("Request has invalid `Transfer-Encoding`") else 400


def make_error_response(status: int) -> web.Response:
    """Make the reply to a request that is not valid HTTP; the connection ends with it."""
    text = _STATUS_TEXTS.get(status, "The request is malformed.\n")
    response = web.Response(status=status, text=text, headers={"Server": SERVER_NAME})
    response.force_close()
    return response


def drop_traceback(error: BaseException | None) -> None:
    """Free the frames of an error of a connection that aiohttp keeps: they refer to the connection and to the error."""
    if error is not None:
        error.__traceback__ = None
