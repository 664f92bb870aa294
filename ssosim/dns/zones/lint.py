"""Finds mistakes and risks in zones that load without an error: rules as pure functions of zones.

``lint`` reads zones as they are served. ``lint_estate_records`` reads the records of an estate as they were written,
where a missing trailing dot is still visible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Literal

import dns.exception
import dns.name
import dns.reversename
from dns.name import Name
from dns.rdatatype import AAAA, CNAME, MX, NS, PTR, SOA, SRV, A, RdataType
from msgspec import Struct

from ssosim.dns.zones.answer import MAX_CHAIN
from ssosim.dns.zones.name_match import match_name
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone import BESIDE_CNAME, Node, Zone
from ssosim.dns.zones.zone_index import index_of
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import Zone as ZoneEntry

__all__ = ["LintFinding", "Severity", "lint", "lint_estate_records"]

Severity = Literal["error", "warning", "info"]

SHORTEST_TTL, LONGEST_TTL = 30, 86400
"""Seconds. Below: clients query all the time. Above: caches keep a mistake for more than a day (TMS9-030, se-2009)."""

LONGEST_NS_TTL = 172800
"""Seconds. The TTL of NS sets in top-level domains and at Azure DNS and Route 53; it is not the user's to choose."""

SMALLEST_TREE = 20
"""Record sets. In a smaller tree most kinds of record sets are used once."""

LONGEST_NEGATIVE_TTL = 10800
"""Seconds. Source: RFC 2308 section 5, one to three hours work well."""

TARGET_TYPES = (CNAME, NS, MX, SRV, PTR)


class LintFinding(Struct, frozen=True):
    """One finding: where, severity, text, and the ``code`` of its rule (``lint_codes.CODES``).

    ``source`` is the id of an incident or fact, or a standard.
    """

    zone: str
    name: str
    severity: Severity
    text: str
    code: str
    source: str


def lint(zones: ZoneSet, skip: Collection[str] = (), now: float | None = None) -> tuple[LintFinding, ...]:
    """Find everything in ``zones`` but findings with the codes ``skip``; sorted by severity, zone and name.

    With ``now``, in seconds since the epoch, also signatures that are not valid then.
    """
    from ssosim.dns.zones.lint_delegations import DELEGATION_RULES  # noqa: PLC0415 - they import this module
    from ssosim.dns.zones.lint_signatures import find_expired_signatures  # noqa: PLC0415
    from ssosim.dns.zones.lint_standards import STANDARD_RULES  # noqa: PLC0415
    from ssosim.dns.zones.lint_values import VALUE_RULES  # noqa: PLC0415
    from ssosim.dns.zones.lint_written_names import WRITTEN_NAME_RULES  # noqa: PLC0415

    rules = (*RULES, *STANDARD_RULES, *WRITTEN_NAME_RULES, *DELEGATION_RULES, *VALUE_RULES)
    found = [each for rule in rules for each in rule(zones) if each.code not in skip]
    if now is not None:
        found += [each for each in find_expired_signatures(zones, now) if each.code not in skip]
    order = ("error", "warning", "info")
    return tuple(sorted(found, key=lambda each: (order.index(each.severity), each.zone, each.name, each.text)))


def lint_estate_records(entries: Iterable[ZoneEntry]) -> tuple[LintFinding, ...]:
    """Find targets with dots inside but none at the end: they are names below the zone, rarely meant (se-2009)."""
    found = []
    for entry in entries:
        for record in entry.records:
            if record.type in {kind.name for kind in TARGET_TYPES}:
                for value in record.values:
                    target = value.split()[-1] if value.split() else ""
                    if "." in target and not target.endswith("."):
                        text = f"{record.type} {target} has no trailing dot and means {target}.{entry.name}"
                        found.append(
                            LintFinding(entry.name, record.name, "error", text, "missing-trailing-dot", "se-2009")
                        )
    return tuple(found)


def make_finding(zone: Zone, name: Name, severity: Severity, text: str, code: str, row: str) -> LintFinding:
    """Make a finding from names."""
    return LintFinding(plain(zone.origin), plain(name), severity, text, code, row)


