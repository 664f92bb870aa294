"""Check that the parts of an estate fit together: references, duplicates and forms, which a schema does not cover."""

from __future__ import annotations

import difflib
import ipaddress
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from ssosim.estate.account_name_checks import find_account_name_mistakes
from ssosim.estate.application_checks import find_application_mistakes
from ssosim.estate.azure_resource_checks import find_resource_mistakes
from ssosim.estate.cloud_partition import find_cloud_mistakes
from ssosim.estate.credential_checks import find_credential_mistakes
from ssosim.estate.identity_checks import find_identity_mistakes
from ssosim.estate.model import DnsResolver, Estate, Realm, RecordSet
from ssosim.estate.realm_checks import find_realm_mistakes
from ssosim.estate.service_names import SHIPPED_SERVICES, list_service_names
from ssosim.estate.spn_checks import find_spn_problem
from ssosim.estate.toml_lines import KeyPath
from ssosim.estate.traffic_checks import find_location_mistakes, find_profile_mistakes
from ssosim.estate.unused_key_checks import find_unused_keys
from ssosim.estate.user_checks import find_user_mistakes
from ssosim.estate.value_checks import (
    describe_unusable_address,
    find_resolver_value_mistakes,
    find_value_mistakes,
)

__all__ = ["EstateMistake", "find_mistakes", "find_resolver_mistakes"]

_DNS_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_LONGEST_NAME = 253
_UPN = re.compile(r"[^@\s]+@[A-Za-z0-9._-]+")


class EstateMistake(Struct, frozen=True):
    """One mistake: its key path, and a text that says what is wrong and what is expected."""

    path: KeyPath
    text: str


def find_mistakes(estate: Estate) -> Iterator[EstateMistake]:
    """Yield every mistake in ``estate``, in the order of the sections of a file."""
    if not estate.realms:
        yield EstateMistake(("realms",), "needs at least one realm")
        return  # the other checks look for the realm of each member
    for path, text in (*find_value_mistakes(estate), *find_cloud_mistakes(estate)):
        yield EstateMistake(path, text)
    yield from _hosts(estate)
    yield from _realms(estate)
    yield from _tenants(estate)
    yield from _users(estate)
    found = (
        *find_user_mistakes(estate),
        *find_application_mistakes(estate),
        *find_credential_mistakes(estate),
        *find_identity_mistakes(estate),
        *find_resource_mistakes(estate),
        *find_unused_keys(estate),
    )
    for path, text in found:
        yield EstateMistake(path, text)
    yield from _devices(estate)
    yield from _traffic_managers(estate)
    yield from _zones(estate)
    yield from _resolvers(estate)
    yield from _device_resolvers(estate)


def _hosts(estate: Estate) -> Iterator[EstateMistake]:
    for service, reason in _needed_services(estate):
        if all(":" in address for address in estate.addresses(service)):
            yield EstateMistake(
                ("hosts",), f'needs at least one host with "{service}" in its services and an IPv4 address{reason}'
            )
    yield from _unique("hosts", "address", [host.address for host in estate.hosts])
    for index, host in enumerate(estate.hosts):
        names = [each.name for each in host.service_entries()]
        for number, name in enumerate(names):
            here: KeyPath = ("hosts", index, "services", number)
            if name not in SHIPPED_SERVICES and name not in (known := list_service_names()):
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                yield EstateMistake(here, f"there is no service {name!r}; {hint}known: {', '.join(known)}")
            if name in names[:number]:
                yield EstateMistake(here, f"{name!r} is listed already for this host")


def _needed_services(estate: Estate) -> Iterator[tuple[str, str]]:
    """Yield each service that the rest of the file needs, and the reason as the end of a message."""
    yield from (("dns", ""), ("kdc", ""))
    for service in dict.fromkeys(service for _, service in estate.list_identity_hosts()):
        names = ", ".join(name for name, of in estate.list_identity_hosts() if of == service)
        yield service, f": it answers for {names}"


def _realms(estate: Estate) -> Iterator[EstateMistake]:
    yield from _unique("realms", "name", [realm.name for realm in estate.realms])
    yield from _unique("realms", "domain", [realm.domain for realm in estate.realms])
    for index, realm in enumerate(estate.realms):
        yield from _realm(("realms", index), realm)
    for path, text in (*find_realm_mistakes(estate), *find_account_name_mistakes(estate)):
        yield EstateMistake(path, text)


def _realm(here: KeyPath, realm: Realm) -> Iterator[EstateMistake]:
    # A dot at the end would be a part of the name: no host's domain, and no krbtgt principal, has one.
    for key, name, what in (
        ("name", realm.name, "is not a realm name; expected e.g. CORP.CONTOSO.COM"),
        ("domain", realm.domain, "is not a DNS domain; expected e.g. corp.contoso.com"),
    ):
        if not _DNS_NAME.fullmatch(name) or name.endswith(".") or len(name) > _LONGEST_NAME:
            yield EstateMistake((*here, key), f"{name!r:.300} {what}")
    account = realm.service_account
    spns: KeyPath = (*here, "service_account", "spns")
    if not account.spns and here[1] == 0:
        yield EstateMistake(spns, "needs at least one SPN, e.g. HTTP/autologon.microsoftazuread-sso.com")
    taken: set[str] = set()
    for path, names in ((spns, account.spns), ((*here, "services"), realm.services)):
        for index, spn in enumerate(names):
            if spn.lower() in taken:
                text = f"{spn!r} is an SPN of this realm already; to play one on two accounts: the fault spn-duplicate"
                yield EstateMistake((*path, index), text)
            taken.add(spn.lower())
            if problem := find_spn_problem(spn):
                yield EstateMistake((*path, index), f"{spn!r:.300} {problem}")


