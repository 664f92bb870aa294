"""Check service principal names: what an account of a realm can have, and what a client can ask for.

Source: Microsoft documentation, "Service principal names" (SERVICE/host, with a port where it is not the usual one);
RFC 1123, section 2.1 (host names); RFC 4120, section 6.2 and krb5 documentation, "Database administration" (the
principals that a KDC has of its own).
"""

from __future__ import annotations

import re

__all__ = ["find_spn_problem", "is_kdc_principal"]

_SPN = re.compile(r"(?P<service>[A-Za-z]+)/(?P<host>[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_OF_THE_KDC = frozenset({"k", "kadmin", "kiprop", "krbtgt"})
_EXAMPLE = "expected SERVICE/host, e.g. HTTP/web.corp.contoso.com"


def is_kdc_principal(name: str) -> bool:
    """Return whether ``name`` is one of the principals that a KDC has of its own, such as krbtgt/REALM and K/M."""
    return name.partition("/")[0].lower() in _OF_THE_KDC


def find_spn_problem(spn: str) -> str:
    """Return why ``spn`` cannot be a service principal name of an account, as the end of a sentence; empty if it can.

    No client asks for a host with a dot at its end, nor for what is no host name, so such a name would never be found.
    """
    parts = _SPN.fullmatch(spn)
    if parts is None:
        return f"is not an SPN; {_EXAMPLE}"
    if is_kdc_principal(spn):
        return f"is not an SPN: {parts['service']} is a principal of the KDC itself; {_EXAMPLE}"
    host = parts["host"]
    if host.endswith("."):
        return f"is not an SPN: no client asks for a host with a dot at its end; {_EXAMPLE}"
    if not _HOST.fullmatch(host):
        return f"is not an SPN: {host!r:.80} is not a host name; {_EXAMPLE}"
    if parts["port"] is not None and not 1 <= int(parts["port"]) <= 65535:
        return f"is not an SPN: there is no port {parts['port']}; {_EXAMPLE}"
    return ""
