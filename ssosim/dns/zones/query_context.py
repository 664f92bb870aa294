"""The context of a query, as far as the answer depends on it: the client network, endpoint health, a random number.

A resolver queries for its clients. The network that counts is the client subnet in the query, if it has one (EDNS
client subnet, RFC 7871), else the address of the resolver.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypeVar

from msgspec import Struct, field

from ssosim.estate import Location

__all__ = [
    "ALL_ONLINE",
    "ANYBODY",
    "Health",
    "Locations",
    "Network",
    "QueryContext",
    "Status",
    "deciding_bits",
    "network",
]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

Status = Literal["online", "checking", "degraded", "stopped", "disabled"]
"""The state of an endpoint. Source: Traffic Manager documentation, endpoint monitor status."""

Health = Mapping[tuple[str, str], Status]
"""The state of endpoints by (profile, endpoint); an endpoint that is missing is online."""

ALL_ONLINE: Health = MappingProxyType({})

_T = TypeVar("_T")


class QueryContext(Struct, frozen=True):
    """The context of one question.

    ``subnet`` is the network of the client, None if it is not known. ``draw`` is a number from 0 to 1 (1 excluded) for
    weighted routing. The caller draws it, so that the answer depends on the arguments only. ``dnssec_ok`` is the DO
    bit: the client wants the stored signatures and proofs of signed zones (RFC 3225).
    """

    subnet: Network | None = None
    health: Health = field(default_factory=lambda: ALL_ONLINE)
    draw: float = 0.0
    dnssec_ok: bool = False


ANYBODY = QueryContext()


@functools.lru_cache(maxsize=4096)
def network(text: str) -> Network:
    """Read an address or a subnet; an address is a subnet of one. Raises ValueError."""
    return ipaddress.ip_network(text)


class Locations(Struct, frozen=True):
    """The map from subnets to locations. If two subnets contain an address, the longer prefix wins."""

    locations: tuple[Location, ...] = ()

    def locate(self, subnet: Network | None) -> Location | None:
        """The location of ``subnet``; None if it is not in the map."""
        return longest_match(subnet, ((network(text), here) for here in self.locations for text in here.subnets))

    def scope(self, subnet: Network | None) -> int:
        """The number of leading bits of ``subnet`` that decide its location."""
        return deciding_bits(subnet, (network(text) for here in self.locations for text in here.subnets))


def longest_match(subnet: Network | None, choices: Iterable[tuple[Network, _T]]) -> _T | None:
    """The value of the most specific network that contains ``subnet``; None if none does."""
    best: tuple[int, _T] | None = None
    for candidate, value in choices:
        if subnet is not None and contains(candidate, subnet) and (best is None or candidate.prefixlen > best[0]):
            best = candidate.prefixlen, value
    return None if best is None else best[1]


def deciding_bits(subnet: Network | None, networks: Iterable[Network]) -> int:
    """The number of leading bits that two subnets must share to be in the same ones of ``networks``.

    This is the scope prefix length of RFC 7871: an answer may be given to all who share that many bits. It is longer
    than the prefix of ``subnet`` where a network lies inside that: a more exact question could have another answer.
    """
    if subnet is None:
        return 0
    return max((bits_against(subnet, other) for other in networks if other.version == subnet.version), default=0)


def bits_against(subnet: Network, other: Network) -> int:
    """The number of bits of ``subnet`` that decide if it is in ``other``: its prefix, or up to the first difference."""
    length = min(subnet.prefixlen, other.prefixlen)
    difference = int(subnet.network_address) ^ int(other.network_address)
    shared = min(length, subnet.max_prefixlen - difference.bit_length())
    return other.prefixlen if shared == other.prefixlen else shared + 1


def contains(outer: Network, inner: Network) -> bool:
    """Whether ``outer`` contains all of ``inner``."""
    if outer.version != inner.version or outer.prefixlen > inner.prefixlen:
        return False
    return (int(outer.network_address) ^ int(inner.network_address)) >> (outer.max_prefixlen - outer.prefixlen) == 0
