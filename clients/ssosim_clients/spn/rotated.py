"""A resolver that rotates the addresses of each answer, as a DNS server with round robin does."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from ssosim_clients.ports import Family, Resolution, Resolver

__all__ = ["RotatedResolver"]


class RotatedResolver:
    """``resolver``, with the addresses of each answer rotated by ``offset`` positions.

    Only the addresses of one IP version are rotated, that of the first address: a host prefers one version whatever the
    order of the records is (RFC 6724, section 6). Source: curl pull request 1428 (round robin with reverse DNS); run:
    one of eight sign-ins was refused.
    """

    def __init__(self, resolver: Resolver, offset: int = 0) -> None:
        self._resolver = resolver
        self._offset = offset
        self.rotations = 1
        """The number of possible orders: the largest number of rotated addresses in any answer until now."""

    async def resolve(self, name: str, family: Family) -> Resolution:
        """The answer with rotated addresses. Raises as the resolver does."""
        found = await self._resolver.resolve(name, family)
        version = _ip_version(found.addresses[0])
        rotated = [address for address in found.addresses if _ip_version(address) == version]
        others = [address for address in found.addresses if _ip_version(address) != version]
        self.rotations = max(self.rotations, len(rotated))
        first = self._offset % len(rotated)
        return replace(found, addresses=(*rotated[first:], *rotated[:first], *others)) if first else found

    async def reverse(self, address: str) -> str | None:
        """The PTR name of ``address``, as the resolver gives it."""
        return await self._resolver.reverse(address)


def _ip_version(address: str) -> int:
    return ipaddress.ip_address(address.partition("%")[0]).version
