"""Finds what a zone has for a name: its own records, a wildcard, a delegation, a DNAME, or nothing.

This is step 3 of the algorithm of a name server (RFC 1034 section 4.3.2) with its later corrections: zone cuts (RFC
2181 section 6), wildcards (RFC 4592), DNAME (RFC 6672 section 3.2). Every part that answers from zones uses it: the
servers on sockets and in memory, lint, and the forecast of a change.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from dns.name import Name
from dns.rdatatype import NS

from ssosim.dns.zones.cached_name import cached, lower_labels_of, make_name
from ssosim.dns.zones.zone import NO_RECORDS, Node, Zone

__all__ = ["NameMatch", "match_name", "wildcard_of"]


class NameMatch(NamedTuple):
    """What a zone has for a name. ``owner`` is the name in the zone that decides, ``node`` its record sets.

    - ``exact``: the name exists, possibly without records (empty non-terminal).
    - ``wildcard``: ``owner`` is the wildcard whose records the name has.
    - ``delegation``: ``owner`` is the name at or above which the zone delegates to other servers.
    - ``dname``: ``owner`` is above the name and has a DNAME.
    - ``missing``: the name does not exist; ``owner`` is its closest encloser, the deepest name above it that exists
      (RFC 4592 section 3.3.1).
    """

    kind: Literal["exact", "wildcard", "delegation", "dname", "missing"]
    owner: Name
    node: Node


def match_name(zone: Zone, name: Name) -> NameMatch:
    """Find what ``zone`` has for ``name``, which must be at or below its apex.

    A delegation hides everything at and below it except what belongs to the parent (DS, NSEC); the caller decides
    about these types. The uppermost cut wins.
    """
    if zone.cuts:
        labels, cuts = lower_labels_of(name), zone.cut_labels
        for length in range(len(zone.origin.labels), len(labels) + 1):
            if labels[len(labels) - length :] in cuts:
                owner = name.split(length)[1]
                node = zone.node(owner)
                if owner != zone.origin and NS in node and node[NS].rdatas:
                    return NameMatch("delegation", owner, node)
                if length < len(labels):
                    return NameMatch("dname", owner, node)
    found = zone.nodes.get(name)  # few look-ups: hashing a name is the most expensive step
    if zone.exists_with(name, found):
        return NameMatch("exact", name, NO_RECORDS if found is None else found)
    encloser = cached(name).parent()
    while not zone.exists(encloser):
        encloser = encloser.parent()
    wildcard = wildcard_of(encloser)
    if wildcard is not None and zone.exists(wildcard):
        return NameMatch("wildcard", wildcard, zone.node(wildcard))
    return NameMatch("missing", encloser, NO_RECORDS)


def wildcard_of(encloser: Name) -> Name | None:
    """The name ``*.encloser``; None if it would be too long."""
    return _wildcard_below(encloser.labels)


@lru_cache(maxsize=1024)
def _wildcard_below(labels: tuple[bytes, ...]) -> Name | None:
    return None if sum(len(label) + 1 for label in labels) > 253 else make_name((b"*", *labels))
