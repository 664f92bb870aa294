"""A connection that did not come about, as one clause."""

from __future__ import annotations

from ssosim.trace.events import ConnectionFailed

__all__ = ["connection_trouble"]

_CERTIFICATE = frozenset(
    {
        "bad_certificate",
        "unsupported_certificate",
        "certificate_revoked",
        "certificate_expired",
        "certificate_unknown",
        "unknown_ca",
        "bad-certificate",  # as the devices of models say it
        "expired-certificate",
    }
)


def connection_trouble(event: ConnectionFailed) -> str:
    """``login.example's certificate was refused: certificate_expired``, or what else it was."""
    place = f"{event.host} at {event.address}" if event.host else event.address
    if event.stage != "tls":
        return f"no connection to {place} ({event.stage}: {event.reason})"
    host = event.host or event.address
    if event.reason in _CERTIFICATE:
        return f"{host}'s certificate was refused: {event.reason}"
    if event.reason == "closed":
        return f"{host}'s certificate was refused: closed without an alert"
    if event.reason == "unfinished":
        return f"no TLS with {place}: the handshake was broken off without an alert"
    return f"no TLS with {place}: {event.reason}"
