"""Names of an estate in texts of scenarios: ``{autologon}`` is the estate's autologon host, and so on.

So a scenario plays on any estate. ``{{autologon}}`` stands for the text ``{autologon}``. A name after ``$`` or ``%``
belongs to a shell or to a program (``${user}``, ``%{http_code}``) and stays as it is.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from ssosim.estate.device_choice import DeviceChoice, choose_device
from ssosim.estate.model import Cloud, Device, Estate, FederationService, RecordSet, Zone

__all__ = ["PLACEHOLDERS", "PlaceholderError", "expand", "find_placeholders", "find_unknown"]


class PlaceholderError(ValueError):
    """A placeholder that means nothing on this estate; the text says which, and what the estate needs."""


_PLACEHOLDER = re.compile(r"(?<![$%{])\{([a-z][a-z0-9_]*)\}(?!\})")
_PLAIN = re.compile(r"(?<![$%{])\{\{([a-z][a-z0-9_]*)\}\}(?!\})")
_NO_HTTPS = ("kdc", "dns")


def expand(text: str, estate: Estate, device: Device | None = None) -> str:
    """Return ``text`` with the names of ``estate``. Raises PlaceholderError for a name that the estate does not have.

    ``{user}``, ``{domain}``, ``{host}`` and ``{device}`` are those of ``device``, by default of the first device with a
    user of a managed domain. Other words in braces stay as they are; ``find_unknown`` finds them.
    """
    if "{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        read = PLACEHOLDERS.get(match[1])
        return match[0] if read is None else read(estate, device)

    def plain(match: re.Match[str]) -> str:
        return match[0][1:-1] if match[1] in PLACEHOLDERS else match[0]

    return _PLAIN.sub(plain, _PLACEHOLDER.sub(value, text))


def find_placeholders(text: str) -> tuple[str, ...]:
    """Return the words of ``text`` that are written as placeholders, known or not."""
    return tuple(match[1] for match in _PLACEHOLDER.finditer(text))


def find_unknown(text: str) -> str:
    """Return a sentence about the first placeholder in ``text`` that does not exist; empty if there is none."""
    wrong = next((name for name in find_placeholders(text) if name not in PLACEHOLDERS), None)
    if wrong is None:
        return ""
    near = difflib.get_close_matches(wrong, PLACEHOLDERS, n=1)
    hint = f"; did you mean {{{near[0]}}}?" if near else ""
    return f"there is no placeholder {{{wrong}}}; known: {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}{hint}"


def _find_device(estate: Estate, device: Device | None) -> Device:
    if device is not None:
        return device
    choice = DeviceChoice()
    if (found := choose_device(estate, choice)) is None:
        raise PlaceholderError(f"needs {choice}; the estate {estate.name!r} has none")
    return found


def _user(estate: Estate, device: Device | None) -> str:
    return _find_device(estate, device).user


def _domain(estate: Estate, device: Device | None) -> str:
    return _user(estate, device).rpartition("@")[2]


def _device(estate: Estate, device: Device | None) -> str:
    return _find_device(estate, device).name


def _host(estate: Estate, device: Device | None) -> str:
    """Return the host that takes the user's Kerberos ticket."""
    found = estate.domain(_domain(estate, device))
    service = None if found is None else estate.federation_service(found[1].federation or "")
    return _cloud(estate, device).autologon_host if service is None else service.host


def _cloud(estate: Estate, device: Device | None) -> Cloud:
    """Return the cloud of the user of ``device``; that of ``[cloud]`` for no device in particular."""
    return estate.cloud if device is None else estate.cloud_of_user(device.user)


def _autologon(estate: Estate, device: Device | None) -> str:
    return _cloud(estate, device).autologon_host


def _login(estate: Estate, device: Device | None) -> str:
    return _cloud(estate, device).login_hosts[0]


def _find_autologon_zone(estate: Estate) -> Zone:
    name = estate.cloud.autologon_host.rstrip(".").lower()
    fitting = [zone for zone in estate.zones if f".{name}".endswith(f".{zone.name.rstrip('.').lower()}")]
    if not fitting:
        raise PlaceholderError(f"needs a zone that holds {name}; the estate {estate.name!r} has none: add [[zones]]")
    return max(fitting, key=lambda zone: len(zone.name.rstrip(".")))


