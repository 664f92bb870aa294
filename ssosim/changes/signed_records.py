"""Changed records of a signed zone that no signature in the zone covers: validating resolvers answer SERVFAIL for them.

A zone that its name server signs itself has no DNSKEY record in its file, and is not judged. Sources: RFC 4035,
sections 2.2 (what must be signed) and 5.3 (validation); dnssec-verify of BIND makes the same check of a whole zone.
"""

from __future__ import annotations

from collections.abc import Iterator

import dns.rrset
from dns.name import Name
from dns.rdatatype import DNSKEY, DS, NS, NSEC, NSEC3, RRSIG

from ssosim.changes.diff import Delta
from ssosim.changes.risk import Level, Reason
from ssosim.dns.zones.rrset import RRset, plain, signatures
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["find_unsigned_changes"]

_AT_A_CUT = frozenset({DS, NSEC, NSEC3, RRSIG})
"""The types that the parent signs at a delegation (RFC 4035, section 2.2)."""


def find_unsigned_changes(after: ZoneSet, delta: Delta, now: float) -> Iterator[Reason]:
    """Reasons of risk for changed record sets without a valid signature; ``now`` is in seconds since the Unix epoch."""
    for each in delta.records:
        rrset, zone = each.after, after.zone_of(each.name)
        if rrset is None or not rrset.rdatas or rrset.type == RRSIG:
            continue
        keys = zone.node(zone.origin).get(DNSKEY)
        if keys is None or not keys.rdatas or not _is_to_be_signed(zone, rrset):
            continue
        why = _find_defect(zone, rrset, keys, now)
        if why:
            text = f"{plain(rrset.name)} {rrset.type.name} {why} in a signed zone: validating resolvers answer SERVFAIL"
            yield Reason(Level.HIGH, text)


def _is_to_be_signed(zone: Zone, rrset: RRset) -> bool:
    name = rrset.name
    while name != zone.origin and name.is_subdomain(zone.origin):
        if NS in zone.node(name):
            return name == rrset.name and rrset.type in _AT_A_CUT
        name = name.parent()
    return True


def _find_defect(zone: Zone, rrset: RRset, keys: RRset, now: float) -> str:
    stored = signatures(zone.node(rrset.name).get(RRSIG), rrset.type, rrset.name, rrset.ttl)
    if stored is None:
        return "has no signature"
    # The import takes longer than the judgement of most changes, and few zones are signed.
    from dns.dnssec import validate  # noqa: PLC0415
    from dns.exception import UnsupportedAlgorithm, ValidationFailure  # noqa: PLC0415

    wanted = dns.rrset.from_rdata_list(rrset.name, rrset.ttl, rrset.rdatas)
    known: dict[Name, dns.rrset.RRset] = {zone.origin: dns.rrset.from_rdata_list(zone.origin, keys.ttl, keys.rdatas)}
    signed = dns.rrset.from_rdata_list(rrset.name, rrset.ttl, stored.rdatas)
    try:
        validate(wanted, signed, known, None, now)  # type: ignore[arg-type]
    except ValidationFailure:
        return "has no valid signature"
    except UnsupportedAlgorithm:
        return ""  # a resolver that does not know it either takes the zone for unsigned (RFC 4035, section 5.2)
    return ""
