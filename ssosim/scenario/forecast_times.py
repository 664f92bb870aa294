"""For how long a DNS change hurts: what caches keep of the old and of the bad answers, and how long clients wait.

A resolver keeps a record set for its TTL (RFC 1035 section 3.2.1), and that a name or type is missing for the smaller
of the SOA's TTL and its MINIMUM field (RFC 2308 section 5), both within the limits of the resolver. So the first client
is hurt at once, behind a resolver that has no answer in its cache; the last one when the last cached old answer has
expired. After a repair, the bad answers expire in the same way, and a client that tries again by itself notices at its
next attempt.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from dns.name import Name
from dns.rcode import SERVFAIL
from dns.rdatatype import AAAA, NS, SOA, A, RdataType
from msgspec import Struct

from ssosim.changes.answers import content_of
from ssosim.dns import ZoneSet
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.zones.answer import Answer, answer
from ssosim.dns.zones.rrset import RRset, to_name
from ssosim.dns.zones.zone import Zone
from ssosim.estate import Estate
from ssosim.lab.base.resolver_choice import resolver_settings

__all__ = ["CacheWindows", "Timing", "describe_timing", "measure_windows", "summarise_timings", "timing_of"]


WIDEST_LIMITS = ResolverSettings(max_ttl=604_800, max_negative_ttl=10_800)
"""The limits of BIND, where an estate has no resolvers: those of unbound and Windows are lower.

Sources: BIND 9 reference manual, ``max-cache-ttl`` and ``max-ncache-ttl``; unbound.conf(5), ``cache-max-ttl``.
"""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """When a kind of client is hurt, in seconds after the change, and when it recovers, in seconds after the repair.

    ``first_hurt_s`` and ``last_hurt_s``: the first and the last of its clients. ``last_recovered_s``: the last of them
    signs in again, at the latest. ``retries``: it tries again by itself; otherwise that is the first moment at which a
    new sign-in succeeds.
    """

    first_hurt_s: float
    last_hurt_s: float
    last_recovered_s: float
    retries: bool


class CacheWindows(Struct, frozen=True):
    """How long resolvers may keep an old answer after the change (``old``), and a bad one after the repair (``bad``).

    In seconds. None: no answer differs.
    """

    old: float
    bad: float


def measure_windows(
    before: Sequence[ZoneSet], after: Sequence[ZoneSet], names: Iterable[str], estate: Estate
) -> CacheWindows | None:
    """The longest windows of all ``names`` between any of the states ``before`` and any ``after``.

    The limits are those of the estate's resolvers; without any, those of the resolver that keeps answers longest.
    """
    limits = tuple(resolver_settings(each, estate) for each in estate.resolvers) or (WIDEST_LIMITS,)
    windows = [
        window
        for name in names
        for kind in (A, AAAA)
        for was in before
        for now in after
        for window in _windows(was, now, to_name(name), kind, limits)
    ]
    if not windows:
        return None
    return CacheWindows(max(each.old for each in windows), max(each.bad for each in windows))


def _windows(
    before: ZoneSet, after: ZoneSet, name: Name, kind: RdataType, limits: Sequence[ResolverSettings]
) -> Iterator[CacheWindows]:
    was, now = answer(before, name, kind), answer(after, name, kind)
    if content_of(was) == content_of(now):
        return
    old = _kept(was, now, _servers_left_behind(before, after, name), limits)
    bad = _kept(now, was, _servers_left_behind(after, before, name), limits)
    yield CacheWindows(old, bad)


def _kept(answered: Answer, other: Answer, name_servers: RRset | None, limits: Sequence[ResolverSettings]) -> float:
    """How long caches keep what ``answered`` tells and ``other`` does not."""
    known = {(rrset.name, rrset.type, rrset.content) for rrset in other.answer}
    own = [rrset for rrset in answered.answer if (rrset.name, rrset.type, rrset.content) not in known]
    own += [] if name_servers is None else [name_servers]
    times = [_limit_ttl(rrset.ttl, each, each.max_ttl) for rrset in own for each in limits]
    if answered.rcode == SERVFAIL:
        times += [float(each.failure_ttl) for each in limits]
    elif answered.outcome != "NOERROR":
        soa = [rrset for rrset in answered.authority if rrset.type == SOA]
        times += [_limit_ttl(rrset.ttl, each, each.max_negative_ttl) for rrset in soa for each in limits]
    return max(times, default=0.0)


def _limit_ttl(ttl: int, limits: ResolverSettings, longest: int) -> float:
    return float(min(max(ttl, limits.min_ttl), longest))


def _servers_left_behind(here: ZoneSet, there: ZoneSet, name: Name) -> RRset | None:
    """The NS records of the zone of ``name`` here that a resolver still follows while ``there`` holds; None if none.

    Those of a zone above the zone that has the name there are no hindrance: its servers refer to the other zone.
    """
    zone, other = here.zone_of(name), there.zone_of(name)
    servers = _name_servers(here, zone)
    if servers is None or (zone.origin != other.origin and other.origin.is_subdomain(zone.origin)):
        return None
    others = _name_servers(there, other)
    return servers if others is None or servers.content != others.content else None


def _name_servers(zones: ZoneSet, zone: Zone) -> RRset | None:
    """The NS records of a zone, with the longer TTL of its own ones and those of its parent zone.

    Resolvers use either (RFC 2181 section 5.4.1).
    """
    if len(zone.origin) == 1:
        return None
    own, above = zone.node(zone.origin).get(NS), zones.zone_of(zone.origin.parent()).node(zone.origin).get(NS)
    if own is None or above is None or above.ttl <= own.ttl:
        return own
    return dataclasses.replace(own, ttl=above.ttl)


def timing_of(windows: CacheWindows, pause: float, *, retries: bool) -> Timing:
    """The timing of a client that waits up to ``pause`` seconds before it tries again."""
    return Timing(
        first_hurt_s=0.0,
        last_hurt_s=windows.old,
        last_recovered_s=windows.bad + (pause if retries else 0.0),
        retries=retries,
    )


def describe_timing(timing: Timing) -> str:
    """The timing in a few words."""
    again = "within" if timing.retries else "new sign-ins after"
    hurt = f"hurt from {timing.first_hurt_s:g} s to {timing.last_hurt_s:g} s after the change"
    return f"{hurt}; after the repair {again} {timing.last_recovered_s:g} s"


def summarise_timings(timings: Iterable[tuple[str, Timing]], format_names: Callable[[Sequence[str]], str]) -> str:
    """One sentence on all models (name and timing); empty without any."""
    found = list(timings)
    if not found:
        return ""
    last = max(each.last_hurt_s for _, each in found)
    longest = max(each.last_recovered_s for _, each in found)
    who = [name for name, each in found if each.last_recovered_s == longest]
    waiting = sum(not each.retries for _, each in found)
    text = (
        f"the first clients are hurt at once, the last after {last:g} s, when caches have lost the old answer; after a "
        f"repair the last recover within {longest:g} s ({format_names(who)})"
    )
    return f"{text}; {waiting} of {len(found)} models do not try again by themselves" if waiting else text
