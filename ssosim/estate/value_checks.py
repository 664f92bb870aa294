"""Checks of single values of an estate that have the type of the schema and still cannot be used in a lab."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from msgspec import Struct

from ssosim.estate.model import DEFAULT_CLIENT_TIMER, Cloud, DnsResolver, Estate
from ssosim.estate.toml_lines import KeyPath

__all__ = ["describe_unusable_address", "find_resolver_value_mistakes", "find_value_mistakes"]

Mistake = tuple[KeyPath, str]

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ACCOUNT = re.compile(r"[A-Za-z0-9._-]+\$?")
_SID = re.compile(r"S-1(-\d+)+")
_EXAMPLES = {4: "192.0.2.10", 6: "2001:db8:1::10"}
_RESERVED = {
    ipaddress.ip_network("100.64.0.0/14"): "which the lab uses for its devices",
    ipaddress.ip_network("2001:db8:64::/48"): "which the lab uses for its devices",
    ipaddress.ip_network("100::/64"): "the discard prefix (RFC 6666)",
}


def find_value_mistakes(estate: Estate) -> Iterator[Mistake]:
    """Yield every value that cannot be used: its key path, and a text that says what is expected."""
    for index, host in enumerate(estate.hosts):
        if problem := describe_unusable_address(host.address):
            yield ("hosts", index, "address"), f"{host.address!r} {problem}"
    for path, name in _names(estate):
        if not _HOST_NAME.fullmatch(name):
            yield path, f"{name!r} is not a host name; expected letters, digits and dashes between dots"
    for path, number, least in _numbers(estate):
        if not least <= number < 2**31:
            yield path, f"{number} is out of range; expected seconds from {least} to {2**31 - 1}"
    yield from _limits(estate)
    yield from _paths(estate)
    yield from _labels(estate)


def _limits(estate: Estate) -> Iterator[Mistake]:
    for here, cloud in _clouds(estate):
        if cloud.request_loop_limit < 0:
            text = f"{cloud.request_loop_limit} is out of range; expected a number of requests, or 0 for no limit"
            yield (*here, "request_loop_limit"), text


def find_resolver_value_mistakes(here: KeyPath, resolver: DnsResolver) -> Iterator[Mistake]:
    """Yield every value of ``resolver``, whose key path is ``here``, that is out of range or would have no effect."""
    yield from _text((*here, "name"), resolver.name)
    for key in ("min_ttl", "max_ttl", "max_negative_ttl"):
        if not 0 <= (number := getattr(resolver, key)) < 2**31:
            yield (*here, key), f"{number} is out of range; expected seconds from 0 to {2**31 - 1}"
    if resolver.min_ttl > resolver.max_ttl:
        yield (*here, "min_ttl"), f"{resolver.min_ttl} is more than max_ttl, {resolver.max_ttl}"
    if not 0 <= resolver.client_timer < 2**31:
        yield (*here, "client_timer"), f"{resolver.client_timer} is out of range; expected seconds"
    elif resolver.client_timer != DEFAULT_CLIENT_TIMER and not resolver.serve_stale:
        text = "is how long a resolver waits before it answers with stale records; set serve_stale = true"
        yield (*here, "client_timer"), text


def describe_unusable_address(text: str) -> str:
    """Return why a host of the lab cannot have this address; empty if it can."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "is not an IP address"
    if address.is_unspecified or address.is_multicast or address.is_loopback or address.is_reserved:
        return "is not an address that a host can have; expected one like 192.0.2.10"
    # An IPv6 link-local address needs the name of an interface; an IPv4 one, such as 169.254.169.254, does not.
    if (address.is_link_local and address.version == 6) or str(address) != text:
        return (
            f"is not an address that a host can have; expected one like {_EXAMPLES[address.version]}, in its short form"
        )
    for network, whose in _RESERVED.items():
        if address in network:
            return f"is in {network}, {whose}"
    return ""


def _clouds(estate: Estate) -> Iterator[tuple[KeyPath, Cloud]]:
    """Yield every cloud with its key path."""
    yield ("cloud",), estate.cloud
    for index, cloud in enumerate(estate.clouds):
        yield ("clouds", index), cloud


def _names(estate: Estate) -> Iterator[tuple[KeyPath, str]]:
    for here, cloud in _clouds(estate):
        yield from (((*here, "login_hosts", index), name) for index, name in enumerate(cloud.login_hosts))
        yield (*here, "autologon_host"), cloud.autologon_host
    for index, tenant in enumerate(estate.tenants):
        yield ("tenants", index, "initial_domain"), tenant.initial_domain
        for number, domain in enumerate(tenant.domains):
            yield ("tenants", index, "domains", number, "name"), domain.name
    for index, service in enumerate(estate.federation_services):
        yield ("federation_services", index, "host"), service.host
    for index, profile in enumerate(estate.traffic_managers):
        yield ("traffic_managers", index, "dns_name"), profile.dns_name


