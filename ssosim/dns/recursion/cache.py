"""The cache of a resolver.

Entries are immutable. The cache has no clock and no socket: every call passes the time, in seconds since the Unix
epoch.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, Rcode
from dns.rdatatype import CNAME, TYPE0, RdataType
from msgspec import Struct

from ssosim.dns.zones.rrset import RRset

__all__ = ["MOST_OCTETS", "Cache", "Entry"]


class Entry(Struct, frozen=True, kw_only=True):
    """One answer about one name.

    Positive: ``rrset`` has the records of the type, or the CNAME at that name. Negative (RFC 2308): ``rrset`` is None,
    and ``soa`` is the SOA of the zone. NXDOMAIN applies to every type of the name, NODATA to one type.
    """

    name: Name
    type: RdataType
    rcode: Rcode
    rrset: RRset | None
    soa: RRset | None
    stored: float
    expires: float

    @property
    def key(self) -> tuple[Name, RdataType]:
        """The key of this entry in the cache."""
        if self.rcode == NXDOMAIN:
            return self.name, TYPE0
        return self.name, self.type if self.rrset is None else self.rrset.type

    def remaining_ttl(self, now: float) -> int:
        """The remaining TTL in whole seconds; never more than at the time of storage, even if the clock goes back."""
        return max(0, int(self.expires - max(now, self.stored)))

    def estimate_size(self) -> int:
        """Return about how many octets this entry takes in memory."""
        sets = [each for each in (self.rrset, self.soa) if each is not None]
        rdatas = [rdata for each in sets for rdata in each.rdatas]
        return 800 + 400 * len(sets) + sum(300 + 2 * len(rdata.to_wire() or b"") for rdata in rdatas)

    def with_ttl(self, ttl: int) -> Entry:
        """This entry with its records set to ``ttl`` seconds."""
        rrset = None if self.rrset is None else dataclasses.replace(self.rrset, ttl=ttl)
        soa = None if self.soa is None else dataclasses.replace(self.soa, ttl=ttl)
        return msgspec.structs.replace(self, rrset=rrset, soa=soa)


MOST_OCTETS = 32 * 2**20
"""The largest size of the entries of one cache, as ``Entry.estimate_size`` has it."""


class Cache:
    """A cache of at most ``limit`` entries of ``most_octets``; the least recently used one is removed first."""

    def __init__(self, limit: int, most_octets: int = MOST_OCTETS) -> None:
        self._limit = limit
        self._most_octets = most_octets
        self._octets = 0
        self._entries: OrderedDict[tuple[Name, RdataType], Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> None:
        """Store ``entry``; it replaces the entry with the same key."""
        self._remove(entry.key)
        self._entries[entry.key] = entry
        self._octets += entry.estimate_size()
        while self._entries and (len(self._entries) > self._limit or self._octets > self._most_octets):
            self._remove(next(iter(self._entries)))

    def get(self, name: Name, rdtype: RdataType, now: float, *, stale: float = 0.0) -> Entry | None:
        """The newest entry for that question that expired at most ``stale`` seconds ago; None if there is none.

        It is the records of the type, a CNAME at the name, NODATA for the type, or NXDOMAIN for the name.
        """
        newest: Entry | None = None
        for kind in dict.fromkeys((rdtype, CNAME, TYPE0)):
            entry = self._entries.get((name, kind))
            if (
                entry is None
                or entry.expires + stale <= now
                or (entry.rcode == NOERROR and entry.rrset is None and entry.type != rdtype)
            ):
                continue
            if newest is None or entry.stored > newest.stored:
                newest = entry
        if newest is not None:
            self._entries.move_to_end(newest.key)
        return newest

    def snapshot(self) -> Callable[[], None]:
        """Return the function that brings the present entries back, instead of those of then."""
        entries, octets = self._entries.copy(), self._octets

        def restore() -> None:
            self._entries, self._octets = entries, octets

        return restore

    def flush(self, name: Name | None = None) -> int:
        """Remove all entries, or those of ``name`` and the names below it; return the number of removed entries."""
        gone = [key for key in self._entries if name is None or key[0].is_subdomain(name)]
        for key in gone:
            self._remove(key)
        return len(gone)

    def _remove(self, key: tuple[Name, RdataType]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._octets -= entry.estimate_size()
