"""The KDCs of an estate: the hosts with the service ``kdc``, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ssosim.estate.model import Estate

__all__ = ["KdcHost", "find_kdc_at", "list_kdcs"]


class KdcHost(NamedTuple):
    """One KDC: the name of its host, its realm, and its addresses."""

    name: str
    realm: str
    addresses: tuple[str, ...]


def list_kdcs(estate: Estate, realm: str | None = None) -> tuple[KdcHost, ...]:
    """Return the KDCs of ``realm`` (None: of all realms), in file order: the order in which clients ask them."""
    found: dict[tuple[str, str], list[str]] = {}
    for host in estate.hosts:
        of = estate.realm_of(host).name
        if realm in (None, of) and any(each.name == "kdc" for each in host.service_entries()):
            found.setdefault((host.name, of), []).append(host.address)
    return tuple(KdcHost(name, of, tuple(addresses)) for (name, of), addresses in found.items())


def find_kdc_at(estate: Estate, address: str) -> KdcHost | None:
    """Return the KDC at ``address``; None if there is none."""
    return next((kdc for kdc in list_kdcs(estate) if address in kdc.addresses), None)
