"""What a lab keeps in memory, and the most that it keeps: the one table of all bounds.

Whatever clients send, the resident size of a lab stays below its size at the start and ``sum_bounds``. Each store has
two bounds, of entries and of octets, in the module that owns it; this table adds them up, and
``tests/lab/test_memory_bounds.py`` fills each store with ever-new keys and holds the real size against it.

Not in the table, because they end with their connection or process: an open connection (65 KB with TLS, at most
``MOST_OPEN_FILES``), a request body that arrives (at most 1 MiB each), a KDC message that arrives over TCP (at most
1 MiB on 256 connections), a response of the control API. Nor is the estate, whose size the operator chooses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ssosim.dns.recursion import cache as resolver_cache
from ssosim.dns.recursion import core as resolver_core
from ssosim.dns.server import fast_path, peer_budget, query_counts, wire_format
from ssosim.entra.http import fast_path as http_fast_path
from ssosim.estate import Estate
from ssosim.faults.core import active_faults, effects
from ssosim.trace import log

__all__ = ["MemoryBound", "list_bounds", "sum_bounds"]

_MIB = 2**20
_LONGEST_QUERY = 4096  # of a UDP query that waits, as the listener reads it
_PROGRAMS = 65_000  # addresses of the private network; no address is used twice


@dataclass(frozen=True, slots=True)
class MemoryBound:
    """The most that one store keeps: ``entries`` of together ``octets``, in each of ``copies``."""

    store: str
    entries: int
    octets: int
    copies: int = 1

    @property
    def total(self) -> int:
        """The octets of all copies."""
        return self.octets * self.copies


def list_bounds(estate: Estate, *, trace_records: int = log.DEFAULT_LIMIT) -> Iterator[MemoryBound]:
    """Yield the bounds of a lab of ``estate``; ``trace_records`` is the largest number of records in memory."""
    addresses = len(estate.addresses("dns"))
    authorities = sum(len(zone.records) > 0 for zone in estate.zones) if estate.resolvers else 0
    resolvers = len(estate.resolvers)
    most_of_trace = min(log.MOST_OCTETS, trace_records * 64 * 1024)
    yield MemoryBound("trace records", trace_records, most_of_trace)
    yield MemoryBound("query counters", query_counts.MOST_COUNTERS, query_counts.MOST_OCTETS)
    # A reader takes the counters apart by name, in a thread, and frees them.
    yield MemoryBound("query counters, being read", query_counts.MOST_COUNTERS, query_counts.MOST_OCTETS)
    servers = 1 + authorities
    yield MemoryBound("DNS replies, by question", wire_format.MAX_REPLIES, wire_format.MAX_REPLY_OCTETS, 2 * servers)
    yield MemoryBound("DNS replies, by client", fast_path.MAX_REPLIES, fast_path.MAX_OCTETS, addresses + authorities)
    waiting = peer_budget.MAX_ALL_WAITING
    yield MemoryBound("DNS queries that wait", waiting, waiting * _LONGEST_QUERY, servers + resolvers)
    if resolvers:
        yield MemoryBound("answers of a resolver", 100_000, resolver_cache.MOST_OCTETS, resolvers)
        yield MemoryBound("failures of a resolver", resolver_core.MAX_FAILURES, 10 * _MIB, resolvers)
        yield MemoryBound("delegations of a resolver", 2 * resolver_core.MAX_DELEGATIONS, 20 * _MIB, resolvers)
    heads = http_fast_path.MOST_HEADS
    yield MemoryBound("heads of HTTP requests", heads, heads * 4 * http_fast_path.LONGEST_HEAD)
    yield MemoryBound("names that faults touch", effects.MAX_CACHED_NAMES, 4 * _MIB)
    clients = active_faults.MOST_CLIENTS_OF_CHANCE
    yield MemoryBound("random numbers of clients", clients, clients * 3000)
    yield MemoryBound("events examined for foreign addresses", 2 * 4096, 2 * 8 * _MIB)
    yield MemoryBound("names of foreign addresses", 2 * 4096, 2 * 3 * _MIB)
    yield MemoryBound("addresses of programs", _PROGRAMS, _PROGRAMS * 400)
    yield MemoryBound("used tokens", 200_000, 64 * _MIB)
    yield MemoryBound("device codes", 10_000, 16 * _MIB)
    yield MemoryBound("browser sessions", 10_000, 32 * _MIB)


def sum_bounds(estate: Estate, *, trace_records: int = log.DEFAULT_LIMIT) -> int:
    """Return the most octets that all stores of a lab of ``estate`` take together."""
    return sum(bound.total for bound in list_bounds(estate, trace_records=trace_records))
