"""Find keys of an estate that would be read by nothing: a lab would behave as without them.

Each is refused, since whoever wrote the key expects that it changes something. A key with the value of its default is
not found: it cannot be told from a key that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import fields

from ssosim.estate.managed_identities import KINDS_WITH_IDENTITIES
from ssosim.estate.model import Domain, Estate, TrafficManager
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_unused_keys"]

Mistake = tuple[KeyPath, str]

_OF_THE_ACCOUNT = ("realm", "enctypes", "authorization_data_size", "account_expires")
_OF_FEDERATION = ("federation_issuer", "prompt_login_behavior")
_OF_WSTRUST = ("mex_form", "token_type", "endpoints", "extra_endpoints")
_OF_HTTP = ("path", "expected", "headers")


def find_unused_keys(estate: Estate) -> Iterator[Mistake]:
    """Yield each key that has no effect beside the other keys: its key path, and which key is missing for it."""
    yield from _realms(estate)
    for index, host in enumerate(estate.hosts):
        if host.realm is not None and all(each.name != "kdc" for each in host.service_entries()):
            yield ("hosts", index, "realm"), 'only a host with "kdc" in its services belongs to a realm'
    for index, tenant in enumerate(estate.tenants):
        for number, domain in enumerate(tenant.domains):
            for key, text in _domain(domain):
                yield ("tenants", index, "domains", number, key), text
    yield from _federation_services(estate)
    yield from _users(estate)
    yield from _devices(estate)
    for index, profile in enumerate(estate.traffic_managers):
        for path, text in _profile(profile):
            yield ("traffic_managers", index, *path), text
    yield from _locations(estate)


def _find_changed(entry: Struct, keys: Iterable[str]) -> Iterator[str]:
    """Yield each of ``keys`` whose value in ``entry`` is not its default."""
    defaults = {field.name: field.default for field in fields(entry)}
    yield from (key for key in keys if getattr(entry, key) != defaults[key])


def _realms(estate: Estate) -> Iterator[Mistake]:
    for index, realm in enumerate(estate.realms):
        if index and realm.dns_lookup_realm:  # one krb5.conf, of clients in the first realm
            text = "is a setting of all clients of the estate; set it in the first realm"
            yield ("realms", index, "dns_lookup_realm"), text


def _domain(domain: Domain) -> Iterator[tuple[str, str]]:
    if domain.kind == "managed":
        text = 'is a setting of a domain with kind = "federated" and its federation service'
        yield from ((key, text) for key in _find_changed(domain, _OF_FEDERATION))
    if domain.former_share and domain.former_federation is None:
        yield "former_share", "is the share of answers that name former_federation; set that too"
    if domain.former_federation is not None and not domain.former_share:
        text = "is named by no answer while former_share is 0; set former_share, such as 0.5"
        yield "former_federation", text


def _federation_services(estate: Estate) -> Iterator[Mistake]:
    text = 'is about WS-Trust, which a service with protocol = "SAML20" does not have; leave it out'
    for index, service in enumerate(estate.federation_services):
        if service.protocol == "SAML20":
            yield from ((("federation_services", index, key), text) for key in _find_changed(service, _OF_WSTRUST))


def _users(estate: Estate) -> Iterator[Mistake]:
    for index, user in enumerate(estate.users):
        if user.sam_account is None:
            text = "is a setting of the account in the realm, and this user has none: set sam_account and sid"
            yield from ((("users", index, key), text) for key in _find_changed(user, _OF_THE_ACCOUNT))


def _devices(estate: Estate) -> Iterator[Mistake]:
    listed = {device.name: device.resolvers for device in estate.devices if device.resolvers}
    for index, device in enumerate(estate.devices):
        # Elsewhere it also decides the cloud that the host's metadata name.
        if device.tenant is not None and device.kind not in KINDS_WITH_IDENTITIES:
            text = f'is that of a machine with managed identities, which a device of kind "{device.kind}" is not'
            yield ("devices", index, "tenant"), text
    for index, resolver in enumerate(estate.resolvers):
        for number, name in enumerate(resolver.devices):
            if name in listed and resolver.name not in listed[name]:
                text = f"the device {name!r} names the resolvers that it asks, and this one is not among them"
                yield ("resolvers", index, "devices", number), text


def _profile(profile: TrafficManager) -> Iterator[Mistake]:
    if profile.max_return is not None and profile.routing != "multivalue":
        yield ("max_return",), 'is for routing = "multivalue"; other answers have one endpoint'
    if profile.monitor is not None and profile.monitor.protocol == "tcp":
        text = 'is for the protocols "http" and "https"; a probe over TCP sends no request'
        yield from ((("monitor", key), text) for key in _find_changed(profile.monitor, _OF_HTTP))


def _locations(estate: Estate) -> Iterator[Mistake]:
    """Find locations of endpoints that are as far from every client: performance routing would never choose them."""
    measured = {name for location in estate.dns.locations for name in (location.name, *location.latency)}
    for index, profile in enumerate(estate.traffic_managers):
        if profile.routing != "performance":
            continue
        for number, endpoint in enumerate(profile.endpoints):
            if measured and endpoint.location and endpoint.location not in measured:
                text = (
                    f"no location of [dns] has a latency to {endpoint.location!r}; known: {', '.join(sorted(measured))}"
                )
                yield ("traffic_managers", index, "endpoints", number, "location"), text
