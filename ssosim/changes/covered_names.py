"""Known names that answer otherwise after a change although none of their own records changes.

A wildcard answers for names without records, a delegation or a DNAME takes all names below it away, and a new name
hides the wildcard above it from all names below (RFC 4592 section 2.2.1, RFC 1034 section 4.3.2, RFC 6672). A traffic
manager profile decides the answers of all names that lead to it. The differences of a change do not list these names,
so the names that somebody is known to use are asked: those of the inventory, of SPNs, of query counts, and those that
records and profiles lead to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from dns.name import Name
from dns.rdatatype import AAAA, DNAME, DNSKEY, DS, NS, NSEC, NSEC3, NSEC3PARAM, RRSIG, SOA, A, RdataType

from ssosim.changes.answers import ASKED, MAX_NAMES, AnswerChange, ask_both
from ssosim.changes.diff import Delta, Difference, Kind
from ssosim.changes.inventory import Inventory
from ssosim.changes.references import find_affected_names, list_targets
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.zone import find_names_below
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.spn import read_spn_host

__all__ = ["find_covered_names", "list_known_names"]


_WITH_THE_ZONE = frozenset({SOA, NS, DS, RRSIG, NSEC, NSEC3, NSEC3PARAM, DNSKEY})
"""Types that belong to a zone or a delegation: another zone has its own."""

_NOTHING = frozenset({"NODATA", "NXDOMAIN"})


def list_known_names(zones: ZoneSet, inventory: Inventory, spns: Iterable[str], queried: Iterable[str]) -> list[Name]:
    """The names that somebody is known to use, the most important ones first; ``queried`` are those of query counts."""
    texts = [entry.name for entry in inventory.endpoints]
    texts += map(read_spn_host, spns)
    texts += [alert.endpoint for alert in inventory.alerts]
    texts += sorted(queried)
    return [*dict.fromkeys((*_read_names(texts), *list_targets(zones)))]


def find_covered_names(
    before: ZoneSet, after: ZoneSet, delta: Delta, known: Iterable[Name]
) -> tuple[AnswerChange, ...]:
    """The address questions about ``known`` names that have another answer after the change; at most 2 * ``MAX_NAMES``.

    Names that lead to a profile that ``delta`` changes are known, and so are names with records that a new zone, a new
    delegation or a new DNAME takes away (``_list_hidden``). Names of ``delta`` itself are left out, and so are names
    that have no address on both sides.
    """
    roots = frozenset(_list_roots(before, after, delta))
    own = frozenset(delta.names)
    linked = map(to_name, find_affected_names(before, Delta(profiles=delta.profiles)) if delta.profiles else ())
    near = (name for name in known if _is_below(name, roots)) if roots else ()
    hidden = islice(_list_hidden(before, after, delta), MAX_NAMES)
    compared = {
        (each.name, each.type) for each in delta.records
    }  # by ``compare_answers``, which asks for addresses too
    taken = (each for each in hidden if each not in compared and (each[0] not in own or each[1] not in ASKED))
    above = _list_new_enclosers(before, after, delta)
    named = ((name, kind) for name in chain(linked, near, above) if name not in own for kind in (A, AAAA))
    others = dict.fromkeys(chain(taken, named))
    asked = (ask_both(before, after, name, kind) for name, kind in islice(others, 2 * MAX_NAMES))
    return tuple(each for each in asked if not each.same and _is_of_interest(each))


def _list_new_enclosers(before: ZoneSet, after: ZoneSet, delta: Delta) -> Iterator[Name]:
    """The names above created records that exist because of these: a wildcard no longer answers for them.

    ``_443._tcp.www`` makes ``www`` an empty non-terminal. Sources: RFC 4592 section 2.2.2; PowerDNS issue 2432.
    """
    for each in delta.records:
        if each.kind is Kind.CREATE and each.name not in after.zones:
            name = each.name.parent()
            while name not in after.zones and not before.zone_of(name).exists(name):
                if not name.labels[0].startswith(b"_"):
                    yield name
                name = name.parent()


def _list_hidden(before: ZoneSet, after: ZoneSet, delta: Delta) -> Iterator[tuple[Name, RdataType]]:
    """The names and types of records of a zone at or above which another zone, a delegation or a DNAME is new.

    A name server answers from the deepest zone that it has, and so do Azure's resolvers from private zones: the records
    stay in the zone above and nobody gets them. Source: RFC 1034 section 4.3.2, steps 2 and 3b.
    """
    new = [each.name for each in delta.records if each.type in (NS, DNAME) and each.kind is Kind.CREATE]
    cuts: dict[Name, list[Name]] = {}
    for cut in dict.fromkeys((*delta.zones_added, *new)):
        cuts.setdefault(before.zone_of(cut).origin, []).append(cut)
    for origin, below in cuts.items():
        if len(origin) > 1 and origin in after.zones:
            above = before.zones[origin]
            for _, name in find_names_below(above, (cut for cut in below if cut != origin)):
                yield from ((name, kind) for kind in above.node(name) if kind not in _WITH_THE_ZONE)


def _is_of_interest(change: AnswerChange) -> bool:
    has_records = change.was_answered or change.is_answered
    return has_records or not {change.before.outcome, change.after.outcome} <= _NOTHING


def _read_names(texts: Iterable[str]) -> Iterator[Name]:
    for text in texts:
        try:
            yield to_name(f"{text.rstrip('.')}.")
        except DnsChangeError:
            continue  # no domain name: no zone answers for it


def _list_roots(before: ZoneSet, after: ZoneSet, delta: Delta) -> Iterator[Name]:
    """The names at or below which the change can alter answers of names that have no records of their own."""
    yield from (*delta.zones_added, *delta.zones_removed)
    for each in delta.records:
        if each.name.is_wild() and len(each.name) > 1:
            yield each.name.parent()
        elif each.type in (NS, DNAME):
            yield each.name
        elif (changed := _find_uppermost_change(before, after, each)) is not None:
            yield changed


def _find_uppermost_change(before: ZoneSet, after: ZoneSet, difference: Difference) -> Name | None:
    """The uppermost name at or above that of ``difference`` that exists on one side of the change only."""
    found, name = None, difference.name
    while len(name) > 1 and before.zone_of(name).exists(name) != after.zone_of(name).exists(name):
        found, name = name, name.parent()
    return found


def _is_below(name: Name, roots: frozenset[Name]) -> bool:
    while name not in roots:
        if len(name) <= 1:
            return False
        name = name.parent()
    return True
