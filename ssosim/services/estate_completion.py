"""Where the services of an estate run: what cannot be, and what a service of another package adds to the estate.

The shipped services need nothing added: the file's own sections describe their names, records and principals.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

import msgspec

from ssosim.estate import SHIPPED, Estate, Realm, RecordSet, Zone
from ssosim.services.lookup import services_with_paths
from ssosim.services.registry import ServiceError, load_service
from ssosim.services.service import KeyTable, Service

__all__ = ["complete_estate"]

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_SPN = re.compile(r"[A-Za-z]+/[A-Za-z0-9._-]+")


def complete_estate(estate: Estate) -> Estate:
    """``estate`` with the DNS records and principals that its services of other packages bring.

    A name that has an address or a CNAME in the file keeps it. Completing an estate twice changes nothing. Raises
    ServiceError with the key path of the entry that cannot be.
    """
    if all(each.name in SHIPPED and each.port is None for host in estate.hosts for each in host.running()):
        return estate
    located = tuple(services_with_paths(estate))
    for (path, service), before in ((each, located[:index]) for index, each in enumerate(located)):
        if problem := _problem(service, estate) or _conflict(service, [other for _, other in before]):
            raise ServiceError(path, f"the service {service.name!r} {problem}")
    brought = [service for _, service in located if service.name not in SHIPPED]
    return msgspec.structs.replace(estate, zones=_zones(estate, brought), realms=_realms(estate, brought))


def _problem(service: Service, estate: Estate) -> str:
    """Why ``service`` cannot run at all; empty if it can."""
    if service.name in SHIPPED:  # the estate's own check has looked at their names
        usual = next((each.port for each in load_service(service.name, estate)), service.port)
        return "" if service.port == usual else f"has port {usual}, and clients know no other"
    if service.application is None:
        return "has no application"
    if not 1 <= service.port <= 65535:
        return f"has port {service.port}; expected 1 to 65535"
    return _name_problem(service.dns_names) or (_key_problem(service.keys, estate) if service.keys else "")


def _name_problem(names: tuple[str, ...]) -> str:
    if not names:
        return "has no DNS name"
    bad = [name for name in names if not _DNS_NAME.fullmatch(name)]
    return f"has the DNS name {bad[0]!r}, which is none; expected e.g. web.corp.contoso.com" if bad else ""


def _key_problem(keys: KeyTable, estate: Estate) -> str:
    if not keys.spns:
        return "has a key table without SPNs"
    if bad := [spn for spn in keys.spns if not _SPN.fullmatch(spn)]:
        return f"has the SPN {bad[0]!r}; expected SERVICE/host, e.g. HTTP/web.corp.contoso.com"
    accounts = [realm.service_account.name for realm in estate.realms]
    known = not keys.account or keys.account in accounts
    return "" if known else f"wants the keys of {keys.account!r}; there is: {', '.join(accounts)}"


def _conflict(service: Service, others: Iterable[Service]) -> str:
    """Why ``service`` cannot run beside ``others``; empty if it can."""
    names = set(service.dns_names)
    for other in others:
        if (other.address, other.port) != (service.address, service.port):
            continue
        where = f"port {service.port} of {service.address}"
        if other.application is None or other.tls != service.tls:
            return f"wants {where}, where {other.name!r} {'has TLS' if other.tls else 'has none'}; give it another port"
        if shared := names & set(other.dns_names):
            return f"wants {where} for {min(shared)}, which {other.name!r} answers for there"
    return ""


def _zones(estate: Estate, services: Iterable[Service]) -> tuple[Zone, ...]:
    zones = list(estate.zones)
    addresses: dict[str, list[str]] = {}
    for service in services:
        for name in service.dns_names:
            addresses.setdefault(name, []).append(service.address)
    for name, found in addresses.items():
        if _is_address(name) or name in _addressed(zones):
            continue
        index = _zone_of(name, zones)
        if index is None:
            zones.append(Zone(name=name))
            index = len(zones) - 1
        zone = zones[index]
        relative = name.removesuffix(zone.name.lower().rstrip(".")).rstrip(".") or "@"
        records = (*zone.records, *_records(relative, dict.fromkeys(found), zone.ttl))
        zones[index] = msgspec.structs.replace(zone, records=records)
    return tuple(zones)


def _is_address(name: str) -> bool:
    """Whether a service answers for an address instead of a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _records(name: str, addresses: Iterable[str], ttl: int) -> Iterator[RecordSet]:
    every = tuple(addresses)
    if fourth := tuple(each for each in every if ":" not in each):
        yield RecordSet(name=name, type="A", ttl=ttl, values=fourth)
    if sixth := tuple(each for each in every if ":" in each):
        yield RecordSet(name=name, type="AAAA", ttl=ttl, values=sixth)


def _addressed(zones: Iterable[Zone]) -> set[str]:
    """The names that have an address or a CNAME."""
    return {
        f"{record.name}.{zone.name}".removeprefix("@.").lower().rstrip(".")
        for zone in zones
        for record in zone.records
        if record.type in ("A", "AAAA", "CNAME")
    }


def _zone_of(name: str, zones: list[Zone]) -> int | None:
    """The place of the zone that holds ``name``: the most specific one."""
    holding = [
        (len(zone.name), index)
        for index, zone in enumerate(zones)
        if f".{name}".endswith(f".{zone.name.lower().rstrip('.')}")
    ]
    return max(holding)[1] if holding else None


def _realms(estate: Estate, brought: Iterable[Service]) -> tuple[Realm, ...]:
    realm = estate.default_realm
    known = {*realm.services, *realm.service_account.spns}
    new = dict.fromkeys(spn for each in brought if each.keys for spn in each.keys.spns if spn not in known)
    changed = msgspec.structs.replace(realm, services=(*realm.services, *new))
    return tuple(changed if each is realm else each for each in estate.realms)
