"""Traffic manager profiles as JSON: ``az network traffic-manager profile list`` or ``show``, and the REST API.

A profile's DNS name is in a zone of Microsoft (``trafficmanager.net``); that zone is added if no zone that is read has
it. Source: REST API of Traffic Manager, profiles; azure-cli, ``az network traffic-manager``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from ssosim.dns.imports.azure_ids import last_part
from ssosim.dns.imports.provider_data import Fields, ProviderData
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.estate import TrafficManager
from ssosim.estate.model import Routing

__all__ = ["is_traffic_manager", "make_endpoint", "make_profile", "read_traffic_manager", "split_subnet"]

_TYPE = re.compile(r"Microsoft\.Network/traffic[mM]anager[pP]rofiles$", re.IGNORECASE)
ROUTINGS = get_args(Routing)
HTTP_PORTS = {"http": 80, "https": 443}


def is_traffic_manager(data: object) -> bool:
    """Whether the JSON object is a traffic manager profile."""
    return isinstance(data, Mapping) and _TYPE.search(str(data.get("type", ""))) is not None


def read_traffic_manager(data: Mapping[str, Any], found: ProviderData, where: str) -> None:
    """Add one profile. Raises DnsChangeError."""
    fields = _flat(data)
    name = fields.text("name")
    where = f"{where} ({name})"
    config = Fields(fields.get("dnsConfig"))
    endpoints = []
    for each in fields.items("endpoints"):
        endpoint = _flat(each)
        made = _endpoint(endpoint, f"{where}: endpoint {endpoint.get('name')}", found)
        if made is not None:
            endpoints.append(made)
    profile = make_profile(
        {
            "name": name,
            "dns_name": str(config.get("fqdn") or f"{config.text('relativeName')}.trafficmanager.net").rstrip("."),
            "ttl": config.seconds("ttl", default=60),
            "routing": fields.text("trafficRoutingMethod"),
            "enabled": _is_enabled(fields.get("profileStatus")),
            "max_return": fields.get("maxReturn"),
            "monitor": _monitor(Fields(fields.get("monitorConfig"))),
            "endpoints": endpoints,
        }
    )
    found.profiles.append((profile, where))


def make_profile(data: dict[str, Any]) -> TrafficManager:
    """Make the profile of plain data; ``routing`` is as Azure names it. Raises DnsChangeError."""
    routing = str(data["routing"]).lower()
    if routing not in ROUTINGS:
        raise DnsChangeError(f"routing method {data['routing']!r}: expected one of {', '.join(ROUTINGS)}")
    # the REST API has maxReturn for MultiValue profiles, and 0 or null for the others
    data |= {"routing": routing, "max_return": data["max_return"] if routing == "multivalue" else None}
    try:
        return msgspec.convert(data, TrafficManager)
    except msgspec.ValidationError as error:
        raise DnsChangeError(f"profile {data['name']!r}: {error}") from error


def make_endpoint(name: str, target: str | None, **others: Any) -> dict[str, Any]:
    """The plain data of an endpoint; ``target`` is an address or a DNS name. What is None has its default."""
    data: dict[str, Any] = {"name": name} | {key: value for key, value in others.items() if value is not None}
    if target:
        try:
            data["address"] = str(ipaddress.ip_address(target))
        except ValueError:
            data["target"] = target.rstrip(".")
    return data


def split_subnet(subnet: Fields) -> list[str]:
    """The networks of one entry of subnet routing: first address with a prefix length, or first and last address."""
    first = ipaddress.ip_address(subnet.text("first"))
    if subnet.get("last"):
        last = ipaddress.ip_address(subnet.text("last"))
        try:
            return [str(each) for each in ipaddress.summarize_address_range(first, last)]
        except (TypeError, ValueError) as error:
            raise DnsChangeError(f"subnet {first} - {last}: {error}") from error
    length = first.max_prefixlen if subnet.get("scope") is None else int(subnet.text("scope"))
    return [str(ipaddress.ip_network(f"{first}/{length}", strict=False))]


def _endpoint(endpoint: Fields, where: str, found: ProviderData) -> dict[str, Any] | None:
    kind = str(endpoint.get("type") or "").rpartition("/")[2].lower()
    target = endpoint.get("target")
    nested = kind == "nestedendpoints"
    if _is_enabled(endpoint.get("alwaysServe"), default=False):
        found.warnings.append(f"{where}: alwaysServe is not read: its health counts here")
    if not nested and not target:
        raise DnsChangeError(
            f"endpoint {endpoint.get('name')!r} has no target: the address of {endpoint.get('targetResourceId')} is "
            "not known; give it a DNS label, or write the profile in ssosim.toml"
        )
    try:
        subnets = [text for each in endpoint.items("subnets") for text in split_subnet(Fields(each))]
    except ValueError as error:
        raise DnsChangeError(f"endpoint {endpoint.get('name')!r}: {error}") from error
    return make_endpoint(
        endpoint.text("name"),
        None if nested else str(target),
        profile=last_part(endpoint.text("targetResourceId")) if nested else None,
        enabled=_is_enabled(endpoint.get("endpointStatus")),
        priority=endpoint.get("priority"),
        weight=endpoint.get("weight"),
        location=endpoint.get("endpointLocation"),
        regions=tuple(endpoint.items("geoMapping")),
        subnets=tuple(subnets),
        min_children=endpoint.get("minChildEndpoints"),
    )


def _monitor(config: Fields) -> dict[str, Any] | None:
    """The probes; None where Azure has none configured."""
    protocol = str(config.get("protocol") or "").lower()
    if not protocol:
        return None
    ranges = [Fields(each) for each in config.items("expectedStatusCodeRanges")]
    headers = [Fields(each) for each in config.items("customHeaders")]
    data = {
        "protocol": protocol,
        "port": config.get("port"),
        "path": config.get("path"),
        "interval": config.get("intervalInSeconds"),
        "timeout": config.get("timeoutInSeconds"),
        "tolerated_failures": config.get("toleratedNumberOfFailures"),
        "expected": [f"{each.text('min')}-{each.text('max')}" for each in ranges] or None,
        "headers": [f"{each.text('name')}: {each.text('value')}" for each in headers],
    }
    return {key: value for key, value in data.items() if value is not None}


def _is_enabled(status: object, *, default: bool = True) -> bool:
    return default if status is None else str(status).lower() in ("enabled", "true")


def _flat(data: object) -> Fields:
    """The fields of a resource, those in its ``properties`` (REST API) beside the others (azure-cli)."""
    plain = dict(data) if isinstance(data, Mapping) else {}
    inner = plain.get("properties")
    return Fields({**plain, **(inner if isinstance(inner, Mapping) else {})})
