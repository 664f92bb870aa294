"""The services that are parts of the lab itself: the DNS server, the KDC behind its gateway, and the KDC proxy."""

from __future__ import annotations

from collections.abc import Iterator

from ssosim.estate import Estate
from ssosim.services.service import Service

__all__ = ["DNS", "KDC", "kdc_proxy"]

DNS = Service(name="dns", port=53, tls=False)
"""The authoritative server for all zones of the estate."""

KDC = Service(name="kdc", port=88, tls=False)
"""The Kerberos KDC of the realm."""


def kdc_proxy(estate: Estate) -> Iterator[Service]:
    """Yield the KDC proxy of the estate (MS-KKDCP), which has the names that its realms give it."""
    names = dict.fromkeys(realm.kdc_proxy for realm in estate.realms if realm.kdc_proxy is not None)
    yield Service(name="kdc-proxy", dns_names=tuple(names), port=443, tls=True)