def targets_of(rrset: RRset) -> tuple[Name, ...]:
    """The names that the records of ``rrset`` point at, without the root, which means "none" in MX and SRV."""
    if rrset.type not in TARGET_TYPES:
        return ()
    field = "exchange" if rrset.type == MX else "target"
    return tuple(name for name in (getattr(rdata, field) for rdata in rrset.rdatas) if name != dns.name.root)


def find_node(zones: ZoneSet, name: Name) -> Node | None:
    """The record sets that answer for ``name``, those of a wildcard included; None if another server answers.

    A name below a delegation or a DNAME is not judged: what is there is not in this zone.
    """
    match = match_name(zones.zone_of(name), name)
    return None if match.kind in ("delegation", "dname") else match.node


def has_address(zones: ZoneSet, name: Name) -> bool:
    """Whether ``name`` has an A or AAAA record set, itself or behind CNAMEs within the zones, or may have one outside.

    A wildcard counts. A name server below its delegation has its address there as glue.
    """
    for _ in range(MAX_CHAIN):
        node = find_node(zones, name)
        if node is None:
            return True
        if A in node or AAAA in node:
            return True
        cname = node.get(CNAME)
        if cname is None:
            return False
        if cname.alias is not None:
            return True
        following = targets_of(zones.end_of(cname))
        if not following:
            return False
        name = following[0]
    return False


def has_no_records(zones: ZoneSet, name: Name) -> bool:
    """Whether the zones answer for ``name`` and have no records for it."""
    return find_node(zones, name) == {}


def is_in_a_zone(zones: ZoneSet, name: Name) -> bool:
    """Whether ``name`` is in one of the zones (other than the root)."""
    return len(zones.zone_of(name).origin) > 1


def cname_beside_other_data(zones: ZoneSet) -> Iterator[LintFinding]:
    """A CNAME beside other data (RFC 1034). Loading refuses it; this checks zones that were built in another way."""
    for zone, rrset in index_of(zones).of_types(CNAME):
        node = zone.nodes[rrset.name]
        others = ", ".join(kind.name for kind in node if kind != CNAME and kind not in BESIDE_CNAME)
        if others:
            text = f"CNAME beside other data ({others}): remove one or the other"
            yield make_finding(zone, rrset.name, "error", text, "cname-other-data", "RFC 1034 3.6.2")


def missing_trailing_dot(zones: ZoneSet) -> Iterator[LintFinding]:
    """A target that ends with the zone name twice, or that looks like an external name followed by the zone name."""
    suffixes = {origin for origin in zones.zones if len(origin) > 1}
    tops = {origin.labels[-2] for origin in suffixes} | {b"com", b"net", b"org"}
    for zone, rrset in index_of(zones).of_types(*TARGET_TYPES):
        if len(zone.origin) == 1:
            continue
        for target in targets_of(rrset):
            inside = target.is_subdomain(zone.origin) and target != zone.origin
            if not inside or match_name(zone, target).kind != "missing":
                continue
            inner = Name((*target.relativize(zone.origin).labels, b""))
            if inner.is_subdomain(zone.origin) or (len(inner) > 2 and inner.labels[-2].lower() in tops):
                text = f"{rrset.type.name} {target} looks like {inner} without its trailing dot: write the dot"
                yield make_finding(zone, rrset.name, "error", text, "missing-trailing-dot", "se-2009")


def loops(zones: ZoneSet) -> Iterator[LintFinding]:
    """CNAMEs and aliases that form a loop, or a chain longer than resolvers follow."""
    index = index_of(zones)
    linked = ((zone, rrset) for zone, rrset in index.links if rrset.type != CNAME and rrset.alias_record is not None)
    for zone, rrset in (*index.of_types(CNAME), *linked):
        way = [rrset.name]
        step = next_step(rrset)
        while step is not None and step not in way and len(way) <= MAX_CHAIN:
            way.append(step)
            node = zones.zone_of(step).node(step)
            onward = node.get(rrset.type) or node.get(CNAME)
            step = None if onward is None else next_step(onward)
        if step is not None:
            kind = "loops" if step in way else f"is longer than {MAX_CHAIN} steps"
            text = f"{rrset.type.name} {kind}: {' > '.join(plain(name) for name in (*way, step))}"
            yield make_finding(zone, rrset.name, "error", text, "chain-loop", "RFC 1034 5.2.2")


