"""The URI records by which MIT Kerberos finds KDCs: ``krb5srv:FLAGS:TRANSPORT:RESIDUAL``.

Source: krb5 document "Hostnames for KDCs"; krb5 1.20, lib/krb5/os/locate_kdc.c (``parse_uri_fields`` and
``locate_uri``: what it cannot read is passed over).
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["KdcUri", "read_kdc_uri"]

_SCHEME, _FIELDS = "krb5srv", 4


class KdcUri(NamedTuple):
    """The server that a record names: a host, with its port if that is given, or ``url`` of a KDC proxy at the host."""

    host: str
    port: str = ""
    url: str = ""


def read_kdc_uri(text: str) -> KdcUri | None:
    """Return what the target ``text`` of a URI record names; None if MIT Kerberos passes it over."""
    parts = text.strip().strip('"').split(":", _FIELDS - 1)
    if len(parts) < _FIELDS or parts[0].lower() != _SCHEME:
        return None
    transport, residual = parts[2].lower(), parts[3].rstrip(".").lower()
    if transport == "kkdcp" and residual.startswith("https://"):
        return KdcUri(_host_of(residual), url=residual)
    if transport not in ("udp", "tcp"):
        return None
    host, _, port = residual.partition(":")
    return KdcUri(host.rstrip("."), port) if host else None


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that are no IPv6 address
        return ""
