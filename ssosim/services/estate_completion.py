"""Checks of the services in an estate, and the records and principals that services of other packages need.

For DNS, the KDC and the identity provider nothing is added: the estate file describes their names, records and
principals.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

import msgspec

from ssosim.estate import Estate, Realm, RecordSet, Zone
from ssosim.estate.spn_checks import find_spn_problem
from ssosim.services.lookup import services_with_paths
from ssosim.services.registry import ServiceError, load_service
from ssosim.services.service import KeyTable, Service

__all__ = ["complete_estate"]

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_DESCRIBED = frozenset({"dns", "kdc", "kdc-proxy", "login", "autologon", "federation"})
"""The services whose records and principals the estate file has."""


def complete_estate(estate: Estate) -> Estate:
    """Return ``estate`` with the DNS records and principals that services of other packages need.

    A name that has an address or a CNAME in the file keeps it. A second call changes nothing. Raises ServiceError with
    the key path of the entry of a service that cannot run.
    """
    if all(each.name in _DESCRIBED and each.port is None for host in estate.hosts for each in host.service_entries()):
        return estate
    located = tuple(services_with_paths(estate))
    for (path, service), before in ((each, located[:index]) for index, each in enumerate(located)):
        others = [other for _, other in before]
        problem = _find_problem(service, estate) or _find_conflict(service, others)
        if problem := problem or _find_other_spelling(service, estate, others):
            raise ServiceError(path, f"the service {service.name!r} {problem}")
    added = [service for _, service in located if service.name not in _DESCRIBED]
    return msgspec.structs.replace(estate, zones=_add_records(estate, added), realms=_add_principals(estate, added))


def _find_problem(service: Service, estate: Estate) -> str:
    """Return why ``service`` cannot run; empty if it can."""
    if service.name in _DESCRIBED:  # the estate's check has checked their names
        usual = next((each.port for each in load_service(service.name, estate)), service.port)
        return "" if service.port == usual else f"must have port {usual}: clients use no other port"
    if service.application is None:
        return "has no application"
    if not 1 <= service.port <= 65535:
        return f"has port {service.port}; expected 1 to 65535"
    return _find_name_problem(service.dns_names) or (_find_key_problem(service.keys, estate) if service.keys else "")


def _find_name_problem(names: tuple[str, ...]) -> str:
    if not names:
        return "has no DNS name"
    bad = [name for name in names if not _DNS_NAME.fullmatch(name)]
    return f"has the DNS name {bad[0]!r}, which is not valid; expected for example web.corp.contoso.com" if bad else ""


def _find_key_problem(keys: KeyTable, estate: Estate) -> str:
    if not keys.spns:
        return "has a key table without SPNs"
    if bad := [(spn, problem) for spn in keys.spns if (problem := find_spn_problem(spn))]:
        return f"has the SPN {bad[0][0]!r:.300}, which {bad[0][1]}"
    accounts = [realm.service_account.name for realm in estate.realms]
    if keys.account and keys.account not in accounts:
        return f"needs the keys of the account {keys.account!r}, which does not exist; known: {', '.join(accounts)}"
    return ""


def _find_other_spelling(service: Service, estate: Estate, others: Iterable[Service]) -> str:
    """Return which SPN of ``service`` is known in other letters: to Active Directory they are one name."""
    tables = [other.keys.spns for other in others if other.keys]
    tables += [spns for realm in estate.realms for spns in (realm.services, realm.service_account.spns)]
    known = {spn.lower(): spn for spns in tables for spn in spns}
    for spn in service.keys.spns if service.keys else ():
        if (other := known.get(spn.lower(), spn)) != spn:
            return f"has the SPN {spn!r}, which is {other!r} elsewhere: write it as there"
    return ""


def _find_conflict(service: Service, others: Iterable[Service]) -> str:
    """Return why ``service`` cannot run together with ``others``; empty if it can."""
    names = set(service.dns_names)
    for other in others:
        if (other.address, other.port) != (service.address, service.port):
            continue
        where = f"port {service.port} of {service.address}"
        if other.application is None or other.tls != service.tls:
            tls = "with" if other.tls else "without"
            return f"needs {where}, where {other.name!r} listens {tls} TLS; give it another port"
        if shared := names & set(other.dns_names):
            return f"needs {min(shared)} on {where}, which is a name of {other.name!r}"
    return ""


def _add_records(estate: Estate, services: Iterable[Service]) -> tuple[Zone, ...]:
    zones = list(estate.zones)
    addresses: dict[str, list[str]] = {}
    for service in services:
        for name in service.dns_names:
            addresses.setdefault(name, []).append(service.address)
    for name, found in addresses.items():
        if _is_address(name) or name in _names_with_address(zones):
            continue
        index = _find_zone(name, zones)
        if index is None:
            zones.append(Zone(name=name))
            index = len(zones) - 1
        zone = zones[index]
        relative = name.removesuffix(zone.name.lower().rstrip(".")).rstrip(".") or "@"
        records = (*zone.records, *_make_records(relative, dict.fromkeys(found), zone.ttl))
        zones[index] = msgspec.structs.replace(zone, records=records)
    return tuple(zones)


def _is_address(name: str) -> bool:
    """Whether ``name`` is an IP address: a service can have one instead of a DNS name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _make_records(name: str, addresses: Iterable[str], ttl: int) -> Iterator[RecordSet]:
    texts = tuple(addresses)
    if ipv4 := tuple(each for each in texts if ":" not in each):
        yield RecordSet(name=name, type="A", ttl=ttl, values=ipv4)
    if ipv6 := tuple(each for each in texts if ":" in each):
        yield RecordSet(name=name, type="AAAA", ttl=ttl, values=ipv6)


def _names_with_address(zones: Iterable[Zone]) -> set[str]:
    """Return the names that have an address or a CNAME, in lower case."""
    return {
        f"{record.name}.{zone.name}".removeprefix("@.").lower().rstrip(".")
        for zone in zones
        for record in zone.records
        if record.type in ("A", "AAAA", "CNAME")
    }


def _find_zone(name: str, zones: list[Zone]) -> int | None:
    """Return the index of the most specific zone that contains ``name``, or None."""
    holding = [
        (len(zone.name), index)
        for index, zone in enumerate(zones)
        if f".{name}".endswith(f".{zone.name.lower().rstrip('.')}")
    ]
    return max(holding)[1] if holding else None


def _add_principals(estate: Estate, added: Iterable[Service]) -> tuple[Realm, ...]:
    realm = estate.default_realm
    known = {*realm.services, *realm.service_account.spns}
    new = dict.fromkeys(spn for each in added if each.keys for spn in each.keys.spns if spn not in known)
    changed = msgspec.structs.replace(realm, services=(*realm.services, *new))
    return tuple(changed if each is realm else each for each in estate.realms)
