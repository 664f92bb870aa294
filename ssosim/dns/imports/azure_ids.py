"""Resource ids of Azure that alias record sets name as their targets.

An alias record set leads to a traffic manager profile, to a record set of its own zone, or to a public IP address, a
CDN endpoint or a Front Door, whose addresses no zone has. Source: Azure DNS documentation of alias record sets.
"""

from __future__ import annotations

import re

from dns.name import Name

from ssosim.dns.imports.import_errors import Imported, NameAlias, Unserved
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_type

__all__ = ["add_azure_alias", "last_part"]

_PROFILE = re.compile(r"/Microsoft\.Network/traffic[Mm]anager[Pp]rofiles/([^/]+)$", re.IGNORECASE)
_RECORD = re.compile(
    r"/Microsoft\.Network/(?:private)?dnszones/(?P<zone>[^/]+)/(?P<type>[^/]+)/(?P<name>[^/]+)$", re.IGNORECASE
)


def last_part(resource_id: str) -> str:
    """The name of the resource: the last part of its id."""
    return resource_id.rstrip("/").rpartition("/")[2]


def add_azure_alias(zone: Imported, name: Name, kind: str, ttl: int, resource_id: str, where: str) -> None:
    """Add an alias record set whose target is ``resource_id``; one that cannot be served is noted as such.

    Raises DnsChangeError for a type that is none.
    """
    rdtype = to_type(kind)
    if found := _PROFILE.search(resource_id):
        zone.add(RRset(name, rdtype, ttl, alias=found[1]), where)
        return
    record = _RECORD.search(resource_id)
    if record and to_name(record["zone"]) == zone.origin:
        target = to_name(record["name"], zone.origin)
        zone.name_aliases.append(NameAlias(where, name, ttl, target, (rdtype,)))
        return
    zone.unserved.append(Unserved(where, plain(name), "ALIAS", f"the addresses of {resource_id} are in no zone"))
