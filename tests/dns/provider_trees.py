"""Zones of providers' JSON and of octoDNS, from plain data, and what they hold in the words of a test table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dns.rdatatype import NS, SOA, RdataType

from ssosim.dns import ZoneSet
from ssosim.dns.imports.json_files import Side, read_provider_file
from ssosim.dns.imports.tree import read_tree_with_warnings
from ssosim.dns.zones.rrset import plain

__all__ = ["list_records", "octodns_tree", "plan_side", "read_json", "resource", "terraform"]

CONFIG = """\
providers:
  files: {class: octodns.provider.yaml.YamlProvider, directory: zones, default_ttl: 300}
zones:
  x.test.: {sources: [files]}
"""


def list_records(zones: ZoneSet) -> dict[str, list[str]]:
    """The records, without SOA and NS at the apex: ``NAME TYPE`` to TTL and data; ``alias``, or nothing if empty."""
    found = {}
    for zone in zones.zones.values():
        for rrset in zone.rrsets():
            if rrset.name == zone.origin and rrset.type in (SOA, NS):
                continue
            values = [f"{rrset.ttl} {rdata.to_text()}" for rdata in rrset.rdatas]
            target = rrset.alias or (None if rrset.alias_record is None else plain(rrset.alias_record))
            found[f"{plain(rrset.name)} {RdataType.to_text(rrset.type)}"] = (
                values if target is None else [f"alias {target}"]
            )
    return found


def read_json(folder: Path, data: object) -> tuple[dict[str, list[str]], Sequence[str]]:
    """The records and the warnings of a JSON file. Raises ImportMistakeError."""
    path = folder / "a.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    zones, warnings = read_tree_with_warnings(path)
    return list_records(zones), warnings


def octodns_tree(folder: Path, records: str) -> tuple[dict[str, list[str]], Sequence[str]]:
    """The records and the warnings of the zone ``x.test`` of an octoDNS configuration. Raises ImportMistakeError."""
    (folder / "zones").mkdir()
    (folder / "zones" / "x.test.yaml").write_text(f"---\n{records}", encoding="utf-8")
    (folder / "production.yaml").write_text(CONFIG, encoding="utf-8")
    zones, warnings = read_tree_with_warnings(folder)
    return list_records(zones), warnings


def resource(
    kind: str,
    after: object,
    before: object = None,
    *,
    unknown: object = None,
    actions: Sequence[str] = ("create",),
    **more: object,
) -> dict[str, Any]:
    """A resource of a Terraform plan."""
    change = {"actions": list(actions), "before": before, "after": after, "after_unknown": unknown or {}}
    return {"address": f"{kind}.x", "mode": "managed", "type": kind, "change": change} | more


def terraform(*resources: object, **more: object) -> dict[str, Any]:
    """A Terraform plan of these resources, with the zones ``x.test`` of Azure and ``y.test`` of Route 53."""
    zones = [
        resource("azurerm_dns_zone", {"name": "x.test"}, {"name": "x.test"}, actions=["no-op"]),
        resource("aws_route53_zone", {"name": "y.test", "zone_id": "Z1"}, {"name": "y.test", "zone_id": "Z1"},
                 actions=["no-op"]),
    ]  # fmt: skip
    return {"format_version": "1.2", "resource_changes": [*zones, *resources]} | more


def plan_side(folder: Path, data: object, side: Side) -> tuple[dict[str, list[str]], list[str], list[str]]:
    """The records of one side of a plan, its warnings and its mistakes."""
    path = folder / "plan.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    found = read_provider_file(path, side)
    assert found is not None
    records = {
        f"{plain(located.rrset.name)} {located.rrset.type.name}": [rdata.to_text() for rdata in located.rrset.rdatas]
        for zone in found.zones.values()
        for located in zone.records.values()
    }
    warnings = [*found.warnings, *(text for zone in found.zones.values() for text in zone.warnings)]
    return records, warnings, [*found.mistakes, *(text for zone in found.zones.values() for text in zone.mistakes)]
