"""Lint rules for values that are well-formed and of no use: addresses of no host, MX and SPF records, routing."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator

import dns.name
from dns.rdatatype import AAAA, MX, TXT, A

from ssosim.dns.zones.lint import LintFinding, Severity, make_finding
from ssosim.dns.zones.rrset import RRset, to_name
from ssosim.dns.zones.zone_index import index_of
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["VALUE_RULES"]

_MOST_LOOKUPS = 10
"""Terms of one SPF record that cause DNS look-ups. Source: RFC 7208 section 4.6.4."""

_LOOKUPS = ("include:", "a:", "a/", "mx:", "mx/", "ptr:", "exists:", "redirect=")
_LOOKUP_WORDS = frozenset({"a", "mx", "ptr"})
_OF_NO_HOST = [ipaddress.ip_network(each) for each in ("0.0.0.0/8", "240.0.0.0/4", "::/96", "::ffff:0:0/96")]
_SUSPECT_V4 = ("0.", "127.", "169.254.", "22", "23", "24", "25")
_SUSPECT_V6 = ("0", ":", "fe", "ff")


def addresses_of_no_host(zones: ZoneSet) -> Iterator[LintFinding]:
    """Addresses to which no client can connect, and loopback, which is another host for each client.

    Sources: RFC 1122 section 3.2.1.3; RFC 4291 sections 2.5.2, 2.5.5, 2.5.6 and 2.7; RFC 4472 section 2.1.
    """
    for zone, rrset in index_of(zones).of_types(A, AAAA):
        for rdata in rrset.rdatas:
            written: str = rdata.address  # type: ignore[attr-defined]
            if not written.lower().startswith(_SUSPECT_V4 if rrset.type == A else _SUSPECT_V6):
                continue  # nearly all: parsing an address takes a hundred times as long
            found = describe_address(ipaddress.ip_address(written))
            if found is None or (found[0] == "warning" and is_local(rrset)):
                continue
            severity, what = found
            text = f"{rrset.type.name} {written} is {what}"
            yield make_finding(zone, rrset.name, severity, text, "address-of-no-host", "RFC 6890 2.2")


def describe_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[Severity, str] | None:
    """Why no client can use the address of another host; None if one can."""
    if address.is_loopback:
        return "warning", "the client itself (loopback)"
    if address.is_multicast:
        return "error", "a multicast address"
    if address.is_link_local:
        return "error", "an address of one link only"
    return ("error", "no address of a host") if any(address in network for network in _OF_NO_HOST) else None


def is_local(rrset: RRset) -> bool:
    """Whether loopback is meant: ``localhost``, and lists whose names are addresses (RFC 5782)."""
    first = rrset.name.labels[0].lower()
    return first in (b"localhost", b"loopback") or first.isdigit() or rrset.name.is_wild()


def null_mail_servers(zones: ZoneSet) -> Iterator[LintFinding]:
    """``MX 0 .`` beside other mail servers: it says that the name accepts no mail (RFC 7505 section 3)."""
    for zone, rrset in index_of(zones).of_types(MX):
        if len(rrset.rdatas) > 1 and any(rdata.exchange == dns.name.root for rdata in rrset.rdatas):  # type: ignore[attr-defined]
            text = "MX . says that no mail is accepted, and there are other mail servers beside it: remove one"
            yield make_finding(zone, rrset.name, "error", text, "null-mx", "RFC 7505 3")


def sender_policies_with_many_lookups(zones: ZoneSet) -> Iterator[LintFinding]:
    """SPF records with more than ten terms that cause look-ups; those of included policies come on top."""
    for zone, rrset in index_of(zones).of_types(TXT):
        for rdata in rrset.rdatas:
            text = b"".join(rdata.strings).decode("ascii", "replace").lower()  # type: ignore[attr-defined]
            if not text.startswith("v=spf1 "):
                continue
            terms = [term.lstrip("+-~?") for term in text.split()[1:]]
            count = sum(term in _LOOKUP_WORDS or term.startswith(_LOOKUPS) for term in terms)
            if count > _MOST_LOOKUPS:
                what = f"the SPF record needs {count} look-ups, and receivers stop at {_MOST_LOOKUPS} (permerror)"
                yield make_finding(zone, rrset.name, "error", what, "spf-lookups", "RFC 7208 4.6.4")


def profiles_with_a_gap(zones: ZoneSet) -> Iterator[LintFinding]:
    """Geographic and subnet profiles without an endpoint for the rest of the world: clients there get NODATA."""
    for profile in zones.profiles.values():
        endpoints = [each for each in profile.endpoints if each.enabled]
        if profile.routing == "geographic" and not any("WORLD" in each.regions for each in endpoints):
            what = "no endpoint has the region WORLD"
        elif profile.routing == "subnet" and all(each.subnets for each in endpoints):
            what = "each endpoint has subnets"
        else:
            continue
        own = to_name(profile.dns_name)
        text = f"traffic manager profile {profile.name}: {what}: all other clients get no address (NODATA)"
        yield make_finding(zones.zone_of(own), own, "warning", text, "routing-gap", "azure-traffic-manager")


VALUE_RULES: tuple[Callable[[ZoneSet], Iterator[LintFinding]], ...] = (
    addresses_of_no_host,
    null_mail_servers,
    sender_policies_with_many_lookups,
    profiles_with_a_gap,
)
