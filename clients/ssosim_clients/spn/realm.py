"""The realm that MIT krb5 guesses for a host name without a realm mapping."""

from __future__ import annotations

__all__ = ["guess_realm"]


def guess_realm(spn: str, realm: str, domain: str) -> str | None:
    """The krbtgt principal that MIT krb5 requests from ``realm`` when ``spn`` is unknown there.

    None: it requests ``spn`` again. ``domain`` is the DNS domain that ``[domain_realm]`` maps to ``realm``. For a host
    outside it, MIT krb5 first requests the SPN in the client's realm, then tries the upper-case parent domain as a
    realm. So with a CNAME to a host outside the company, the KDC and the user see ``krbtgt/CLOUD.TEST`` instead of the
    SPN. Source: krb5 get_creds.c ``try_fallback``, hostrealm_domain.c (read, run).
    """
    host = spn.partition("/")[2].partition(":")[0].lower()
    realm_domain = domain.lower().strip(".")
    parent = host.partition(".")[2].upper()
    in_realm = parent == realm or host == realm_domain or host.endswith(f".{realm_domain}")
    if not parent or in_realm or parent.replace(".", "").isdigit():
        return None
    return f"krbtgt/{parent}"
