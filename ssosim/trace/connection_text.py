"""The event ``ConnectionFailed`` as one clause of a sentence."""

from __future__ import annotations

from ssosim.trace.events import ConnectionFailed

__all__ = ["describe_failed_connection"]

_HTTPS = 443
_CERTIFICATE = frozenset(
    {
        "bad_certificate",
        "unsupported_certificate",
        "certificate_revoked",
        "certificate_expired",
        "certificate_unknown",
        "unknown_ca",
        "bad-certificate",  # this spelling and the next one are of the devices of client models
        "expired-certificate",
    }
)


def describe_failed_connection(event: ConnectionFailed) -> str:
    """Return for example ``login.example's certificate was refused: certificate_expired``."""
    endpoint = f"{event.host} at {event.address}" if event.host else event.address
    if event.port not in (0, _HTTPS):
        endpoint += f", port {event.port}"
    if event.stage != "tls":
        return f"no connection to {endpoint} ({event.stage}: {event.reason})"
    host = event.host or event.address
    if event.reason in _CERTIFICATE:
        return f"{host}'s certificate was refused: {event.reason}"
    if event.reason == "closed":
        return f"{host}'s certificate was refused: closed without an alert"
    if event.reason == "unfinished":
        return f"no TLS with {endpoint}: the handshake was broken off without an alert"
    return f"no TLS with {endpoint}: {event.reason}"
