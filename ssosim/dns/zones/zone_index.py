"""The record sets of zones by their type: rules that look at a few types do not read all the others.

Most record sets of a large zone are addresses, of which most rules say nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from dns.rdatatype import RdataType
from msgspec import Struct

from ssosim.dns.zones.rrset import RRset
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["ZoneIndex", "index_of"]

_Found = tuple[Zone, RRset]


class ZoneIndex(Struct, frozen=True):
    """The record sets of ``zones`` by type, for each zone. ``links`` are those that are empty or aliases."""

    zones: ZoneSet
    by_zone: list[tuple[Zone, dict[RdataType, list[RRset]]]]
    links: list[_Found]

    def of_types(self, *types: RdataType) -> Iterator[_Found]:
        """The record sets of these types with their zones."""
        for zone, by_type in self.by_zone:
            for kind in types:
                for rrset in by_type.get(kind, ()):
                    yield zone, rrset

    def with_ttl_outside(self, lowest: int, highest: int) -> Iterator[_Found]:
        """The record sets whose TTL, in seconds, is below ``lowest`` or above ``highest``."""
        for zone, by_type in self.by_zone:
            for rrsets in by_type.values():
                for rrset in [each for each in rrsets if not lowest <= each.ttl <= highest]:
                    yield zone, rrset

    def count(self, rdtype: RdataType) -> int:
        """How many record sets of that type there are."""
        return sum(len(by_type.get(rdtype, ())) for _, by_type in self.by_zone)

    @property
    def types(self) -> list[RdataType]:
        """The types that there are."""
        return list(dict.fromkeys(kind for _, by_type in self.by_zone for kind in by_type))


_indexes: deque[ZoneIndex] = deque(maxlen=2)
"""Those of the last two sets of zones, which are the two states of a change: a set is immutable."""


def index_of(zones: ZoneSet) -> ZoneIndex:
    """The index of ``zones``; it is made once."""
    for known in tuple(_indexes):
        if known.zones is zones:
            return known
    made = _make_index(zones)
    _indexes.append(made)
    return made


def _make_index(zones: ZoneSet) -> ZoneIndex:
    by_zone: list[tuple[Zone, dict[RdataType, list[RRset]]]] = []
    links: list[_Found] = []
    for zone in zones.zones.values():
        by_type: dict[RdataType, list[RRset]] = {}
        for node in zone.nodes.values():
            for kind, rrset in node.items():
                if kind in by_type:
                    by_type[kind].append(rrset)
                else:
                    by_type[kind] = [rrset]
                if not rrset.rdatas or rrset.alias is not None or rrset.alias_record is not None:
                    links.append((zone, rrset))
        by_zone.append((zone, by_type))
    return ZoneIndex(zones, by_zone, links)
