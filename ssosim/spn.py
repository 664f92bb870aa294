"""Read service principal names: one function, so that each part finds the same host in a name."""

from __future__ import annotations

__all__ = ["read_spn_host"]


def read_spn_host(spn: str) -> str:
    """Return the host of a service principal name, in lower case: without service, port, further name, realm, and dot.

    ``HTTP/Web.contoso.com.:8443/name@CORP`` is for the host ``web.contoso.com``; an IPv6 address has no brackets. Empty
    if the name has no host. Of ``krbtgt/REALM`` it is the realm.

    Sources: Microsoft, "Name formats for unique SPNs" (``SERVICE/HOST:PORT/NAME``); MS-KILE section 3.3.5.1.1 (without
    regard to case); Chromium's policy ``EnableAuthNegotiatePort``, which adds the port; RFC 1034 section 3.1 (the dot).
    """
    host = spn.partition("/")[2].partition("@")[0].partition("/")[0]
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return host.rstrip(".").lower()
