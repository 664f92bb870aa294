"""Terraform plans as JSON (``terraform show -json PLAN``): the DNS resources before and after the change, in one file.

Resources of the providers ``azurerm`` (``azurerm_dns_*``, ``azurerm_private_dns_*``, ``azurerm_traffic_manager_*``) and
``aws`` (``aws_route53_zone``, ``aws_route53_record``) are read. Resources of other providers that have DNS records are
mistakes if they change, else they are noted. What Terraform does not manage is in no plan: a zone that is only referred
to is noted, and a resource that Terraform is told to forget stays as it is (``removed`` block, ``destroy = false``).
Source: Terraform documentation, JSON output format and ``removed`` block; the providers' resources.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dns.name import Name

from ssosim.dns.imports.azure_ids import add_azure_alias, last_part
from ssosim.dns.imports.azure_json import absolute
from ssosim.dns.imports.import_errors import Imported, NameAlias, Unserved
from ssosim.dns.imports.provider_data import Fields, ProviderData, quote_text
from ssosim.dns.imports.route53 import NAMED_TYPES, decode_octal, make_absolute
from ssosim.dns.imports.terraform_replacements import find_interruptions, read_aws_name
from ssosim.dns.imports.traffic_manager_json import make_endpoint, make_profile, split_subnet
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain, to_name, to_type

__all__ = ["Side", "is_terraform_plan", "read_terraform_plan"]

Side = Literal["before", "after"]

_DNS = (
    "azurerm_dns_",
    "azurerm_private_dns_",
    "azurerm_traffic_manager_",
    "aws_route53_",
    "google_dns_",
    "cloudflare_",
)
_RECORDS = re.compile(r"(?:^|_)(?:records?(?:_sets?)?|recordset|rrset)(?:_exclusive|_v\d+)?$")
"""Types of resources that have DNS records, of any provider: ``dns_a_record_set``, ``cloudflare_record`` and others."""

_AZAPI = re.compile(r"Microsoft\.Network/(?:(?:private)?dnsZones|trafficManagerProfiles)\b", re.IGNORECASE)
"""What ``type`` of an ``azapi_resource`` is for DNS."""

_REGISTRAR = "aws_route53domains_"
_OTHER_ZONES = frozenset({"azurerm_private_dns_zone_virtual_network_link", "aws_route53_zone_association"})
_ROUTING = ("weighted", "latency", "failover", "geolocation", "geoproximity", "cidr")


def is_terraform_plan(data: object) -> bool:
    """Whether the JSON value is a plan."""
    return isinstance(data, Mapping) and "resource_changes" in data and "format_version" in data


@dataclass(frozen=True, slots=True)
class _Resource:
    """A resource on one side; ``unknown`` are the arguments that Terraform knows only after it has applied.

    ``is_changed``: the plan changes it. ``is_forgotten``: it stays, and Terraform no longer manages it.
    """

    address: str
    kind: str
    values: Fields
    unknown: Fields
    is_changed: bool
    is_forgotten: bool
    is_created: bool = False


@dataclass(slots=True)
class _Plan:
    found: ProviderData
    where: str
    zone_names: dict[str, str] = field(default_factory=dict)
    private: dict[Name, bool] = field(default_factory=dict)
    managed: set[str] = field(default_factory=set)
    endpoints: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def read_terraform_plan(data: Mapping[str, Any], found: ProviderData, where: str, side: Side) -> None:
    """Add the zones and profiles of one side of the plan. Mistakes are noted with the addresses of resources."""
    every = [*_resources(data, side, found, where)]
    resources = [each for each in every if each.kind.startswith(_DNS)]
    plan = _Plan(found, where)
    _note_others(every, found, where)
    _note_state(data, found, where)
    for kind, values in _data_sources(data):
        if kind == "aws_route53_zone":
            plan.zone_names[str(values.get("zone_id"))] = str(values.get("name")).rstrip(".")
    for each in resources:
        if each.kind in ("azurerm_dns_zone", "azurerm_private_dns_zone", "aws_route53_zone"):
            with found.mistakes_at(f"{where}: {each.address}"):
                _add_zone(plan, each)
    for each in resources:
        with found.mistakes_at(f"{where}: {each.address}"):
            _add(plan, each)
    for each in resources:
        if each.kind == "azurerm_traffic_manager_profile":
            with found.mistakes_at(f"{where}: {each.address}"):
                _add_profile(plan, each)
    _note_lost_endpoints(plan)
    found.interruptions |= find_interruptions(data, side, plan.zone_names)
    for origin in found.zones:
        if plain(origin) not in plan.managed:
            found.warnings.append(
                f"{where}: zone {plain(origin)} is not managed by Terraform: records that others manage are not seen"
            )


def _note_lost_endpoints(plan: _Plan) -> None:
    """Note endpoints whose profile is not in the plan: a change of one would look as if nothing changed."""
    found = plan.found
    known = {profile.name.lower() for profile, _ in found.profiles}
    for name, endpoints in plan.endpoints.items():
        if name not in known and not found.mistakes:
            listed = ", ".join(str(each["name"]) for each in endpoints)
            found.mistakes.append(
                f"{plan.where}: the traffic manager profile {name!r} of the endpoints {listed} is not in the plan, so "
                "what it answers is not known: plan it together with its endpoints"
            )


def _note_state(data: Mapping[str, Any], found: ProviderData, where: str) -> None:
    """Note that the plan failed, or is not of all resources. Source: Terraform, JSON output format, plan."""
    if data.get("errored") is True:
        found.mistakes.append(f"{where}: the plan ended with an error: plan again")
    if data.get("complete") is False:
        found.warnings.append(f"{where}: the plan is of a part (-target, or deferred): other resources are not seen")


def _note_others(resources: list[_Resource], found: ProviderData, where: str) -> None:
    """Note what is not read: DNS resources of other providers, the registrar's, and what Terraform forgets."""
    for each in resources:
        at = f"{where}: {each.address}"
        if each.kind.startswith(_DNS):
            if each.is_forgotten:
                found.warnings.append(f"{at}: Terraform forgets it (removed block): it stays as it is")
        elif _RECORDS.search(each.kind) or (
            each.kind.startswith("azapi_") and _AZAPI.match(str(each.values.get("type") or ""))
        ):
            text = f"{at}: resources of type {each.kind} are not read"
            if each.is_changed:
                found.mistakes.append(f"{text}, and the plan changes it: export the zone from its provider instead")
            else:
                found.warnings.append(f"{text}: its records are not seen")
        elif each.kind.startswith(_REGISTRAR) and each.is_changed:
            found.warnings.append(f"{at}: not read: the name servers at the registrar")