def _numbers(estate: Estate) -> Iterator[tuple[KeyPath, int, int]]:
    for here, cloud in _clouds(estate):
        yield (*here, "assertion_lifetime"), cloud.assertion_lifetime, 1
        yield (*here, "access_token_lifetime"), cloud.access_token_lifetime, 1
        yield (*here, "request_loop_window"), cloud.request_loop_window, 1
        yield (*here, "refresh_token_lifetime"), cloud.refresh_token_lifetime, 1
        yield (*here, "refresh_in_from"), cloud.refresh_in_from, 0
        yield (*here, "clock_skew"), cloud.clock_skew, 0
    for index, realm in enumerate(estate.realms):
        yield ("realms", index, "ticket_lifetime"), realm.ticket_lifetime, 1
        yield ("realms", index, "renewable_lifetime"), realm.renewable_lifetime, 0
    for index, service in enumerate(estate.federation_services):
        yield ("federation_services", index, "token_lifetime"), service.token_lifetime, 1


def _paths(estate: Estate) -> Iterator[Mistake]:
    for here, cloud in _clouds(estate):
        if not cloud.login_hosts:
            yield (*here, "login_hosts"), "needs at least one name, e.g. login.microsoftonline.com"
        for key in ("mex_path", "trust_path"):
            path = getattr(cloud, key)
            if not re.fullmatch(r"/[!-z|~]*", path.replace("{domain}", "x")):
                yield (*here, key), f"{path!r} is not a path; expected e.g. /{{domain}}/winauth/trust/2005"


def _labels(estate: Estate) -> Iterator[Mistake]:
    for index, realm in enumerate(estate.realms):
        account = realm.service_account.name
        if not _ACCOUNT.fullmatch(account):
            where: KeyPath = ("realms", index, "service_account", "name")
            yield where, f"{account!r} is not an account; expected e.g. AZUREADSSOACC$"
    for index, user in enumerate(estate.users):
        if user.sid is not None and not _SID.fullmatch(user.sid):
            yield (
                ("users", index, "sid"),
                f"{user.sid!r} is not a security identifier; expected e.g. S-1-5-21-1-2-3-1101",
            )
    for index, service in enumerate(estate.federation_services):
        if not _FILE_NAME.fullmatch(service.name):
            yield (
                ("federation_services", index, "name"),
                f"{service.name!r}: letters, digits, dot, dash, underscore only",
            )
    for path, text in _free_texts(estate):
        yield from _text(path, text)


def _free_texts(estate: Estate) -> Iterator[tuple[KeyPath, str]]:
    """Yield texts of any form that are sent to clients, compared with theirs, or shown: an empty one is none."""
    yield ("name",), estate.name
    for here, cloud in _clouds(estate):
        yield (*here, "audience_urn"), cloud.audience_urn
        yield (*here, "cloud_instance_name"), cloud.cloud_instance_name
    named: list[tuple[KeyPath, Struct, tuple[str, ...]]] = []
    for index, tenant in enumerate(estate.tenants):
        named.append((("tenants", index), tenant, ("display_name",)))
        named += [
            (("tenants", index, "domains", n), each, ("federation_issuer",)) for n, each in enumerate(tenant.domains)
        ]
        policies = tenant.conditional_access_policies
        named += [
            (("tenants", index, "conditional_access_policies", n), each, ("name",)) for n, each in enumerate(policies)
        ]
    for index, profile in enumerate(estate.traffic_managers):
        named += [(("traffic_managers", index, "endpoints", n), e, ("name",)) for n, e in enumerate(profile.endpoints)]
    for section, keys in _NAMED.items():
        named += [((section, index), entry, keys) for index, entry in enumerate(getattr(estate, section))]
    named += [(("dns", "locations", index), each, ("name",)) for index, each in enumerate(estate.dns.locations)]
    for path, entry, keys in named:
        yield from (((*path, key), value) for key in keys if (value := getattr(entry, key)) is not None)


_NAMED = {
    "hosts": ("name",),
    "devices": ("name",),
    "users": ("immutable_id",),
    "applications": ("name",),
    "federation_services": ("issuer", "token_type"),
}
"""Keys of sections that have a text of any form."""


def _text(path: KeyPath, text: str) -> Iterator[Mistake]:
    if not text.isprintable() or not text:
        yield path, f"{text!r}: must not be empty nor hold control characters"