def _autologon_zone(estate: Estate, _: Device | None) -> str:
    return _find_autologon_zone(estate).name.rstrip(".")


def _full_name(record: RecordSet, zone: Zone) -> str:
    if record.name.endswith("."):
        return record.name.rstrip(".").lower()
    origin = zone.name.rstrip(".").lower()
    return origin if record.name == "@" else f"{record.name.lower()}.{origin}"


def _profile(estate: Estate, _: Device | None) -> str:
    """Return the traffic manager profile behind the alias record set of the autologon host."""
    host = estate.cloud.autologon_host
    zone = _find_autologon_zone(estate)
    wanted, seen = host.rstrip(".").lower(), set[str]()
    while wanted not in seen:
        seen.add(wanted)
        record = next((each for each in zone.records if _full_name(each, zone) == wanted and each.type == "A"), None)
        if record is not None and record.alias is not None:
            return record.alias
        if record is None or record.alias_record is None:
            break
        wanted = _full_name(RecordSet(name=record.alias_record, type="A"), zone)
    raise PlaceholderError(
        f"needs a traffic manager profile behind {host}; the estate {estate.name!r} has none: add [[traffic_managers]] "
        f'and, in the zone {zone.name} an alias record set: type = "A", alias = the name of the profile'
    )


def _autologon_address(estate: Estate, _: Device | None) -> str:
    found = [each for each in estate.addresses("autologon") if ipaddress.ip_address(each).version == 4]
    if not found:
        raise PlaceholderError(f"needs a host with an IPv4 address for the service autologon in {estate.name!r}")
    return found[-1]


def _find_federation(estate: Estate) -> tuple[str, FederationService]:
    for tenant in estate.tenants:
        for domain in tenant.domains:
            service = estate.federation_service(domain.federation or "")
            if domain.kind == "federated" and service is not None:
                return domain.name, service
    raise PlaceholderError(
        f"needs a federated domain; the estate {estate.name!r} has none: add one to [[tenants.domains]] with "
        'kind = "federated", and its [[federation_services]]'
    )


def _federation(estate: Estate, _: Device | None) -> str:
    return _find_federation(estate)[1].host


def _federated_domain(estate: Estate, _: Device | None) -> str:
    return _find_federation(estate)[0]


def _names_of(estate: Estate, address: str) -> Iterator[str]:
    for zone in estate.zones:
        yield from (_full_name(each, zone) for each in zone.records if each.type == "A" and address in each.values)


def _kdc(estate: Estate, _: Device | None) -> str:
    """Return a name of a host without HTTPS: of a KDC, else of a DNS server."""
    for service in _NO_HTTPS:
        for host in estate.hosts:
            services = [each.name for each in host.service_entries()]
            if service in services and set(services) <= set(_NO_HTTPS):
                for name in _names_of(estate, host.address):
                    return name
    raise PlaceholderError(
        f"needs a host that runs the KDC only, with an A record; the estate {estate.name!r} has none: see [[hosts]]"
    )


def _audience_urn(estate: Estate, device: Device | None) -> str:
    return _cloud(estate, device).audience_urn


def _cloud_instance_name(estate: Estate, device: Device | None) -> str:
    return _cloud(estate, device).cloud_instance_name


PLACEHOLDERS: Mapping[str, Callable[[Estate, Device | None], str]] = MappingProxyType(
    {
        "user": _user,
        "domain": _domain,
        "host": _host,
        "device": _device,
        "login": _login,
        "autologon": _autologon,
        "autologon_zone": _autologon_zone,
        "autologon_address": _autologon_address,
        "profile": _profile,
        "federation": _federation,
        "federated_domain": _federated_domain,
        "kdc": _kdc,
        "audience_urn": _audience_urn,
        "cloud_instance_name": _cloud_instance_name,
    }
)
"""The placeholders, and how each is read from an estate and a device."""