def _resources(data: Mapping[str, Any], side: Side, found: ProviderData, where: str) -> Iterator[_Resource]:
    entries = data["resource_changes"]
    for number, each in enumerate(entries if isinstance(entries, list) else [] if entries is None else [entries]):
        if not isinstance(each, Mapping):
            found.mistakes.append(f"{where}: resource_changes[{number}]: expected an object, not {type(each).__name__}")
            continue
        change = Fields(each.get("change"))
        actions = [str(action) for action in change.items("actions")]
        is_forgotten = actions == ["forget"]  # its ``after`` is null, as if it were deleted
        values = change.get("before" if is_forgotten else side)
        is_deposed = each.get("deposed") is not None  # what is left of a replacement, beside the object itself
        if each.get("mode") == "managed" and values is not None and not is_deposed:
            unknown = change.get("after_unknown") if side == "after" else None
            yield _Resource(
                str(each.get("address")),
                str(each.get("type")),
                Fields(values),
                Fields(unknown),
                is_changed=actions not in (["no-op"], ["read"], ["forget"]),
                is_forgotten=is_forgotten,
                is_created=actions == ["create"],
            )


def _data_sources(data: Mapping[str, Any]) -> Iterator[tuple[str, Fields]]:
    state = Fields(Fields(data.get("prior_state")).get("values"))
    modules = [state.get("root_module")]
    while modules:
        module = Fields(modules.pop())
        modules += module.items("child_modules")
        for each in module.items("resources"):
            yield str(Fields(each).get("type")), Fields(Fields(each).get("values"))


def _add_zone(plan: _Plan, resource: _Resource) -> None:
    name = resource.values.text("name").rstrip(".")
    zone = plan.found.zone(name, f"{resource.kind} {resource.address}")
    plan.managed.add(plain(zone.origin))
    if resource.kind == "aws_route53_zone":
        plan.zone_names[str(resource.values.get("zone_id"))] = name
        plan.zone_names[resource.address] = name
        return
    for each in resource.values.items("soa_record"):
        soa = Fields(each)
        if soa.get("host_name") is None or soa.get("email") is None:
            continue  # of Azure's own choice, known after the apply
        numbers = ("refresh_time", "retry_time", "expire_time", "minimum_ttl")
        serial = str(soa.get("serial_number") or 1)
        names = f"{absolute(soa.text('host_name'))} {absolute(soa.text('email').replace('@', '.'))}"
        value = f"{names} {serial} {' '.join(soa.text(key) for key in numbers)}"
        where = f"{plan.where}: {resource.address}"
        plan.found.add(zone, zone.origin, "SOA", soa.seconds("ttl", default=3600), [value], where)


