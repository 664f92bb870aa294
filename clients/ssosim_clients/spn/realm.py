"""The realm that MIT's library guesses for a name that no mapping covers."""

from __future__ import annotations

__all__ = ["guessed_realm"]


def guessed_realm(spn: str, realm: str, domain: str) -> str | None:
    """The krbtgt that MIT krb5 asks ``realm`` for, once ``spn`` is unknown there; None: it asks for ``spn`` again.

    ``domain`` is the DNS domain that ``[domain_realm]`` maps to ``realm``. A name outside it is asked for in the
    client's own realm first, and then the upper-cased parent domain is tried as a realm; so a CNAME that leads out of
    the company makes the KDC, and the user, see ``krbtgt/CLOUD.TEST`` and not the SPN. Source: krb5 get_creds.c
    ``try_fallback``, hostrealm_domain.c (read, run).
    """
    host = spn.partition("/")[2].partition(":")[0].lower()
    home = domain.lower().strip(".")
    parent = host.partition(".")[2].upper()
    if not parent or parent == realm or host == home or host.endswith(f".{home}") or parent.replace(".", "").isdigit():
        return None
    return f"krbtgt/{parent}"
