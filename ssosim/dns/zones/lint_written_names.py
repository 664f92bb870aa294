"""Lint rules for names as people write them: a missing last dot, an address in place of a name, names of no host.

All of these load without an error and are served as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import dns.name
from dns.name import Name
from dns.rdatatype import AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT, A

from ssosim.dns.zones.lint import TARGET_TYPES, LintFinding, find_node, make_finding, targets_of
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_index import index_of
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["WRITTEN_NAME_RULES"]

_HOST_LABEL = re.compile(rb"[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?\Z")
_OCTET = re.compile(rb"[0-9]{1,3}\Z")
_REVERSE = (dns.name.from_text("in-addr.arpa."), dns.name.from_text("ip6.arpa."))
_GLOBAL_CATALOGUE = (b"gc", b"_msdcs")
"""The first labels of a name with addresses that Active Directory registers; named accepts its underscore."""


def names_that_repeat_the_zone(zones: ZoneSet) -> Iterator[LintFinding]:
    """Owners and targets such as ``www.example.com.example.com``: the last dot is missing.

    A target that does not exist is found by another rule; this one finds it also where a wildcard answers.
    """
    for zone in zones.zones.values():
        for name in zone.nodes:
            if _repeats(name, zone):
                text = f"the name ends with {plain(zone.origin)} twice: write its last dot"
                yield make_finding(zone, name, "warning", text, "name-repeats-zone", "RFC 1035 5.1")
    for zone, rrset in index_of(zones).of_types(*TARGET_TYPES):
        for target in targets_of(rrset):
            if _repeats(target, zone) and find_node(zones, target) is not None and target not in zone.nodes:
                text = f"{rrset.type.name} {plain(target)} ends with {plain(zone.origin)} twice: write its last dot"
                yield make_finding(zone, rrset.name, "warning", text, "name-repeats-zone", "RFC 1035 5.1")


def _repeats(name: Name, zone: Zone) -> bool:
    own, labels = zone.origin.labels, name.labels
    if len(labels) < 2 * len(own) - 1 or len(own) == 1:
        return False
    return [each.lower() for each in labels[1 - 2 * len(own) :]] == [each.lower() for each in own[:-1] + own]


def targets_that_are_addresses(zones: ZoneSet) -> Iterator[LintFinding]:
    """CNAME, MX, NS and SRV whose target is an IPv4 address, with a last dot or without (RFC 1035 section 3.3)."""
    for zone, rrset in index_of(zones).of_types(CNAME, MX, NS, SRV):
        for target in targets_of(rrset):
            written = target.labels[:-1]
            if target.is_subdomain(zone.origin) and not zone.origin.is_subdomain(_REVERSE[0]):
                written = target.relativize(zone.origin).labels
            if len(written) == 4 and all(_OCTET.match(label) for label in written):
                text = f"{rrset.type.name} {plain(target)} is an address: name the host that has it"
                yield make_finding(zone, rrset.name, "error", text, "target-is-address", "RFC 1035 3.3")


def names_of_no_host(zones: ZoneSet) -> Iterator[LintFinding]:
    """Names that are no host names: of A, AAAA and MX records, of servers, of reverse targets, of the SOA's server.

    named refuses a primary zone with them by default (check-names fail). Source: RFC 952, RFC 1123 section 2.1.
    """
    known: dict[tuple[bytes, ...], bool] = {}
    for zone, rrset in index_of(zones).of_types(A, AAAA, MX, NS, SRV, PTR, SOA):
        for name in _host_names(rrset):
            if not _is_host_name(name, known):
                what = "" if name == rrset.name else f"{rrset.type.name} {plain(name)} "
                text = f"{what or rrset.type.name + ' at a name that '}is no host name (letters, digits, hyphens)"
                yield make_finding(zone, rrset.name, "warning", text, "not-a-host-name", "RFC 1123 2.1")


def _host_names(rrset: RRset) -> tuple[Name, ...]:
    """Return the names in ``rrset`` that must be those of hosts."""
    if rrset.type in (A, AAAA):
        return () if rrset.name.labels[:2] == _GLOBAL_CATALOGUE else (rrset.name,)
    if rrset.type == MX:
        return (rrset.name, *targets_of(rrset))
    if rrset.type in (NS, SRV):
        return targets_of(rrset)
    if rrset.type == PTR and any(rrset.name.is_subdomain(reverse) for reverse in _REVERSE):
        return targets_of(rrset)
    if rrset.type == SOA:
        return tuple(rdata.mname for rdata in rrset.rdatas)  # type: ignore[attr-defined]
    return ()


def _is_host_name(name: Name, known: dict[tuple[bytes, ...], bool]) -> bool:
    """Whether each label is that of a host; ``known`` has the answers for the names above, which most names share."""
    first, above = name.labels[0], name.labels[1:]
    is_above = known.get(above)
    if is_above is None:
        is_above = known[above] = all(_HOST_LABEL.match(label) for label in above[:-1])
    return is_above and (first in (b"*", b"") or _HOST_LABEL.match(first) is not None)


def names_with_an_at_sign(zones: ZoneSet) -> Iterator[LintFinding]:
    """Names with a label ``@``, as in ``_sip._tls.@``: it stands for the origin only where it is alone.

    Name servers take it for a letter; some exports and imports of providers do not (azure-cli issue 2917).
    """
    for zone in zones.zones.values():
        for name in zone.nodes:
            if b"@" in name.labels:
                text = "@ is a letter of this name: it stands for the zone only where it is alone; leave it out"
                yield make_finding(zone, name, "error", text, "at-in-name", "RFC 1035 5.1")


def mail_policies(zones: ZoneSet) -> Iterator[LintFinding]:
    """Two DMARC records at one name: receivers then apply none (RFC 7489 section 6.6.3)."""
    for zone, rrset in index_of(zones).of_types(TXT):
        if len(rrset.rdatas) < 2 or rrset.name.labels[0].lower() != b"_dmarc":
            continue
        texts = [b"".join(rdata.strings) for rdata in rrset.rdatas]  # type: ignore[attr-defined]
        policies = [text for text in texts if text.partition(b";")[0].replace(b" ", b"") == b"v=DMARC1"]
        if len(policies) > 1:
            text = f"{len(policies)} DMARC records: receivers then apply none; put them into one"
            yield make_finding(zone, rrset.name, "error", text, "dmarc-duplicate", "RFC 7489 6.6.3")


WRITTEN_NAME_RULES: tuple[Callable[[ZoneSet], Iterator[LintFinding]], ...] = (
    names_that_repeat_the_zone,
    targets_that_are_addresses,
    names_of_no_host,
    names_with_an_at_sign,
    mail_policies,
)
