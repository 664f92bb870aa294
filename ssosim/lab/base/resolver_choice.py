"""Which DNS server a device asks, and the settings of a resolver: functions of the estate, for every lab alike."""

from __future__ import annotations

from ssosim.dns.recursion import ResolverSettings
from ssosim.estate import DnsResolver, Estate

__all__ = ["name_servers", "resolver_address", "settings_of"]


def resolver_address(estate: Estate, device: str | None = None) -> str:
    """The address of the DNS server that ``device`` asks; None for a program on any device."""
    own = [resolver.address for resolver in estate.resolvers if device in resolver.devices]
    return next(iter(own), name_servers(estate)[0])


def name_servers(estate: Estate) -> tuple[str, ...]:
    """What programs have in their resolv.conf: the resolvers for all devices, or the lab's own servers.

    Where such resolvers forward to each other, the one at the front of the chain comes first: the last in the file.
    """
    general = [resolver.address for resolver in estate.resolvers if not resolver.devices]
    return tuple(reversed(general)) or estate.addresses("dns")


def settings_of(resolver: DnsResolver, estate: Estate) -> ResolverSettings:
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
    )
