"""Which DNS server a device asks, and the settings of a resolver: functions of the estate, for every lab alike."""

from __future__ import annotations

from ssosim.dns.recursion import ResolverSettings
from ssosim.estate import Device, DnsResolver, Estate

__all__ = ["name_servers", "own_resolvers", "resolver_addresses", "resolver_settings"]


MAX_NAME_SERVERS = 3
"""The most servers that glibc asks. Source: resolv.conf(5), ``nameserver``."""


def own_resolvers(estate: Estate, device: Device) -> tuple[str, ...]:
    """The addresses of the resolvers that the estate gives ``device`` itself, in order; none: those for everybody."""
    if device.resolvers:
        addresses = {resolver.name: resolver.address for resolver in estate.resolvers}
        return tuple(addresses[name] for name in device.resolvers if name in addresses)
    return tuple(resolver.address for resolver in estate.resolvers if device.name in resolver.devices)


def resolver_addresses(estate: Estate, device: Device) -> tuple[str, ...]:
    """The addresses of the DNS servers that ``device`` asks, in this order: one to three, as resolv.conf(5) allows."""
    found = own_resolvers(estate, device) or name_servers(estate)
    return found[: MAX_NAME_SERVERS if estate.resolvers else 1]


def name_servers(estate: Estate) -> tuple[str, ...]:
    """What programs have in their resolv.conf: the resolvers for all devices, or the lab's own servers.

    Where such resolvers forward to each other, the one at the front of the chain comes first: the last in the file.
    """
    general = [resolver.address for resolver in estate.resolvers if not resolver.devices]
    return tuple(reversed(general)) or estate.addresses("dns")


def resolver_settings(resolver: DnsResolver, estate: Estate) -> ResolverSettings:
    """The settings that an estate's entry means."""
    addresses = {other.name: other.address for other in estate.resolvers}
    return ResolverSettings(
        forward_to=tuple(addresses[name] for name in resolver.forward_to),
        location=resolver.location,
        validate=resolver.validate,
        serve_stale=resolver.serve_stale,
        client_timer=resolver.client_timer,
        min_ttl=resolver.min_ttl,
        max_ttl=resolver.max_ttl,
        max_negative_ttl=resolver.max_negative_ttl,
        max_query_restarts=resolver.max_query_restarts,
    )
