"""Who asks, as far as an answer depends on it: where from, how the endpoints are, and a draw.

A resolver asks on behalf of others. The address that counts is the client's subnet where the query tells it (EDNS
client subnet, RFC 7871), else the resolver's own.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeVar

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
"""What the probes found, by names of profile and endpoint; what is not there is online."""

ALL_ONLINE: Health = MappingProxyType({})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class QueryContext:
    """The circumstances of one question.

    ``subnet`` is where it comes from, None if that is not known. ``draw`` is a number from 0 to 1 (1 excluded) that
    decides where chance does; drawing it is the caller's work, so that the answer is a function of its arguments.
    """

    subnet: Network | None = None
    health: Health = field(default_factory=lambda: ALL_ONLINE)
    draw: float = 0.0


ANYBODY = QueryContext()


@functools.lru_cache(maxsize=4096)
def network(text: str) -> Network:
    """Read an address or a subnet; an address is a subnet of one. Raises ValueError."""
    return ipaddress.ip_network(text)


@dataclass(frozen=True, slots=True)
class Locations:
    """The map from subnets to locations. Where two subnets hold an address, the longer prefix wins."""

    locations: tuple[Location, ...] = ()

    def locate(self, subnet: Network | None) -> Location | None:
        """Where ``subnet`` is; None outside the map."""
        return longest_match(subnet, ((network(text), here) for here in self.locations for text in here.subnets))

    def scope(self, subnet: Network | None) -> int:
        """How many leading bits of ``subnet`` decide where it is."""
        return deciding_bits(subnet, (network(text) for here in self.locations for text in here.subnets))


def longest_match(subnet: Network | None, choices: Iterable[tuple[Network, _T]]) -> _T | None:
    """What belongs to the most specific network that contains ``subnet``."""
    best: tuple[int, _T] | None = None
    for candidate, value in choices:
        if subnet is not None and contains(candidate, subnet) and (best is None or candidate.prefixlen > best[0]):
            best = candidate.prefixlen, value
    return None if best is None else best[1]


def deciding_bits(subnet: Network | None, networks: Iterable[Network]) -> int:
    """How many leading bits two subnets must share to be in the same ones of ``networks``.

    This is the scope prefix length of RFC 7871: an answer may be given to all who share that many bits. It is longer
    than the prefix of ``subnet`` where a network lies inside that: a more exact question could have another answer.
    """
    if subnet is None:
        return 0
    return max((bits_against(subnet, other) for other in networks if other.version == subnet.version), default=0)


def bits_against(subnet: Network, other: Network) -> int:
    """The bits of ``subnet`` that tell whether it is in ``other``: all of its prefix, or up to the first difference."""
    length = min(subnet.prefixlen, other.prefixlen)
    difference = int(subnet.network_address) ^ int(other.network_address)
    shared = min(length, subnet.max_prefixlen - difference.bit_length())
    return other.prefixlen if shared == other.prefixlen else shared + 1


def contains(outer: Network, inner: Network) -> bool:
    """Whether all of ``inner`` lies in ``outer``."""
    if outer.version != inner.version or outer.prefixlen > inner.prefixlen:
        return False
    return (int(outer.network_address) ^ int(inner.network_address)) >> (outer.max_prefixlen - outer.prefixlen) == 0
