"""Check the realms of an estate: their KDCs, trusts and KDC proxies, and the accounts that belong to them."""

from __future__ import annotations

from collections.abc import Iterator

from ssosim.estate.directory_checks import find_directory_mistakes
from ssosim.estate.kdc_hosts import list_kdcs
from ssosim.estate.model import Estate
from ssosim.estate.toml_lines import KeyPath
from ssosim.nearest import suggest_nearest

__all__ = ["find_realm_mistakes"]

Mistake = tuple[KeyPath, str]


def find_realm_mistakes(estate: Estate) -> Iterator[Mistake]:
    """Yield the key path and the text of each mistake."""
    names = [realm.name for realm in estate.realms]
    kdcs = {kdc.realm for kdc in list_kdcs(estate)}
    for index, realm in enumerate(estate.realms):
        here: KeyPath = ("realms", index)
        if index and realm.name not in kdcs:
            yield ("hosts",), f'needs a host with "kdc" in its services and realm = "{realm.name}"'
        for number, trusted in enumerate(realm.trusts):
            yield from _known((*here, "trusts", number), trusted, names)
            if trusted == realm.name:
                yield (*here, "trusts", number), "a realm does not trust itself"
        if realm.parent is not None:
            yield from _known((*here, "parent"), realm.parent, names)
            if realm.parent == realm.name or _is_circle(estate, realm.name):
                yield (*here, "parent"), "the parents are a circle; the root of a forest has none"
        yield from find_directory_mistakes(estate, index)
    yield from _kdc_proxies(estate)
    members = [("hosts", number, host.realm) for number, host in enumerate(estate.hosts)]
    members += [("users", number, user.realm) for number, user in enumerate(estate.users)]
    for section, number, name in members:
        if name is not None:
            yield from _known((section, number, "realm"), name, names)


def _kdc_proxies(estate: Estate) -> Iterator[Mistake]:
    with_proxy = [realm.name for realm in estate.realms if realm.kdc_proxy is not None]
    if with_proxy and not estate.addresses("kdc-proxy"):
        yield ("hosts",), f'needs a host with "kdc-proxy" in its services: the realm {with_proxy[0]} has a KDC proxy'
    for number, host in enumerate(estate.hosts):
        if {"kdc", "kdc-proxy"} <= {each.name for each in host.service_entries()}:
            text = "a KDC proxy needs a host of its own: devices outside the corporate network reach it, and no KDC"
            yield ("hosts", number, "services"), text
    if estate.addresses("kdc-proxy") and not with_proxy:
        yield ("realms", 0, "kdc_proxy"), 'names no host, and a host has "kdc-proxy" in its services'


def _is_circle(estate: Estate, name: str) -> bool:
    seen: set[str] = set()
    realm = estate.realm(name)
    while realm is not None and realm.parent is not None:
        if realm.name in seen:
            return True
        seen.add(realm.name)
        realm = estate.realm(realm.parent)
    return False


def _known(path: KeyPath, name: str, known: list[str]) -> Iterator[Mistake]:
    if name in known:
        return
    hint = suggest_nearest(name, known) or f"known: {', '.join(known)}"
    yield path, f"there is no realm {name!r}; {hint}"