def _add(plan: _Plan, resource: _Resource) -> None:
    kind = resource.kind
    if kind in _OTHER_ZONES or kind.endswith(("_zone", "_managed_zone", "traffic_manager_profile")):
        return
    if kind.startswith(("azurerm_dns_", "azurerm_private_dns_")) and kind.endswith("_record"):
        _add_azure(plan, resource)
    elif kind == "aws_route53_record":
        _add_aws(plan, resource)
    elif kind.startswith("azurerm_traffic_manager_") and kind.endswith("_endpoint"):
        _add_endpoint(plan, resource)
    elif _RECORDS.search(kind):
        raise DnsChangeError(f"resources of type {kind} are not read: export the zone from its provider instead")
    else:
        plan.found.warnings.append(f"{plan.where}: {resource.address}: not read: {kind} has no records")


def _refuse_unknown(resource: _Resource, *keys: str) -> None:
    """Raise DnsChangeError for an argument that is known only after the apply, or a part of it.

    Of a list the plan has the elements that are known, and null for the others; of a set, only those.
    """
    for key in keys:
        if _has_unknown(resource.unknown.get(key)):
            raise DnsChangeError(f"{key} is known only after the apply: apply what it depends on first, and plan again")


def _has_unknown(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_unknown, value.values()))
    return any(map(_has_unknown, value)) if isinstance(value, list) else value is True


def _add_azure(plan: _Plan, resource: _Resource) -> None:
    values = resource.values
    _refuse_unknown(resource, "name", "zone_name", "ttl", "records", "record", "target_resource_id")
    kind = resource.kind.removesuffix("_record").rpartition("_")[2].upper()
    zone = plan.found.zone(values.text("zone_name"))
    is_private = resource.kind.startswith("azurerm_private_dns_")
    if plan.private.setdefault(zone.origin, is_private) != is_private:
        raise DnsChangeError(
            f"zone {plain(zone.origin)} is public and private, as in split horizon: plan each on its own"
        )
    name, ttl = to_name(values.text("name"), zone.origin), values.seconds("ttl")
    where = f"{plan.where}: {resource.address}"
    target = values.get("target_resource_id")
    if target:
        add_azure_alias(zone, name, kind, ttl, str(target), where)
        return
    render = _AZURE.get(kind)
    if render is None:
        zone.unserved.append(Unserved(where, plain(name), kind, f"record sets of type {kind} are not read from plans"))
        return
    records = [render(each) for each in values.items("records", "record")]
    if not records:
        zone.warnings.append(f"{where}: an empty record set: it has neither records nor a target")
    plan.found.add(zone, name, kind, ttl, records, where)


def _object(*keys: str, name: str = "") -> Callable[[Any], str]:
    def render(entry: Any) -> str:
        words = [Fields(entry).text(key) for key in keys]
        return " ".join([*words, absolute(Fields(entry).text(name))] if name else words)

    return render


def _caa(entry: Any) -> str:
    fields = Fields(entry)
    return f"{fields.text('flags')} {fields.text('tag')} {quote_text(fields.text('value'))}"


_AZURE: Mapping[str, Callable[[Any], str]] = {
    "A": str,
    "AAAA": str,
    "CAA": _caa,
    "CNAME": lambda entry: absolute(str(entry)),
    "MX": _object("preference", name="exchange"),
    "NS": lambda entry: absolute(str(entry)),
    "PTR": lambda entry: absolute(str(entry)),
    "SRV": _object("priority", "weight", "port", name="target"),
    "TXT": lambda entry: quote_text(Fields(entry).text("value")),
}


def _aws_zone(plan: _Plan, resource: _Resource) -> Imported:
    values = resource.values
    known = plan.zone_names.get(str(values.get("zone_id")))
    if known is None:
        full = values.text("fqdn" if values.get("fqdn") else "name").rstrip(".")
        names = sorted({*plan.zone_names.values()}, key=len, reverse=True)
        known = next((name for name in names if full == name or full.endswith(f".{name}")), None)
    if known is None:
        raise DnsChangeError(
            f"zone_id {values.get('zone_id')}: the name of the zone is not in the plan: refer to it by an "
            "aws_route53_zone resource or data source"
        )
    return plan.found.zone(known)


