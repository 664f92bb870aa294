"""Zones as plain data and back, for the ledger and the control API, and a digest of their content."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import dns.name
import msgspec
from dns.rdatatype import CNAME, DNAME, MX, NS, PTR, SOA, SRV

from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas, to_type
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager

__all__ = ["SnapshotError", "digest", "from_data", "iter_json", "to_data"]

_READ = frozenset({"name", "type", "values", "alias_record"})
_OF_NAMES = frozenset({CNAME, DNAME, MX, NS, PTR, SOA, SRV})
"""Types whose values are names and numbers: equal zones may have them in other letters (RFC 4343)."""
_KEPT_AS_IS = frozenset(field.name for field in dataclasses.fields(RRset)) - _READ - {"rdatas"}


class SnapshotError(ValueError):
    """The data is not a snapshot of zones in the format of this version."""


def to_data(zones: ZoneSet) -> dict[str, Any]:
    """``zones`` as data for JSON. Equal zones give equal data, in whatever order they were built."""
    return {
        "version": zones.version,
        "zones": [_zone_data(zones.zones[origin]) for origin in sorted(zones.zones)],
        "profiles": [msgspec.to_builtins(zones.profiles[name]) for name in sorted(zones.profiles)],
        "empty_set": zones.empty_set,
        "delegation_ttl": zones.delegation_ttl,
    }


def from_data(data: Any, like: ZoneSet | None = None) -> ZoneSet:
    """Rebuild the zones from the result of ``to_data``. Raises SnapshotError.

    The locations of clients (``places``) are not part of the data; they are copied from ``like``.
    """
    try:
        profiles = [msgspec.convert(each, TrafficManager) for each in data["profiles"]]
        zones = ZoneSet.build([_zone(each) for each in data["zones"]], profiles)
        locations = zones.locations if like is None else like.locations
        return dataclasses.replace(
            zones,
            version=int(data["version"]),
            empty_set=data["empty_set"],
            locations=locations,
            delegation_ttl=data.get("delegation_ttl"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SnapshotError(f"not a snapshot of zones: {type(error).__name__}: {error}") from error


_DIGESTS: deque[tuple[ZoneSet, str]] = deque(maxlen=8)


def digest(zones: ZoneSet) -> str:
    """The SHA-256 digest (hex) of the zones' content without their version: equal for equal zones.

    The last few digests are cached: one change needs the same ones several times.
    """
    for known, found in tuple(_DIGESTS):  # another thread may add one meanwhile
        if known is zones:
            return found
    data = to_data(zones)
    del data["version"]
    hashed = hashlib.sha256()
    for text in iter_json(data):
        hashed.update(text.encode())
    found = hashed.hexdigest()
    _DIGESTS.append((zones, found))
    return found


def iter_json(data: dict[str, Any]) -> Iterator[str]:
    """The result of ``to_data`` as JSON with sorted keys, as ``json.dumps`` writes it, in parts of some record sets.

    Python's JSON encoder blocks all other threads until it is done, which takes half a second for 100,000 record sets.
    """
    yield "{"
    for number, key in enumerate(sorted(data)):
        yield f'{", " if number else ""}"{key}": '
        yield from _iter_zones_json(data[key]) if key == "zones" else (_dumps(data[key]),)
    yield "}"


def _iter_zones_json(zones: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, zone in enumerate(zones):
        # The quotes of a key cannot stand unescaped in a value before it.
        head, _, tail = _dumps(zone | {"rrsets": None}).partition('"rrsets": null')
        yield f'{", " if number else ""}{head}"rrsets": ['
        rrsets = zone["rrsets"]
        for start in range(0, len(rrsets), _PIECE):
            yield f"{', ' if start else ''}{_dumps(rrsets[start : start + _PIECE])[1:-1]}"
        yield f"]{tail}"
    yield "]"


_PIECE = 1000
_dumps = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def _zone_data(zone: Zone) -> dict[str, Any]:
    # Sorted as text: comparing names label by label, as DNSSEC has it, takes thirty times as long.
    rrsets = sorted(map(_rrset_data, zone.rrsets()), key=lambda data: (data["name"], data["type"]))
    missing = {"missing": sorted(kind.name for kind in zone.missing)} if zone.missing else {}
    return {
        "origin": zone.origin.to_text().lower(),
        **missing,
        "ttl": zone.ttl,
        "negative_ttl": zone.negative_ttl,
        "name_server": zone.name_server.to_text().lower(),
        "contact": zone.contact.to_text().lower(),
        "rrsets": rrsets,
    }


def _rrset_data(rrset: RRset) -> dict[str, Any]:
    values = [rdata.to_text() for rdata in rrset.rdatas]
    values = sorted(map(str.lower, values) if rrset.type in _OF_NAMES else values)
    kept = {name: getattr(rrset, name) for name in sorted(_KEPT_AS_IS)}
    linked = None if rrset.alias_record is None else rrset.alias_record.to_text().lower()
    here = {"name": rrset.name.to_text().lower(), "type": rrset.type.name, "values": values, "alias_record": linked}
    return here | kept


def _zone(data: dict[str, Any]) -> Zone:
    zone = Zone.build(
        to_name(data["origin"]),
        ttl=data["ttl"],
        negative_ttl=data["negative_ttl"],
        name_server=to_name(data["name_server"]),
        contact=to_name(data["contact"]),
        rrsets=[_rrset(each) for each in data["rrsets"]],
    )
    return dataclasses.replace(zone, missing=frozenset(map(to_type, data.get("missing", ()))))


def _rrset(data: dict[str, Any]) -> RRset:
    if unknown := set(data) - _KEPT_AS_IS - _READ:
        raise DnsChangeError(f"a record set with unknown keys: {', '.join(sorted(unknown))}")
    kind = to_type(data["type"])
    kept = {name: data[name] for name in _KEPT_AS_IS if name in data}
    return RRset(
        name=to_name(data["name"]),
        type=kind,
        rdatas=to_rdatas(data["values"], kind, dns.name.root),
        alias_record=None if data["alias_record"] is None else to_name(data["alias_record"]),
        **kept,
    )
