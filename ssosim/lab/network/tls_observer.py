"""Observe, on the server's side, clients that refuse the server's certificate.

Such a connection ends before the first HTTP byte, so there is no HTTP exchange to record. The server sees the TLS alert
that ends the handshake, or the connection if the client checks the certificate later. Some clients close the connection
without an alert. Sources: RFC 8446, section 6; RFC 5246, section 7.2.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.trace import NO_FIRST_STEPS, ConnectionFailed, FirstSteps, Trace, step_of_host

__all__ = ["OBSERVED_CONNECTION", "ObservedConnection", "TlsObserver", "read_channel_bindings"]

_MOST_HOST = 253  # characters of a host name in the trace
_ALERT = re.compile(r"_ALERT_(\w+)$")
_ALERT_SPELLINGS: Mapping[str, str] = {"user_cancelled": "user_canceled"}
_NO_FAILURE = ("close_notify", "user_canceled", "no_renegotiation")
_ALERTS_SENT: Mapping[str, str] = {
    "UNSUPPORTED_PROTOCOL": "protocol_version",
    "VERSION_TOO_LOW": "protocol_version",
    "NO_SHARED_CIPHER": "handshake_failure",
    "NO_SUITABLE_KEY_SHARE": "handshake_failure",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "handshake_failure",
}
"""Errors that the server finds, by OpenSSL's name, and the alert that it sends. Other errors: not TLS at all."""


@dataclass(slots=True)
class ObservedConnection:
    """One TCP connection to a listener.

    ``remote`` and ``local``: the two IP addresses. ``address``: the address of the estate that ``local`` stands for.
    ``host``: the requested host name (SNI). ``bad_certificate``: the certificate that was presented is a bad one.
    ``faults``: the numbers of the faults that did it. ``channel_bindings`` is what binds a token to the certificate of
    the service (RFC 5929, section 4); empty before the certificate is chosen.
    """

    remote: str
    local: str
    address: str
    host: str = ""
    bad_certificate: bool = False
    faults: tuple[int, ...] = ()
    channel_bindings: bytes = b""


OBSERVED_CONNECTION: ContextVar[ObservedConnection | None] = ContextVar("OBSERVED_CONNECTION", default=None)
"""The connection of the current handshake. OpenSSL's SNI callback has no other access to it."""


def read_channel_bindings() -> bytes:
    """Return what binds a token to the certificate of the present connection; empty if there is no TLS."""
    observed = OBSERVED_CONNECTION.get()
    return b"" if observed is None else observed.channel_bindings


class TlsObserver:
    """Records a ``ConnectionFailed`` event for each connection of a known client that ended during TLS.

    Two kinds are not recorded: connections of clients whose device records them itself, and connections that a client
    closes unused and without an alert, because browsers open some in advance. After a bad certificate a close without
    an alert is recorded as well, as ``closed``.
    """

    def __init__(
        self, trace: Trace, client_addresses: ClientAddresses, first_steps: FirstSteps = NO_FIRST_STEPS
    ) -> None:
        self._trace = trace
        self._client_addresses = client_addresses
        self._first_steps = first_steps

    def record_failed_handshake(self, connection: ObservedConnection, error: OSError) -> None:
        """Record that the handshake failed with ``error``."""
        # Without a host name the reset came before the server presented a certificate.
        is_reset = isinstance(error, ConnectionResetError) and connection.host != ""
        self._write(connection, _reason(error) or _close_reason(connection) or ("unfinished" if is_reset else ""))

    def record_unused(self, connection: ObservedConnection, error: BaseException | None) -> None:
        """Record that the connection ended before the first HTTP byte, with ``error``, or None for a normal close."""
        self._write(connection, _reason(error) or _close_reason(connection))

    def _write(self, connection: ObservedConnection, reason: str) -> None:
        client = self._client_addresses.client_without_reports(connection.remote, connection.local) if reason else ""
        if client:
            host = connection.host[:_MOST_HOST]
            step = step_of_host(self._first_steps, host)
            event = ConnectionFailed(
                host=host,
                address=connection.address,
                stage="tls",
                reason=reason,
                by="server",
                step=step,
                faults=connection.faults,
            )
            self._trace.record(client, event)


def _close_reason(connection: ObservedConnection) -> str:
    return "closed" if connection.bad_certificate else ""


def _reason(error: BaseException | None) -> str:
    """Return the name of the alert; ``""`` where there was none, or one that does not report a failure."""
    if not isinstance(error, ssl.SSLError) or not error.reason:
        return ""
    alert = _ALERT.search(error.reason)
    if alert is None:
        return "" if isinstance(error, ssl.SSLEOFError) else _ALERTS_SENT.get(error.reason, "decode_error")
    name = alert[1].lower()
    name = _ALERT_SPELLINGS.get(name, name)
    return "" if name in _NO_FAILURE else name
