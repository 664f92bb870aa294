r"""Record sets of Amazon Route 53 as JSON: ``aws route53 list-resource-record-sets``.

An alias to a record set of the same zone becomes an alias record set. An alias to a load balancer or distribution has
addresses that no zone has, and record sets of a routing policy have an answer that depends on it: both are unserved.
Names and texts have octal escapes (``\052`` is ``*``). Source: Route 53 API reference, ResourceRecordSet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dns.name import Name

from ssosim.dns.imports.import_errors import Imported, NameAlias, Unserved
from ssosim.dns.imports.provider_data import Fields, ProviderData
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain, to_name, to_type

__all__ = ["NAMED_TYPES", "POLICIES", "decode_octal", "make_absolute", "read_route53"]

POLICIES = (
    "Weight",
    "Region",
    "Failover",
    "GeoLocation",
    "MultiValueAnswer",
    "CidrRoutingConfig",
    "GeoProximityLocation",
)
_OCTAL = re.compile(r"\\\\|\\([0-3][0-7]{2})")


def decode_octal(text: str) -> str:
    """The text with decimal escapes, as zone files have them, instead of octal ones; two backslashes are one."""
    return _OCTAL.sub(lambda match: f"\\{int(match[1], 8):03}" if match[1] else match[0], text)


def read_route53(data: Mapping[str, Any], found: ProviderData, where: str) -> None:
    """Add the zone of one answer of the API. Mistakes of record sets are noted with their places."""
    sets = [Fields(each) for each in Fields(data).items("ResourceRecordSets")]
    if Fields(data).get("NextRecordName", "NextToken") is not None or Fields(data).get("IsTruncated") is True:
        found.mistakes.append(f"{where}: the list is cut off: list all record sets, without --max-items")
    zone = found.zone(_zone_name(data, sets))
    for number, each in enumerate(sets):
        at = f"{where}: ResourceRecordSets[{number}]"
        with found.mistakes_at(at):
            _add(each, zone, found, at)


def _zone_name(data: Mapping[str, Any], sets: Iterable[Fields]) -> Name:
    given = Fields(Fields(data).get("HostedZone")).get("Name")
    if given:
        return to_name(decode_octal(f"{str(given).rstrip('.')}."))
    names = [each.text("Name") for each in sets if str(each.get("Type")) == "SOA"]
    if not names:
        raise DnsChangeError("no record set is of type SOA: the name of the zone is not known; list the whole zone")
    return to_name(decode_octal(f"{names[0].rstrip('.')}."))


def _add(record: Fields, zone: Imported, found: ProviderData, where: str) -> None:
    name = to_name(decode_octal(f"{record.text('Name').rstrip('.')}."))
    kind = record.text("Type").upper()
    where = f"{where} ({plain(name)} {kind})"
    set_policies = (each for each in POLICIES if (value := record.get(each)) is not None and value is not False)
    policy = next(set_policies, None)  # a weight of 0 is one
    if record.get("SetIdentifier") is not None or policy is not None:
        reason = f"its answer depends on the routing policy ({policy or 'SetIdentifier'}) of Route 53"
        zone.unserved.append(Unserved(where, plain(name), "ROUTING", reason))
        return
    if record.get("HealthCheckId") is not None:
        zone.warnings.append(f"{where}: HealthCheckId is not read: the records are always answered")
    target = Fields(record.get("AliasTarget")).get("DNSName")
    if target is None:
        values = [decode_octal(Fields(each).text("Value")) for each in record.items("ResourceRecords")]
        if not values:
            raise DnsChangeError("has neither ResourceRecords nor an AliasTarget")
        values = [make_absolute(kind, value) for value in values]
        found.add(zone, name, kind, record.seconds("TTL"), values, where)
        return
    alias = to_name(decode_octal(f"{str(target).rstrip('.')}."))
    zone.name_aliases.append(NameAlias(where, name, None, alias, (to_type(kind),)))


NAMED_TYPES: Mapping[str, int] = {
    "CNAME": 0,
    "HTTPS": 1,
    "MX": 1,
    "NAPTR": 5,
    "NS": 0,
    "PTR": 0,
    "SRV": 3,
    "SVCB": 1,
}
"""The types whose values have a name, and the place of the name among the words of a value."""

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')


def make_absolute(kind: str, value: str) -> str:
    """The value with a dot at the end of its name, which is absolute with or without one.

    Source: Route 53 developer guide, supported DNS record types.
    """
    place = NAMED_TYPES.get(kind)
    words = _WORD.findall(value)
    if place is None or len(words) <= place:
        return value
    words[place] = f"{words[place].rstrip('.')}."
    return " ".join(words)
