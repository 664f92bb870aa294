"""Check the realms of an estate: their KDCs, trusts and KDC proxies, and the accounts that belong to them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ssosim.estate.kdc_hosts import list_kdcs
from ssosim.estate.model import Estate
from ssosim.estate.toml_lines import KeyPath

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
        yield from _samba(estate, index)
    yield from _kdc_proxies(estate)
    members = [("hosts", number, host.realm) for number, host in enumerate(estate.hosts)]
    members += [("users", number, user.realm) for number, user in enumerate(estate.users)]
    for section, number, name in members:
        if name is not None:
            yield from _known((section, number, "realm"), name, names)


def _samba(estate: Estate, index: int) -> Iterator[Mistake]:
    realm = estate.realms[index]
    here: KeyPath = ("realms", index)
    if realm.directory != "samba":
        return
    if len(estate.realms) > 1:
        yield (*here, "directory"), 'a realm of Samba is the only one of its estate; several realms need "mit"'
    for key in ("ticket_lifetime", "renewable_lifetime"):
        seconds = getattr(realm, key)
        if seconds < 3600 or seconds % 3600:
            yield (*here, key), f"{seconds} seconds: Samba has whole hours, at least one"
    if len(realm.netbios) > 15 or not realm.netbios.replace("-", "").isalnum():
        text = f"{realm.netbios!r} is no NetBIOS name of Samba: up to 15 letters, digits and dashes; set netbios_name"
        yield (*here, "netbios_name"), text
    for number, user in enumerate(estate.users):
        if user.authorization_data_size:
            text = 'Samba issues a PAC of its own and copies no such data; this needs a realm with directory = "mit"'
            yield ("users", number, "authorization_data_size"), text
        if user.sam_account is not None and (len(user.sam_account) > 20 or user.sam_account.lower() in _BUILT_IN):
            yield ("users", number, "sam_account"), "a name of up to 20 characters that Samba does not use itself"


_BUILT_IN = ("administrator", "guest", "krbtgt", "labdc$")


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
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    yield path, f"there is no realm {name!r}; {hint}"
