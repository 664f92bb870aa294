"""What a resolver remembers.

Entries are values; the cache is the one thing that changes, and it knows neither clock nor socket: every call says what
time it is. Times are in seconds since the Unix epoch.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from dataclasses import dataclass

from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, Rcode
from dns.rdatatype import CNAME, TYPE0, RdataType

from ssosim.dns.zones.rrset import RRset

__all__ = ["Cache", "Entry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answer about one name.

    Positive: ``rrset`` holds the records of that type, or the CNAME that is there instead. Negative (RFC 2308): none,
    and ``soa`` of the zone that said so; NXDOMAIN is about every type of the name, NODATA about one.
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
        """Where it is kept."""
        if self.rcode == NXDOMAIN:
            return self.name, TYPE0
        return self.name, self.type if self.rrset is None else self.rrset.type

    def left(self, now: float) -> int:
        """Whole seconds that it may still be used; never more than when it was stored, whatever clocks do."""
        return max(0, int(self.expires - max(now, self.stored)))

    def aged(self, ttl: int) -> Entry:
        """This entry with ``ttl`` in its records."""
        rrset = None if self.rrset is None else dataclasses.replace(self.rrset, ttl=ttl)
        soa = None if self.soa is None else dataclasses.replace(self.soa, ttl=ttl)
        return dataclasses.replace(self, rrset=rrset, soa=soa)


class Cache:
    """At most ``limit`` entries; the least recently used goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[tuple[Name, RdataType], Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> None:
        """Remember ``entry`` in the place of what was known."""
        self._entries[entry.key] = entry
        self._entries.move_to_end(entry.key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def get(self, name: Name, rdtype: RdataType, now: float, *, stale: float = 0.0) -> Entry | None:
        """The newest that is known of that question and has not expired more than ``stale`` seconds ago.

        Records of the type, a CNAME in their place, that there are none, or that there is no such name.
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

    def flush(self, name: Name | None = None) -> int:
        """Forget all, or what is known of ``name`` and of all names below it; returns how many entries went."""
        gone = [key for key in self._entries if name is None or key[0].is_subdomain(name)]
        for key in gone:
            del self._entries[key]
        return len(gone)
