"""Lint rules for zones above and below each other: delegations that differ on both sides, and records that nobody gets.

Both zones must be in the tree. named-checkzone asks the other zone's servers for the same (``-i full``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dns.exception import DNSException
from dns.name import Name
from dns.rdatatype import AAAA, DNSKEY, DS, NS, NSEC, NSEC3, RRSIG, A, RdataType

from ssosim.dns.zones.lint import LintFinding, make_finding, targets_of
from ssosim.dns.zones.name_match import match_name
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_index import index_of
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["DELEGATION_RULES"]

_AT_A_CUT = frozenset({NS, DS, NSEC, NSEC3, RRSIG})
_MOST_NAMED = 3


def _delegations(zones: ZoneSet) -> Iterator[tuple[Zone, Zone, RRset]]:
    """Each zone of the tree that another one delegates to: the parent, the child, and the NS records of the parent.

    A child without name servers of its own (of a provider that adds them) is left out.
    """
    for origin, child in zones.zones.items():
        parent = zones.zone_of(origin.parent()) if len(origin) > 1 else child
        servers = parent.node(origin).get(NS) if parent is not child else None
        if servers is not None and servers.rdatas and NS not in child.missing and not _is_made_up(child):
            yield parent, child, servers


def _is_made_up(zone: Zone) -> bool:
    servers = zone.node(zone.origin).get(NS)
    return servers is None or any(name.labels[-2:-1] == (b"invalid",) for name in targets_of(servers))


def delegations_that_differ(zones: ZoneSet) -> Iterator[LintFinding]:
    """Name servers that only one side of a delegation has: resolvers use those of either side (RFC 1034 4.2.2)."""
    for parent, child, servers in _delegations(zones):
        above, below = set(targets_of(servers)), set(targets_of(child.node(child.origin)[NS]))
        for names, here, there in ((above - below, parent, child), (below - above, child, parent)):
            if names:
                text = f"NS {_list(names)} is in zone {plain(here.origin)} and not in zone {plain(there.origin)}"
                yield make_finding(parent, child.origin, "warning", text, "ns-differs", "RFC 1034 4.2.2")


def glue_that_differs(zones: ZoneSet) -> Iterator[LintFinding]:
    """Glue with an address that the zone below does not have: resolvers may query a server that is not there."""
    for parent, child, servers in _delegations(zones):
        for target in targets_of(servers):
            if zones.zone_of(target) is not child:
                continue
            for kind in (A, AAAA):
                glue, own = parent.node(target).get(kind), child.node(target).get(kind)
                known = frozenset(() if own is None else (each.to_text() for each in zones.records(own).rdatas))
                given = frozenset(() if glue is None else (each.to_text() for each in glue.rdatas))
                if wrong := sorted(given - known):
                    text = f"glue of {plain(target)} has {', '.join(wrong)}, which zone {plain(child.origin)} has not"
                    yield make_finding(parent, child.origin, "error", text, "glue-differs", "RFC 1034 4.2.2")


def ds_records_without_a_key(zones: ZoneSet) -> Iterator[LintFinding]:
    """DS records of which none matches a key of the zone below: validating resolvers answer SERVFAIL (RFC 4035 5.2).

    A zone that its name server signs has no DNSKEY record in its file, and is not judged.
    """
    for parent, rrset in index_of(zones).of_types(DS):
        child = zones.zones.get(rrset.name)
        keys = None if child is None else child.node(rrset.name).get(DNSKEY)
        if keys is None or not keys.rdatas or _has_match(rrset, keys):
            continue
        tags = _list_numbers(rrset)
        text = f"DS {tags} matches no DNSKEY of zone {plain(rrset.name)}: validating resolvers answer SERVFAIL"
        yield make_finding(parent, rrset.name, "error", text, "ds-without-key", "RFC 4035 5.2")


def _has_match(signers: RRset, keys: RRset) -> bool:
    """Whether a DS record matches a key, or may: its algorithms may be unknown here."""
    import dns.dnssec  # noqa: PLC0415 - it imports cryptography, and few zones have DS records

    for signer in signers.rdatas:
        for key in keys.rdatas:
            try:
                made = dns.dnssec.make_ds(keys.name, key, signer.digest_type, validating=True)  # type: ignore[attr-defined]
            except (DNSException, ValueError):
                return True
            if made == signer:
                return True
    return False


def _list_numbers(rrset: RRset) -> str:
    return ", ".join(sorted(str(rdata.key_tag) for rdata in rrset.rdatas))  # type: ignore[attr-defined]


def records_that_nobody_gets(zones: ZoneSet) -> Iterator[LintFinding]:
    """Records below a delegation or a DNAME, or of a name that another zone of the tree has: they are never answered.

    Addresses of name servers are glue. Source: RFC 1034 section 4.3.2; RFC 6672 section 2.3.
    """
    children = {zones.zone_of(origin.parent()).origin for origin in zones.zones if len(origin) > 1}
    glue = {target for _, rrset in index_of(zones).of_types(NS) for target in targets_of(rrset)}
    for zone in zones.zones.values():
        if not zone.cuts and zone.origin not in children:
            continue
        for name, node in zone.nodes.items():
            above = _find_cut(zones, zone, name)
            if above is None:
                continue
            kinds = [kind for kind in node if not _belongs_here(kind, name, above, glue)]
            if kinds:
                types = ", ".join(sorted(RdataType.to_text(kind) for kind in kinds))
                text = f"{types} is never answered: {plain(above)} is delegated, has a DNAME, or is a zone of its own"
                yield make_finding(zone, name, "warning", text, "occluded", "RFC 1034 4.3.2")


def _find_cut(zones: ZoneSet, zone: Zone, name: Name) -> Name | None:
    """The delegation, DNAME or other zone that decides about ``name`` instead of ``zone``."""
    match = match_name(zone, name)
    if match.kind in ("delegation", "dname"):
        return match.owner
    owner = zones.zone_of(name)
    return None if owner is zone or len(zone.origin) == 1 else owner.origin


def _belongs_here(kind: RdataType, name: Name, cut: Name, glue: set[Name]) -> bool:
    return (kind in _AT_A_CUT and (name == cut or kind not in (NS, DS))) or (kind in (A, AAAA) and name in glue)


def _list(names: set[Name]) -> str:
    shown = sorted(map(plain, names))
    return ", ".join(shown[:_MOST_NAMED]) + (" and others" if len(shown) > _MOST_NAMED else "")


DELEGATION_RULES: tuple[Callable[[ZoneSet], Iterator[LintFinding]], ...] = (
    delegations_that_differ,
    glue_that_differs,
    ds_records_without_a_key,
    records_that_nobody_gets,
)
