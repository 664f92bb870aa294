"""The realm that MIT krb5 guesses for a host name without a realm mapping."""

from __future__ import annotations

__all__ = ["guess_realm"]


def guess_realm(spn: str, realm: str, domain: str) -> str | None:
    """The krbtgt principal that MIT krb5 requests from ``realm`` when ``spn`` is unknown there.

    None: it requests ``spn`` again. ``domain`` is the DNS domain that ``[domain_realm]`` maps to ``realm``. For a host
    outside it, MIT krb5 first requests the SPN in the client's realm, then tries the upper-case parent domain as a
    realm. So with a CNAME to a host outside the company, the KDC and the user see ``krbtgt/CLOUD.TEST`` instead of the
    SPN. A host with a colon is an IPv6 address to it, so it guesses nothing for an SPN with a port. Source: krb5
    get_creds.c ``try_fallback``, hostrealm_domain.c, hostrealm.c ``k5_is_numeric_address`` (read, run).
    """
    host = spn.partition("/")[2].lower().removesuffix(".")
    realm_domain = domain.lower().strip(".")
    in_domain = host == realm_domain or host.endswith(f".{realm_domain}")
    if in_domain or "." not in host or _is_numeric_address(host):
        return None
    parent = host.partition(".")[2].upper()
    return None if parent == realm else f"krbtgt/{parent}"


def _is_numeric_address(host: str) -> bool:
    """Whether MIT krb5 takes ``host`` for an IP address."""
    return ":" in host or (host.count(".") == 3 and set(host) <= set("0123456789."))