def _tenants(estate: Estate) -> Iterator[EstateMistake]:
    services = [service.name for service in estate.federation_services]
    yield from _unique("federation_services", "name", services)
    yield from _unique("federation_services", "host", [service.host for service in estate.federation_services])
    yield from _unique("tenants", "id", [tenant.id for tenant in estate.tenants])
    yield from _unique("tenants", "initial_domain", [tenant.initial_domain for tenant in estate.tenants])
    initial = {tenant.initial_domain.lower(): index for index, tenant in enumerate(estate.tenants)}
    seen: dict[str, tuple[int, int]] = {}
    for index, tenant in enumerate(estate.tenants):
        yield from _guid(("tenants", index, "id"), tenant.id)
        for number, domain in enumerate(tenant.domains):
            here: KeyPath = ("tenants", index, "domains", number)
            owner, first = seen.setdefault(domain.name.lower(), (index, number))
            if (owner, first) != (index, number):
                other = estate.tenants[owner].display_name
                yield EstateMistake((*here, "name"), f"{domain.name} is already verified by tenant {other!r}")
            if (owner := initial.get(domain.name.lower(), index)) != index:
                other = estate.tenants[owner].display_name
                yield EstateMistake((*here, "name"), f"{domain.name} is the initial domain of tenant {other!r}")
            if domain.kind == "managed" and domain.federation is not None:
                yield EstateMistake(
                    (*here, "federation"), 'only a domain with kind = "federated" names a federation service'
                )
            if domain.former_federation is not None:
                yield from _known(
                    (*here, "former_federation"), "federation service", domain.former_federation, services
                )
                if domain.kind == "federated":
                    yield EstateMistake((*here, "former_federation"), "only a managed domain has a former service")
            if domain.kind == "federated":
                yield from _known((*here, "federation"), "federation service", domain.federation or "", services)


def _users(estate: Estate) -> Iterator[EstateMistake]:
    yield from _unique("users", "upn", [user.upn for user in estate.users])
    yield from _unique("users", "object_id", [user.object_id for user in estate.users])
    yield from _unique("users", "sam_account", [user.sam_account or f"\0{user.upn}" for user in estate.users])
    yield from _unique("users", "sid", [user.sid or f"\0{user.upn}" for user in estate.users])
    yield from _unique("applications", "client_id", [app.client_id for app in estate.applications])
    tenants = [tenant.initial_domain for tenant in estate.tenants]
    for index, user in enumerate(estate.users):
        if not _UPN.fullmatch(user.upn):
            yield EstateMistake(
                ("users", index, "upn"), f"{user.upn!r} is not a user principal name; expected name@domain"
            )
        yield from _guid(("users", index, "object_id"), user.object_id)
        if estate.tenant(user.tenant) is None:
            yield from _known(("users", index, "tenant"), "tenant", user.tenant, tenants)
        if user.sam_account and not user.sid:
            yield EstateMistake(
                ("users", index, "sid"), "a user with a sam_account needs a sid: it is how a ticket's owner is found"
            )
        if user.sam_account and not re.fullmatch(r"[A-Za-z0-9._-]+", user.sam_account):
            yield EstateMistake(
                ("users", index, "sam_account"), f"{user.sam_account!r}: letters, digits, dot, dash and underscore only"
            )
        if not user.password.isprintable() or not user.password:
            yield EstateMistake(("users", index, "password"), "must not be empty nor hold line breaks or controls")


def _devices(estate: Estate) -> Iterator[EstateMistake]:
    yield from _unique("devices", "name", [device.name for device in estate.devices])
    if not estate.devices:
        yield EstateMistake(("devices",), "needs at least one device: programs run on it")
    for index, device in enumerate(estate.devices):
        if not device.user and device.kind != "desktop":
            continue
        if (owner := estate.user(device.user)) is None:
            yield from _known(("devices", index, "user"), "user", device.user, [user.upn for user in estate.users])
        elif owner.sam_account is None and device.kind == "desktop":
            yield EstateMistake(
                ("devices", index, "user"), f"{device.user} has no sam_account and cannot sign on to a corporate device"
            )


