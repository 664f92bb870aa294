"""Record sets that a Terraform plan deletes although its result has them: replaced, moved, or managed twice.

Terraform identifies a resource by its address, a provider's API a record set by name and type. So the deletion of one
resource can take away what another one has just created, and a resource that is replaced is missing in between. A plan
that shows the same records before and after can end without them. Sources: terraform-provider-aws issues 1202, 2516
(another resource name: the record is gone) and 32460 (a deposed object); Terraform documentation, ``moved`` blocks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from dns.name import Name
from dns.rdatatype import SOA, RdataType
from msgspec import Struct

from ssosim.dns.imports.azure_json import absolute
from ssosim.dns.imports.provider_data import Fields
from ssosim.dns.imports.route53 import decode_octal
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain, to_name, to_type

__all__ = ["find_interruptions", "read_aws_name"]


class _PlannedSet(Struct, frozen=True):
    """A record set on one side of a plan. ``variant`` tells record sets of one name and type apart (Route 53).

    ``address`` is that of its resource, ``actions`` are what the plan does with it; ``is_deposed``: it is what is left
    of an earlier replacement.
    """

    name: Name
    type: RdataType
    variant: str
    address: str
    actions: tuple[str, ...]
    is_deposed: bool = False

    @property
    def key(self) -> tuple[Name, RdataType, str]:
        """What the provider identifies the record set by."""
        return self.name, self.type, self.variant


def find_interruptions(
    data: Mapping[str, Any], side: str, zone_names: Mapping[str, str]
) -> Mapping[tuple[Name, RdataType], str]:
    """Why each record set of the plan's result may be missing during the apply or after it, by name and type.

    Empty for the ``side`` before the plan. ``zone_names`` are the names of the zones of Route 53 by their ids.
    """
    if side == "before":
        return {}
    before, after = (_list_sets(data, each, zone_names) for each in ("before", "after"))
    wanted = {each.key: each for each in after}
    found: dict[tuple[Name, RdataType], str] = {}
    for gone in before:
        kept = wanted.get(gone.key)
        if "delete" not in gone.actions or kept is None:
            continue
        if gone.address == kept.address and not gone.is_deposed and gone.actions == ("delete", "create"):
            text = f"is deleted and created again ({gone.address} is replaced): it is missing in between"
        elif gone.address == kept.address:
            left = "a deposed object" if gone.is_deposed else "create_before_destroy"
            text = f"is deleted last ({gone.address}, {left}): the deletion takes away what the plan creates"
        else:
            text = (
                f"is deleted by {gone.address} and kept by {kept.address}, in either order: it may be missing "
                "afterwards; use a moved block, or forget one of them"
            )
        if kept.type == SOA:
            text += "; a new zone can have other name servers than its delegation"
        found[kept.name, kept.type] = text
    return found


def _list_sets(data: Mapping[str, Any], side: str, zone_names: Mapping[str, str]) -> Iterator[_PlannedSet]:
    """The record sets, and the zones (as their SOA), that resources of one side of the plan stand for."""
    for each in Fields(data).items("resource_changes"):
        entry = Fields(each)
        change = Fields(entry.get("change"))
        kind, values = str(entry.get("type")), Fields(change.get(side))
        if entry.get("mode") != "managed" or change.get(side) is None or not kind.startswith(("azurerm_", "aws_")):
            continue
        with contextlib.suppress(DnsChangeError):  # reported where the resource is read
            found = _identify(zone_names, kind, values)
            if found is not None:
                yield _PlannedSet(
                    *found,
                    address=str(entry.get("address")),
                    actions=tuple(str(action) for action in change.items("actions")),
                    is_deposed=entry.get("deposed") is not None,
                )


def _identify(zone_names: Mapping[str, str], kind: str, values: Fields) -> tuple[Name, RdataType, str] | None:
    """What the provider identifies a resource by: its name and type, and what else; None for other resources."""
    if kind in ("azurerm_dns_zone", "azurerm_private_dns_zone", "aws_route53_zone"):
        return to_name(absolute(values.text("name"))), SOA, kind
    if kind.startswith(("azurerm_dns_", "azurerm_private_dns_")) and kind.endswith("_record"):
        name = to_name(values.text("name"), to_name(absolute(values.text("zone_name"))))
        rdtype = kind.removesuffix("_record").rpartition("_")[2]
        return name, to_type(rdtype), f"{kind} {values.get('resource_group_name') or ''}".lower()
    if kind == "aws_route53_record":
        zone = zone_names.get(str(values.get("zone_id")))
        if zone is None:
            return None
        variant = f"{values.get('zone_id')} {values.get('set_identifier') or ''}"
        return read_aws_name(values, to_name(absolute(zone))), to_type(values.text("type")), variant
    return None


def read_aws_name(values: Fields, origin: Name) -> Name:
    """The name of a record set: absolute if its text ends with that of the zone, else relative to the zone.

    The provider does not look for a dot before the zone: ``my-example.com`` is a name outside ``example.com`` and not
    one below it. Raises DnsChangeError for a name that is none. Source: terraform-provider-aws,
    ``internal/service/route53/record.go`` (``expandRecordName``).
    """
    given = decode_octal(values.text("name").rstrip("."))
    if given.lower().endswith(plain(origin)):
        return to_name(f"{given}.")
    return to_name(given or "@", origin)
