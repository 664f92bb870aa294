"""A resolver whose answers begin with another of their addresses, as they do in turn under round robin."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from ssosim_clients.ports import Family, Resolution, Resolver

__all__ = ["Turned"]


class Turned:
    """``resolver`` with the addresses of each answer moved on by ``turn``.

    Only addresses of the first one's IP version change places, since a host prefers one version whatever the order of
    records is (RFC 6724, section 6). Source: curl pull request 1428 (round robin with reverse DNS); run: one of eight
    sign-ins refused.
    """

    def __init__(self, resolver: Resolver, turn: int = 0) -> None:
        self._resolver = resolver
        self._turn = turn
        self.turns = 1
        """How many orders there are: the largest number of such addresses that an answer had so far."""

    async def resolve(self, name: str, family: Family) -> Resolution:
        """The answer, turned. Raises as the resolver does."""
        found = await self._resolver.resolve(name, family)
        kind = _version(found.addresses[0])
        own = [address for address in found.addresses if _version(address) == kind]
        rest = [address for address in found.addresses if _version(address) != kind]
        self.turns = max(self.turns, len(own))
        first = self._turn % len(own)
        return replace(found, addresses=(*own[first:], *own[:first], *rest)) if first else found

    async def reverse(self, address: str) -> str | None:
        """As the resolver does."""
        return await self._resolver.reverse(address)


def _version(address: str) -> int:
    return ipaddress.ip_address(address.partition("%")[0]).version