def _traffic_managers(estate: Estate) -> Iterator[EstateMistake]:
    profiles = [profile.name for profile in estate.traffic_managers]
    yield from _unique("traffic_managers", "name", profiles)
    for index, profile in enumerate(estate.traffic_managers):
        here: KeyPath = ("traffic_managers", index)
        for path, text in find_profile_mistakes(profile):
            yield EstateMistake((*here, *path), text)
        for number, endpoint in enumerate(profile.endpoints):
            if endpoint.profile is not None:
                yield from _known(
                    (*here, "endpoints", number, "profile"), "traffic manager", endpoint.profile, profiles
                )
    for path, text in find_location_mistakes(estate.dns.locations):
        yield EstateMistake(("dns", "locations", *path), text)


def _zones(estate: Estate) -> Iterator[EstateMistake]:
    profiles = [profile.name for profile in estate.traffic_managers]
    yield from _unique("zones", "name", [zone.name for zone in estate.zones])
    for index, zone in enumerate(estate.zones):
        if not _DNS_NAME.fullmatch(zone.name):
            yield EstateMistake(("zones", index, "name"), f"{zone.name!r} is not a DNS name")
        for number, record in enumerate(zone.records):
            yield from _record(("zones", index, "records", number), record, profiles)


def _record(here: KeyPath, record: RecordSet, profiles: list[str]) -> Iterator[EstateMistake]:
    if record.alias is not None:
        yield from _known((*here, "alias"), "traffic manager", record.alias, profiles)
    if record.alias is not None and record.alias_record is not None:
        yield EstateMistake((*here, "alias_record"), "an alias has one target: a profile or a record set")
    if record.alias is not None or record.alias_record is not None:
        if record.type not in ("A", "AAAA", "CNAME"):
            yield EstateMistake((*here, "type"), "an alias record set is of type A, AAAA or CNAME")
        if record.values:
            yield EstateMistake((*here, "values"), "an alias record set has no values of its own")
    if record.name != "@" and not _DNS_NAME.fullmatch(record.name):
        yield EstateMistake((*here, "name"), f"{record.name!r} is not a DNS name; use @ for the zone's own name")
    if record.name.endswith("."):
        yield EstateMistake((*here, "name"), f"{record.name!r} ends with a dot; names are relative to the zone")


def _resolvers(estate: Estate) -> Iterator[EstateMistake]:
    devices = [device.name for device in estate.devices]
    hosts = [host.address for host in estate.hosts]
    yield from find_resolver_mistakes(estate.resolvers)
    for index, resolver in enumerate(estate.resolvers):
        here: KeyPath = ("resolvers", index)
        if resolver.address in hosts:
            yield EstateMistake(
                (*here, "address"),
                f"{resolver.address!r} is the address of a host already; give the resolver an address of its own",
            )
        for name in resolver.devices:
            yield from _known((*here, "devices"), "device", name, devices)


def find_resolver_mistakes(resolvers: Sequence[DnsResolver]) -> Iterator[EstateMistake]:
    """Yield every mistake in ``resolvers`` that is one in any estate; a scenario has resolvers too."""
    names = [resolver.name for resolver in resolvers]
    yield from _unique("resolvers", "name", names)
    yield from _unique("resolvers", "address", [resolver.address for resolver in resolvers])
    for index, resolver in enumerate(resolvers):
        here: KeyPath = ("resolvers", index)
        for path, text in find_resolver_value_mistakes(here, resolver):
            yield EstateMistake(path, text)
        if problem := describe_unusable_address(resolver.address):
            yield EstateMistake((*here, "address"), f"{resolver.address!r} {problem}")
        for name in resolver.forward_to:
            # Only to a resolver above it in the file, so that no cycle is possible.
            yield from _known((*here, "forward_to"), "resolver above this one", name, names[:index])
        if resolver.location is not None:
            try:
                ipaddress.ip_network(resolver.location)
            except ValueError:
                yield EstateMistake(
                    (*here, "location"), f"{resolver.location!r} is not a subnet; expected e.g. 10.1.0.0/16"
                )
    if resolvers and all(resolver.devices for resolver in resolvers):
        yield EstateMistake(("resolvers",), "one of them must be for all other devices: leave out its devices")


def _device_resolvers(estate: Estate) -> Iterator[EstateMistake]:
    names = [resolver.name for resolver in estate.resolvers]
    for index, device in enumerate(estate.devices):
        for name in device.resolvers:
            yield from _known(("devices", index, "resolvers"), "resolver", name, names)
        if len(set(device.resolvers)) < len(device.resolvers):
            yield EstateMistake(("devices", index, "resolvers"), "names a resolver twice")


def _guid(path: KeyPath, text: str) -> Iterator[EstateMistake]:
    try:
        uuid.UUID(text)
    except ValueError:
        yield EstateMistake(path, f"{text!r} is not a GUID; expected e.g. {uuid.NAMESPACE_DNS}")


def _unique(section: str, key: str, values: Iterable[str]) -> Iterator[EstateMistake]:
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if (earlier := first.setdefault(value.lower(), index)) != index:
            yield EstateMistake((section, index, key), f"{value!r} is used already at {section}[{earlier}].{key}")


def _known(path: KeyPath, kind: str, name: str, known: list[str]) -> Iterator[EstateMistake]:
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known) or 'none'}"
    yield EstateMistake(path, f"there is no {kind} {name!r}{hint}")
