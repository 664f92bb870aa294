"""What the realms of an estate mean for clients and services: krb5.conf, and the realms in which a service has keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from ssosim.estate import Estate, Realm, User
from ssosim.estate.trusts import find_service_realm, list_host_routes
from ssosim.kerberos import Address, ClientOptions, write_krb5_conf
from ssosim.kerberos.kinit import OtherRealms
from ssosim.services import KeyTable

__all__ = ["KDC_PROXY_PATH", "find_kdc_proxy_url", "name_realm", "realms_of", "write_client_conf"]

KDC_PROXY_PATH = "/KdcProxy"
"""The path of a KDC proxy. Source: MS-KKDCP section 2.1 (the default of Windows)."""


def write_client_conf(
    path: Path,
    estate: Estate,
    kdcs: Mapping[str, Sequence[Address]],
    options: ClientOptions | None = None,
    ca: Path | None = None,
) -> None:
    """Write the krb5.conf of a client in the first realm. ``kdcs``: the addresses of the KDCs, by the realm's name.

    ``ca``: the file with the CA of KDC proxies; without it no proxy is written, and no KDC is looked up in DNS.
    """
    first = estate.default_realm
    lines: dict[str, list[Address | str]] = {}
    for realm in estate.realms:
        lines[realm.name] = [] if realm.dns_lookup_kdc and ca is not None else [*kdcs.get(realm.name, ())]
        if realm.kdc_proxy is not None and ca is not None:
            lines[realm.name].append(f"{_build_proxy_url(realm.kdc_proxy)}\n        http_anchors = FILE:{ca}")
    options = options or ClientOptions()
    if ca is not None:
        options = replace(
            options,
            dns_lookup_kdc=any(realm.dns_lookup_kdc for realm in estate.realms),
            dns_lookup_realm=first.dns_lookup_realm,
        )
    own = lines.pop(first.name)
    write_krb5_conf(
        path, first.name, first.domain, own, options, OtherRealms(kdcs=lines, hosts=tuple(list_host_routes(estate)))
    )


def find_kdc_proxy_url(estate: Estate, user: User) -> str | None:
    """Return the URL of the KDC proxy of the realm of ``user``; None if it has none."""
    proxy = estate.realm_of(user).kdc_proxy
    return None if proxy is None else _build_proxy_url(proxy)


def _build_proxy_url(host: str) -> str:
    return f"https://{host.rstrip('.')}{KDC_PROXY_PATH}"


def realms_of(estate: Estate, keys: KeyTable) -> list[Realm]:
    """Return the realms in which a service has keys: for the account of the cloud, each that has such an account.

    Any other service runs under an account of one realm, the first that has its name. A ticket from another realm where
    the same name is registered is for another account, and the service cannot decrypt it (dotnet/Kerberos.NET#326).
    """
    if keys.account:
        return [realm for realm in estate.realms if realm.service_account.spns]
    own = (realm for realm in estate.realms if any(spn in realm.services for spn in keys.spns))
    return [next(own, estate.default_realm)]


def name_realm(estate: Estate, user: User, spn: str) -> str:
    """Return ``spn`` with the realm whose KDC issues the ticket for ``user``, where that is not the first realm.

    libkrb5 finds it by referrals for a host-based name; a client model's name is no such name.
    """
    if len(estate.realms) == 1 or "@" in spn:
        return spn
    realm = find_service_realm(estate, spn, estate.realm_of(user))
    return spn if realm is estate.default_realm else f"{spn}@{realm.name}"