def _add_aws(plan: _Plan, resource: _Resource) -> None:
    values = resource.values
    _refuse_unknown(resource, "name", "type", "ttl", "records")
    zone = _aws_zone(plan, resource)
    name = read_aws_name(values, zone.origin)
    kind = values.text("type").upper()
    where = f"{plan.where}: {resource.address}"
    if resource.is_created and values.get("allow_overwrite") is True:
        text = "allow_overwrite: a record set of this name and type that Terraform does not manage is replaced unseen"
        zone.warnings.append(f"{where}: {text}")
    policy = next((each for each in _ROUTING if values.items(f"{each}_routing_policy")), None)
    if policy or values.get("set_identifier") or values.get("multivalue_answer_routing_policy"):
        reason = f"its answer depends on the routing policy ({policy or 'multivalue'}) of Route 53"
        zone.unserved.append(Unserved(where, plain(name), "ROUTING", reason))
        return
    for each in values.items("alias"):
        target = Fields(each).get("name")
        if target is None:
            raise DnsChangeError("alias is known only after the apply: apply what it depends on first, and plan again")
        alias = to_name(decode_octal(absolute(str(target))))
        zone.name_aliases.append(NameAlias(where, name, None, alias, (to_type(kind),)))
        return
    if values.get("health_check_id"):
        zone.warnings.append(f"{where}: health_check_id is not read: the records are always answered")
    records = [decode_octal(str(each)) for each in values.items("records")]
    if not records:
        raise DnsChangeError("has neither records nor an alias")
    if kind in ("TXT", "SPF"):
        records = [_aws_text(each) for each in records]
    elif kind in NAMED_TYPES:
        records = [make_absolute(kind, each) for each in records]
    plan.found.add(zone, name, kind, values.seconds("ttl"), records, where)


def _aws_text(text: str) -> str:
    """The provider quotes a text itself, and ``""`` inside separates strings."""
    return text if text.startswith('"') else '"' + text.replace('""', '" "') + '"'


def _add_endpoint(plan: _Plan, resource: _Resource) -> None:
    values = resource.values
    _refuse_unknown(resource, "name", "target", "geo_mappings", "subnet")
    kind = resource.kind.removeprefix("azurerm_traffic_manager_").removesuffix("_endpoint")
    profile = last_part(str(values.get("profile_id") or values.get("profile_name") or ""))
    if not profile:
        raise DnsChangeError("profile_id is known only after the apply: apply the profile first, and plan again")
    nested = kind == "nested"
    target = values.get("target")
    if not nested and not target:
        raise DnsChangeError("the plan has no address of its target_resource_id: write the profile in ssosim.toml")
    if values.get("always_serve_enabled"):
        plan.found.warnings.append(f"{plan.where}: {resource.address}: always_serve_enabled is not read")
    try:
        subnets = [text for each in values.items("subnet") for text in split_subnet(Fields(each))]
    except ValueError as error:
        raise DnsChangeError(str(error)) from error
    endpoint = make_endpoint(
        values.text("name"),
        None if nested else str(target),
        profile=last_part(values.text("target_resource_id")) if nested else None,
        enabled=values.get("enabled") is not False,
        priority=values.get("priority"),
        weight=values.get("weight"),
        location=values.get("endpoint_location"),
        regions=tuple(values.items("geo_mappings")),
        subnets=tuple(subnets),
        min_children=values.get("minimum_child_endpoints"),
    )
    plan.endpoints.setdefault(profile.lower(), []).append(endpoint)


def _add_profile(plan: _Plan, resource: _Resource) -> None:
    values = resource.values
    name = values.text("name")
    config = Fields(next(iter(values.items("dns_config")), None))
    monitor = Fields(next(iter(values.items("monitor_config")), None))
    probes = {
        "protocol": str(monitor.get("protocol") or "https").lower(),
        "port": monitor.get("port"),
        "path": monitor.get("path"),
        "interval": monitor.get("interval_in_seconds"),
        "timeout": monitor.get("timeout_in_seconds"),
        "tolerated_failures": monitor.get("tolerated_number_of_failures"),
        "expected": monitor.items("expected_status_code_ranges") or None,
        "headers": [
            f"{Fields(each).text('name')}: {Fields(each).text('value')}" for each in monitor.items("custom_header")
        ],
    }
    data = {
        "name": name,
        "dns_name": str(values.get("fqdn") or f"{config.text('relative_name')}.trafficmanager.net").rstrip("."),
        "ttl": config.seconds("ttl", default=60),
        "routing": values.text("traffic_routing_method"),
        "enabled": str(values.get("profile_status") or "Enabled").lower() == "enabled",
        "max_return": values.get("max_return"),
        "monitor": {key: value for key, value in probes.items() if value is not None}
        if monitor.get("protocol")
        else None,
        "endpoints": sorted(plan.endpoints.get(name.lower(), []), key=lambda each: str(each["name"])),
    }
    plan.found.profiles.append((make_profile(data), f"{plan.where}: {resource.address}"))