def next_step(rrset: RRset) -> Name | None:
    """The name that a CNAME or an alias ``rrset`` points at; None for others."""
    if rrset.alias_record is not None:
        return rrset.alias_record
    return next(iter(targets_of(rrset)), None) if rrset.type == CNAME and rrset.alias is None else None


def dangling(zones: ZoneSet) -> Iterator[LintFinding]:
    """Links without a target: emptied aliases, targets that do not exist, servers without an address (TMS9-057)."""
    for zone, rrset in index_of(zones).links:
        here = f"{rrset.type.name}"
        if rrset.shape == "empty":
            text = f"{here} is empty: its target was deleted, or it never had records; set a target or remove it"
            yield make_finding(zone, rrset.name, "error", text, "empty-record-set", "TMS9-059")
        if rrset.alias is not None and rrset.alias not in zones.profiles:
            text = f"{here} alias to no profile: {rrset.alias}"
            yield make_finding(zone, rrset.name, "error", text, "dangling-alias", "TMS9-075")
        if rrset.alias_record is not None and zones.end_of(rrset).shape == "empty":
            text = f"{here} alias of {plain(rrset.alias_record)}, which has no {here} records"
            yield make_finding(zone, rrset.name, "error", text, "dangling-alias", "TMS9-057")
    for zone, rrset in index_of(zones).of_types(CNAME, NS, MX, SRV):
        if rrset.type in zone.missing and rrset.name == zone.origin:
            continue  # made up for a zone file without NS records, which is a finding of its own
        here = rrset.type.name
        for target in targets_of(rrset):
            if rrset.type == CNAME and is_in_a_zone(zones, target) and has_no_records(zones, target):
                text = f"CNAME to {plain(target)}, which is not in zone {plain(zones.zone_of(target).origin)}"
                yield make_finding(zone, rrset.name, "error", text, "dangling-cname", "TMS9-057")
            if rrset.type in (NS, MX, SRV) and is_in_a_zone(zones, target) and not has_address(zones, target):
                text = f"{here} {plain(target)} has no address"
                yield make_finding(zone, rrset.name, "error", text, "target-without-address", "TMS9-057")


def dangling_endpoints(zones: ZoneSet) -> Iterator[LintFinding]:
    """Traffic manager endpoints whose DNS name has no address in the zones."""
    for profile in zones.profiles.values():
        own = dns.name.from_text(profile.dns_name)
        for endpoint in profile.endpoints:
            if endpoint.target is not None:
                target = dns.name.from_text(endpoint.target)
                if is_in_a_zone(zones, target) and not has_address(zones, target):
                    text = f"endpoint {endpoint.name} of profile {profile.name}: {plain(target)} has no address"
                    yield make_finding(zones.zone_of(own), own, "error", text, "endpoint-without-address", "TMS9-057")


def unowned_profiles(zones: ZoneSet) -> Iterator[LintFinding]:
    """Profiles without an owner: a clean-up may delete them."""
    for profile in zones.profiles.values():
        if not profile.owner:
            own = dns.name.from_text(profile.dns_name)
            text = f"traffic manager profile {profile.name} has no owner: set one, for questions in a clean-up"
            yield make_finding(zones.zone_of(own), own, "warning", text, "profile-without-owner", "TMS9-064")


