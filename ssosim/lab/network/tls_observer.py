"""What a server sees of a client that does not want its certificate.

TLS ends before HTTP then, so there is no exchange. What there is, is the alert with which the client ends the handshake
or, where it checks the certificate later, the connection; some say nothing and close.
Sources: RFC 8446, section 6; RFC 5246, section 7.2.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.trace import NO_FIRST_STEPS, ConnectionFailed, FirstSteps, Trace, step_of_host

__all__ = ["VISIT", "ObservedConnection", "TlsObserver"]

_HOST = 253  # characters in the trace
_ALERT = re.compile(r"_ALERT_(\w+)$")
_SPELT: Mapping[str, str] = {"user_cancelled": "user_canceled"}
_NO_FAILURE = ("close_notify", "user_canceled", "no_renegotiation")
_ANSWERED: Mapping[str, str] = {
    "UNSUPPORTED_PROTOCOL": "protocol_version",
    "VERSION_TOO_LOW": "protocol_version",
    "NO_SHARED_CIPHER": "handshake_failure",
    "NO_SUITABLE_KEY_SHARE": "handshake_failure",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "handshake_failure",
}
"""What the server found, by OpenSSL's name, and the alert that it answers with; all else is no TLS."""


@dataclass(slots=True)
class ObservedConnection:
    """One connection: whence, to which address of the estate, and for which host (SNI).

    ``spoilt``: the host's certificate was a bad one.
    """

    remote: str
    local: str
    address: str
    host: str = ""
    spoilt: bool = False


VISIT: ContextVar[ObservedConnection | None] = ContextVar("VISIT", default=None)
"""The visit that a handshake belongs to; the choice of the certificate knows nothing else of the connection."""


class TlsObserver:
    """Writes a failed connection for each visit of a known client that ended in TLS.

    Left out are clients whose device reports it, and connections that are closed unused without an alert: browsers open
    some in advance. Only who has been shown a bad certificate is taken at its silence.
    """

    def __init__(self, trace: Trace, attribution: ClientAddresses, first_steps: FirstSteps = NO_FIRST_STEPS) -> None:
        self._trace = trace
        self._attribution = attribution
        self._first_steps = first_steps

    def unfinished(self, visit: ObservedConnection, error: OSError) -> None:
        """The handshake ended with ``error``."""
        away = isinstance(error, ConnectionResetError) and visit.host != ""  # before that nothing has been shown to it
        self._write(visit, _reason(error) or _silence(visit) or ("unfinished" if away else ""))

    def unused(self, visit: ObservedConnection, error: BaseException | None) -> None:
        """The connection ended before the first byte of HTTP, with ``error`` if it was not simply closed."""
        self._write(visit, _reason(error) or _silence(visit))

    def _write(self, visit: ObservedConnection, reason: str) -> None:
        client = self._attribution.silent(visit.remote, visit.local) if reason else ""
        if client:
            host = visit.host[:_HOST]
            step = step_of_host(self._first_steps, host)
            event = ConnectionFailed(
                host=host, address=visit.address, stage="tls", reason=reason, by="server", step=step
            )
            self._trace.record(client, event)


def _silence(visit: ObservedConnection) -> str:
    return "closed" if visit.spoilt else ""


def _reason(error: BaseException | None) -> str:
    """The alert's name; empty where there was none, or one that reports no failure."""
    if not isinstance(error, ssl.SSLError) or not error.reason:
        return ""
    alert = _ALERT.search(error.reason)
    if alert is None:
        return "" if isinstance(error, ssl.SSLEOFError) else _ANSWERED.get(error.reason, "decode_error")
    name = alert[1].lower()
    name = _SPELT.get(name, name)
    return "" if name in _NO_FAILURE else name
