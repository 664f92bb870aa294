"""A lint rule that needs the time: signatures of a zone that have expired, or do so within days.

What cannot be seen: a zone that its name server signs has no signatures in its file.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from dns.name import Name
from dns.rdatatype import DNSKEY, RRSIG, RdataType

from ssosim.dns.zones.lint import LintFinding, make_finding
from ssosim.dns.zones.rrset import plain
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_index import index_of
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["find_expired_signatures"]

_SOON_S = 3 * 86_400
"""Seconds: BIND signs again five days before the end (``signatures-refresh``), so that less is a signer that stands."""

_Covered = tuple[Name, RdataType]


def find_expired_signatures(zones: ZoneSet, now: float) -> Iterator[LintFinding]:
    """One finding for each signed zone with record sets without a signature that is valid at ``now``.

    ``now`` is in seconds since the epoch. Sources: RFC 4035 section 5.3.1; RFC 4034 section 3.1.5.
    """
    periods: dict[Name, dict[_Covered, list[tuple[int, int]]]] = {}
    for zone, rrset in index_of(zones).of_types(RRSIG):
        for rdata in rrset.rdatas:
            key = rrset.name, rdata.covers()
            period = rdata.inception, rdata.expiration  # type: ignore[attr-defined]
            periods.setdefault(zone.origin, {}).setdefault(key, []).append(period)
    for origin, covered in periods.items():
        zone = zones.zones[origin]
        if DNSKEY in zone.node(origin):
            yield from _judge(zone, covered, now)


def _judge(zone: Zone, covered: dict[_Covered, list[tuple[int, int]]], now: float) -> Iterator[LintFinding]:
    invalid = {key for key, spans in covered.items() if not any(first <= now <= last for first, last in spans)}
    ends = {key: max(last for _, last in spans) for key, spans in covered.items()}
    if invalid:
        name, kind = min(invalid, key=lambda key: (ends[key], key))
        what = f"{len(invalid)} of {len(covered)} record sets have no valid signature, first {_describe(name, kind)}"
        when = f"until {_date(ends[name, kind])}" if ends[name, kind] < now else "not valid yet"
        text = f"{what} ({when}): validating resolvers answer SERVFAIL"
        yield make_finding(zone, zone.origin, "error", text, "signature-expired", "RFC 4035 5.3.1")
        return
    name, kind = min(ends, key=lambda key: (ends[key], key))
    if ends[name, kind] - now < _SOON_S:
        text = f"the signature of {_describe(name, kind)} ends on {_date(ends[name, kind])}: sign the zone again"
        yield make_finding(zone, zone.origin, "warning", text, "signature-expired", "RFC 4035 5.3.1")


def _describe(name: Name, kind: RdataType) -> str:
    return f"{plain(name)} {RdataType.to_text(kind)}"


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
