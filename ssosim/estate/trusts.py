"""Trusts between the realms of an estate: which realm's accounts get tickets for which realm's services.

The domains of one forest trust each other both ways: a domain names its ``parent``. Other trusts are one-way: a realm
names in ``trusts`` those whose accounts it lets in. Source: Microsoft documentation, How domain and forest trusts work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ssosim.spn import read_spn_host

if TYPE_CHECKING:
    from ssosim.estate.model import Estate, Realm

__all__ = [
    "HostRoute",
    "Trust",
    "find_forest",
    "find_service_realm",
    "find_trust_path",
    "list_host_routes",
    "list_trusts",
]


class Trust(NamedTuple):
    """``trusting`` lets in the accounts of ``trusted``: the key of the principal krbtgt/TRUSTING@TRUSTED."""

    trusting: str
    trusted: str


class HostRoute(NamedTuple):
    """A host, or with a leading dot all hosts of a domain, and the realm that has its accounts."""

    host: str
    realm: str


def list_trusts(estate: Estate) -> tuple[Trust, ...]:
    """Return the direct trusts of ``estate``, those to a parent domain both ways."""
    found: dict[Trust, None] = {}
    for realm in estate.realms:
        if realm.parent is not None:
            found |= dict.fromkeys((Trust(realm.name, realm.parent), Trust(realm.parent, realm.name)))
        found |= dict.fromkeys(Trust(realm.name, trusted) for trusted in realm.trusts)
    return tuple(found)


def find_forest(estate: Estate, realm: Realm) -> str:
    """Return the root domain of the forest of ``realm``."""
    seen = {realm.name}
    while realm.parent is not None and realm.parent not in seen and (above := estate.realm(realm.parent)) is not None:
        realm = above
        seen.add(realm.name)
    return realm.name


def list_host_routes(estate: Estate, realm: Realm | None = None) -> Iterator[HostRoute]:
    """Yield the hosts of other realms that the KDC of ``realm`` knows, and so gives referrals for.

    Within its forest it knows every service principal name (the global catalog); of another forest it knows the domain
    only (name suffix routing). So a name of the cloud, which is in no domain, is found in the own forest alone: each
    forest needs its own AZUREADSSOACC. ``realm`` None: the routes of clients, which know domains only. Source:
    Microsoft documentation, "Seamless single sign-on: troubleshooting" (the user's forest must have it set up) and
    "How domain and forest trusts work".
    """
    forest = None if realm is None else find_forest(estate, realm)
    for other in estate.realms:
        if realm is not None and other.name == realm.name:
            continue
        yield from (HostRoute(f".{other.domain}", other.name), HostRoute(other.domain, other.name))
        if realm is not None and find_forest(estate, other) == forest:
            own = set(_list_hosts(realm))
            hosts = _list_hosts(other)
            yield from (HostRoute(host, other.name) for host in dict.fromkeys(hosts) if host not in own)


def _list_hosts(realm: Realm) -> Iterator[str]:
    """Yield the hosts in the service principal names of ``realm``, in lower case: KDCs and clients compare them so."""
    for spn in (*realm.service_account.spns, *realm.services):
        yield read_spn_host(spn)


def find_service_realm(estate: Estate, spn: str, client_realm: Realm) -> Realm:
    """Return the realm whose KDC a client of ``client_realm`` is led to for a ticket for ``spn``.

    Its own KDC answers if it has the name, else refers to another domain of the forest that has it, else to the realm
    of the host's domain. A name that is in none of them stays with its own KDC, which does not know it. Names are
    compared without regard to case (MS-KILE section 3.3.5.1.1).
    """
    host = read_spn_host(spn)
    forest = find_forest(estate, client_realm)
    near = (client_realm, *(realm for realm in estate.realms if find_forest(estate, realm) == forest))
    for realm in near:
        if spn.lower() in [each.lower() for each in (*realm.service_account.spns, *realm.services)]:
            return realm
    inside = [realm for realm in estate.realms if f".{host}".endswith(f".{realm.domain.lower()}")]
    return max(inside, key=lambda realm: len(realm.domain), default=client_realm)


def find_trust_path(estate: Estate, client_realm: str, target: str) -> tuple[str, ...] | None:
    """Return the realms through which a client of ``client_realm`` gets to ``target``, without the first; None: none.

    Trusts within a forest are transitive; across forests the client goes from its own realm to one that trusts it
    directly. Source: Microsoft documentation, How domain and forest trusts work.
    """
    if client_realm == target:
        return ()
    trusts = list_trusts(estate)
    within = {realm.name: find_forest(estate, realm) for realm in estate.realms}
    paths: dict[str, tuple[str, ...]] = {client_realm: ()}
    waiting = [client_realm]
    while waiting:
        at = waiting.pop(0)
        for trusting, trusted in trusts:
            inside = within.get(at) == within.get(trusting) == within.get(client_realm)
            if trusted == at and trusting not in paths and (inside or at == client_realm):
                paths[trusting] = (*paths[at], trusting)
                waiting.append(trusting)
    return paths.get(target)
