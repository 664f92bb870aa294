"""The risk of a change of the records by which devices find KDCs, domain controllers, realms and Microsoft's services.

No model is played against them: the lab's devices are given theirs. So a rule has to say it.
"""

from __future__ import annotations

from dns.rdatatype import AAAA, CNAME, SRV, TXT, A

from ssosim.changes.level import Level
from ssosim.dns.zones.rrset import RRset, plain

__all__ = ["LOCATORS", "assess_locator"]

_SERVICE_NAMES = {
    "enterpriseregistration": "devices find the device registration service of their domain",
    "enterpriseenrollment": "Windows devices find the management service of their domain",
    "autodiscover": "Outlook and mobile clients find the mailbox server of their domain",
}
"""First labels of names that clients make of the domain of a user. Source: Microsoft, "External Domain Name System
records for Microsoft 365"."""

LOCATORS = ("_kerberos", "_kerberos-master", "_kerberos-adm", "_kpasswd", "_ldap", "_gc")
"""The services by which devices find KDCs and domain controllers.

Source: RFC 4120 section 7.2.3.2; [MS-ADTS] section 6.3.2.3, DNS-based discovery; MIT krb5 documentation, "Hostnames for
KDCs".
"""


def _places_of(rrset: RRset | None) -> frozenset[tuple[object, ...]]:
    rdatas = () if rrset is None else rrset.rdatas
    return frozenset((rdata.port, rdata.target) for rdata in rdatas)  # type: ignore[attr-defined]


def assess_locator(was: RRset | None, now: RRset | None, *, is_kdc_address: bool) -> tuple[Level, str] | None:
    """Return the risk of a change and its reason; None if it is no matter of locators.

    ``was`` and ``now`` are the record set before and after the change; one of them can be None. ``is_kdc_address``:
    SRV records of ``LOCATORS`` lead to its name.

    URI records are compared with the SRV records that they replace by ``kdc_records``. Sources: krb5.conf(5) of MIT,
    ``dns_lookup_realm`` (off by default); Heimdal, ``lib/krb5/get_host_realm.c`` (on by default).
    """
    rrset = was or now
    if rrset is None:
        return None
    name = plain(rrset.name)
    if (use := _SERVICE_NAMES.get(name.partition(".")[0])) and rrset.type in (A, AAAA, CNAME):
        return _assess_service_name(was, now, use)
    if rrset.type == SRV and name.startswith(tuple(f"{each}." for each in LOCATORS)):
        return _assess_places(was, now)
    if rrset.type == TXT and name.startswith("_kerberos."):
        return _assess_realm(was, now)
    if not is_kdc_address or was is None or rrset.type not in (A, AAAA) or (now and was.content <= now.content):
        return None
    return Level.HIGH, "is the address of a KDC or domain controller that SRV records lead to"


def _assess_service_name(was: RRset | None, now: RRset | None, use: str) -> tuple[Level, str] | None:
    """The risk of a name by which clients find a service; a record set that is added is none."""
    if was is None or (now is not None and was.content == now.content):
        return None
    return Level.HIGH, f"is how {use}, and {'it is lost' if now is None else 'it leads elsewhere'}"


def _assess_places(was: RRset | None, now: RRset | None) -> tuple[Level, str] | None:
    before, after = _places_of(was), _places_of(now)
    text = "is how devices find their KDC or domain controller"
    if not before <= after:
        return Level.HIGH, f"{text}, and one of these is lost"
    return None if before == after else (Level.MEDIUM, f"{text}: they query the new one as well")


def _assess_realm(was: RRset | None, now: RRset | None) -> tuple[Level, str] | None:
    text = "is how Heimdal, and MIT Kerberos with dns_lookup_realm, find the realm of a host"
    if was is None:
        return Level.MEDIUM, f"{text}: it may be another one now"
    if now is not None and was.content == now.content:
        return None
    return Level.HIGH, f"{text}, and this one is lost"
