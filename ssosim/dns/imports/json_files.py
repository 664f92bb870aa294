"""JSON files of providers: which of them a file is, and what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssosim.dns.imports.azure_json import is_azure_record_set, read_azure_record_set
from ssosim.dns.imports.dnscontrol import is_dnscontrol, read_dnscontrol
from ssosim.dns.imports.provider_data import ProviderData, read_json
from ssosim.dns.imports.route53 import read_route53
from ssosim.dns.imports.terraform_plan import Side, is_terraform_plan, read_terraform_plan
from ssosim.dns.imports.traffic_manager_json import is_traffic_manager, read_traffic_manager

__all__ = ["read_provider_file"]


def read_provider_file(path: Path, side: Side = "after") -> ProviderData | None:
    """Read a JSON file; of a Terraform plan, the given side. None if it is none of a provider that is known.

    Raises TomlMistakeError for a file that cannot be read. Other mistakes are in the result.
    """
    data = read_json(path)
    found = ProviderData(str(path))
    where = str(path)
    if is_terraform_plan(data):
        read_terraform_plan(_object(data), found, where, side)
    elif is_dnscontrol(data):
        read_dnscontrol(_object(data), found, where)
    elif isinstance(data, Mapping) and "ResourceRecordSets" in data:
        with found.mistakes_at(where):
            read_route53(data, found, where)
    elif not _read_azure(data, found, where):
        return None
    return found


def _object(data: object) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {}


def _read_azure(data: object, found: ProviderData, where: str) -> bool:
    """Read a list (azure-cli), a page of the REST API, or one resource; False if it has none of Azure's."""
    is_page = isinstance(data, Mapping) and isinstance(data.get("value"), list)
    entries = data["value"] if is_page else data if isinstance(data, list) else [data]  # type: ignore[index]
    if not any(is_azure_record_set(each) or is_traffic_manager(each) for each in entries):
        return False
    if is_page and data.get("nextLink"):  # type: ignore[attr-defined]
        found.mistakes.append(f"{where}: the list is cut off (nextLink): put the entries of all pages into one list")
    for number, each in enumerate(entries):
        at = f"{where}: [{number}]"
        with found.mistakes_at(at):
            if is_azure_record_set(each):
                read_azure_record_set(each, found, at)
            elif is_traffic_manager(each):
                read_traffic_manager(each, found, at)
            else:
                kind = each.get("type") if isinstance(each, Mapping) else type(each).__name__
                found.warnings.append(f"{at}: not read: {kind}")
    return True
