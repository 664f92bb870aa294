"""The services that are parts of the lab itself: the DNS server, and the KDC behind its gateway."""

from __future__ import annotations

from ssosim.services.service import Service

__all__ = ["DNS", "KDC"]

DNS = Service(name="dns", port=53, tls=False)
"""The authoritative server for all zones of the estate."""

KDC = Service(name="kdc", port=88, tls=False)
"""The Kerberos KDC of the realm."""