def single_record_kinds(zones: ZoneSet) -> Iterator[LintFinding]:
    """Kinds of record sets that are used only once: tools and operators may not know them."""
    index = index_of(zones)
    if sum(map(index.count, index.types)) < SMALLEST_TREE:
        return
    kinds: defaultdict[tuple[RdataType, str], list[tuple[Zone, RRset]]] = defaultdict(list)
    aliases = [(zone, rrset) for zone, rrset in index.links if rrset.shape == "alias"]
    for rdtype in index.types:
        own = [each for each in aliases if each[1].type == rdtype]
        if rdtype not in (NS, SOA):
            kinds[rdtype, "alias"] = [each for each in own if not each[1].is_profile_name]
            if index.count(rdtype) - len(own) == 1:
                kinds[rdtype, "plain"] = [each for each in index.of_types(rdtype) if each[1].shape != "alias"]
    for (rdtype, shape), users in kinds.items():
        if len(users) == 1:
            zone, rrset = users[0]
            kind = f"alias of type {rdtype.name}" if shape == "alias" else rdtype.name
            text = f"the only {kind} record set in all zones: check that tools and drift detection support it"
            yield make_finding(zone, rrset.name, "warning", text, "single-kind", "TMS9-046")


def times_to_live(zones: ZoneSet) -> Iterator[LintFinding]:
    """TTLs so short that clients query all the time, or so long that caches keep a mistake for more than a day."""
    for zone, rrset in index_of(zones).with_ttl_outside(SHORTEST_TTL, LONGEST_TTL):
        if rrset.ttl < SHORTEST_TTL and not rrset.is_profile_name:
            text = f"{rrset.type.name} TTL {rrset.ttl} s is below {SHORTEST_TTL} s: clients query all the time"
            yield make_finding(zone, rrset.name, "warning", text, "ttl-short", "TMS9-030")
        if rrset.ttl > (LONGEST_NS_TTL if rrset.type == NS else LONGEST_TTL):
            text = f"{rrset.type.name} TTL {rrset.ttl} s: a mistake stays in caches for more than a day"
            yield make_finding(zone, rrset.name, "warning", text, "ttl-long", "se-2009")
    for zone in zones.zones.values():
        negative = zone.soa(zones.version, negative=True).ttl
        if negative > LONGEST_NEGATIVE_TTL:
            text = f"negative answers are cached for {negative} s: a restored name stays missing for this time"
            yield make_finding(zone, zone.origin, "warning", text, "negative-ttl-long", "RFC 2308 5")


def single_name_server(zones: ZoneSet) -> Iterator[LintFinding]:
    """Zones with one name server, a single point of failure. The placeholder below ``invalid.`` is ignored."""
    for zone in zones.zones.values():
        servers = targets_of(zone.nodes[zone.origin].get(NS, RRset(zone.origin, NS, zone.ttl)))
        if len(servers) == 1 and NS not in zone.missing and servers[0].labels[-2].lower() != b"invalid":
            text = f"one name server only ({plain(servers[0])}): have at least two (RFC 2182)"
            yield make_finding(zone, zone.origin, "warning", text, "single-name-server", "TMS9-032")


def reverse_without_forward(zones: ZoneSet) -> Iterator[LintFinding]:
    """PTR records whose target, in one of the zones, does not have the address."""
    for zone, rrset in index_of(zones).of_types(PTR):
        if not rrset.name.is_subdomain(zone.origin):
            continue
        try:
            address = dns.reversename.to_address(rrset.name)
        except (dns.exception.DNSException, ValueError):
            continue
        rdtype = AAAA if ":" in address else A
        for target in targets_of(rrset):
            node = find_node(zones, target)
            if node is None:
                continue  # of another server
            forward = node.get(rdtype)
            back = () if forward is None else tuple(rdata.to_text() for rdata in zones.records(forward).rdatas)
            if is_in_a_zone(zones, target) and address not in back:
                text = f"PTR {plain(target)}, which has no {rdtype.name} {address}"
                yield make_finding(zone, rrset.name, "warning", text, "ptr-without-address", "RFC 1912 2.1")


RULES: tuple[Callable[[ZoneSet], Iterator[LintFinding]], ...] = (
    cname_beside_other_data,
    missing_trailing_dot,
    loops,
    dangling,
    dangling_endpoints,
    unowned_profiles,
    single_record_kinds,
    times_to_live,
    single_name_server,
    reverse_without_forward,
)
