"""Trusts between realms: direction, transitivity within a forest, and routes of hosts, for drawn estates too."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.estate import Estate, Realm, ServiceAccount, default_estate
from ssosim.estate.trusts import (
    HostRoute,
    Trust,
    find_forest,
    find_service_realm,
    find_trust_path,
    list_host_routes,
    list_trusts,
)

NAMES = ("A.TEST", "B.A.TEST", "C.A.TEST", "D.TEST", "E.D.TEST")


def realm(name: str, *, spns: tuple[str, ...] = (), **more: Any) -> Realm:
    """A realm whose domain is its name in lower case."""
    return Realm(name=name, domain=name.lower(), service_account=ServiceAccount(name="SSO$", spns=spns), **more)


def estate_of(*realms: Realm) -> Estate:
    """Contoso with these realms."""
    return replace(default_estate(), realms=realms)


@st.composite
def drawn_estates(draw: st.DrawFn) -> Estate:
    """Realms in up to three forests, each with a parent above it or none, and with trusts of any direction."""
    realms = []
    for index, name in enumerate(NAMES):
        parent = draw(st.none() | st.sampled_from(NAMES[:index])) if index else None
        others = [other for other in NAMES if other != name]
        trusts = draw(st.lists(st.sampled_from(others), max_size=2, unique=True))
        realms.append(realm(name, parent=parent, trusts=tuple(trusts)))
    return estate_of(*realms)


def _steps(estate: Estate, client: str, at: str) -> set[str]:
    """Where a client of ``client`` that has a ticket for ``at`` can go on to, by the rules as they are written down."""
    forest = {each.name: find_forest(estate, each) for each in estate.realms}
    found = set()
    for each in estate.realms:
        trusts_it = at in each.trusts or at == each.parent or each.name == (estate.realm(at) or each).parent
        is_inside = forest[at] == forest[each.name] == forest[client]
        if trusts_it and (is_inside or at == client):
            found.add(each.name)
    return found


@settings(max_examples=30)
@given(estate=drawn_estates())
def test_a_path_is_a_shortest_way_along_trusts(estate: Estate) -> None:
    """Each step is a trust in its direction; no shorter way exists, and where there is none there is no path."""
    for client, target in itertools.product(NAMES, NAMES):
        reached, distance, at = {client}, 0, {client}
        while target not in reached and at:
            at = {name for here in at for name in _steps(estate, client, here)} - reached
            reached |= at
            distance += 1
        path = find_trust_path(estate, client, target)
        if target not in reached:
            assert path is None
            continue
        assert path is not None
        assert len(path) == distance
        assert all(after in _steps(estate, client, before) for before, after in itertools.pairwise((client, *path)))
        assert (path or (client,))[-1] == target


@settings(max_examples=30)
@given(estate=drawn_estates())
def test_trusts_are_listed_once_and_follow_parents_both_ways(estate: Estate) -> None:
    """A trust is a pair of two realms; the order of the realms in a file has no meaning."""
    trusts = list_trusts(estate)
    assert len(set(trusts)) == len(trusts)
    for each in estate.realms:
        assert all(Trust(each.name, other) in trusts for other in each.trusts)
        if each.parent is not None:
            assert {Trust(each.name, each.parent), Trust(each.parent, each.name)} <= set(trusts)
    turned = replace(estate, realms=estate.realms[::-1])
    assert set(list_trusts(turned)) == set(trusts)
    assert all(
        len(find_trust_path(turned, a, b) or "") == len(find_trust_path(estate, a, b) or "")
        for a in NAMES
        for b in NAMES
    )


def test_a_trust_lets_in_the_accounts_of_the_realm_that_is_named() -> None:
    """``trusts`` of a resource domain names the account domain: never the other way round."""
    estate = estate_of(realm("USERS.TEST"), realm("RESOURCES.TEST", trusts=("USERS.TEST",)))
    assert list_trusts(estate) == (Trust("RESOURCES.TEST", "USERS.TEST"),)
    assert find_trust_path(estate, "USERS.TEST", "RESOURCES.TEST") == ("RESOURCES.TEST",)
    assert find_trust_path(estate, "RESOURCES.TEST", "USERS.TEST") is None


def test_a_way_through_a_third_forest_does_not_exist() -> None:
    """A trusts B and B trusts C: accounts of C get no tickets of A (an external trust is not transitive)."""
    estate = estate_of(realm("A.TEST", trusts=("B.TEST",)), realm("B.TEST", trusts=("C.TEST",)), realm("C.TEST"))
    assert find_trust_path(estate, "C.TEST", "B.TEST") == ("B.TEST",)
    assert find_trust_path(estate, "C.TEST", "A.TEST") is None


def test_siblings_meet_at_their_root_or_by_a_shortcut() -> None:
    """Two domains of a forest go through its root; a trust between them is a shortcut, in its direction only."""
    root, left = realm("A.TEST"), realm("B.A.TEST", parent="A.TEST")
    plain = estate_of(root, left, realm("C.A.TEST", parent="A.TEST"))
    assert find_trust_path(plain, "B.A.TEST", "C.A.TEST") == ("A.TEST", "C.A.TEST")
    short = estate_of(root, left, realm("C.A.TEST", parent="A.TEST", trusts=("B.A.TEST",)))
    assert find_trust_path(short, "B.A.TEST", "C.A.TEST") == ("C.A.TEST",)
    assert find_trust_path(short, "C.A.TEST", "B.A.TEST") == ("A.TEST", "B.A.TEST")


@pytest.mark.parametrize(
    ("spn", "client", "found"),
    [
        ("HTTP/web.b.a.test", "D.TEST", "B.A.TEST"),
        ("HTTP/WEB.B.A.TEST", "D.TEST", "B.A.TEST"),
        ("HTTP/b.a.test", "D.TEST", "B.A.TEST"),  # the domain itself
        ("HTTP/xb.a.test", "D.TEST", "A.TEST"),  # a label is whole
        ("MSSQLSvc/db.b.a.test:1433", "D.TEST", "B.A.TEST"),
        ("HTTP/web.b.a.test.", "D.TEST", "B.A.TEST"),
        ("HTTP/sso.cloud", "B.A.TEST", "A.TEST"),  # the global catalog of its forest
        ("HTTP/sso.cloud", "D.TEST", "D.TEST"),  # another forest does not know it
        ("HTTP/sso.cloud:8443", "B.A.TEST", "B.A.TEST"),  # another name
        ("HTTP", "B.A.TEST", "B.A.TEST"),
        ("HTTP/", "B.A.TEST", "B.A.TEST"),
        ("HTTP/web", "B.A.TEST", "B.A.TEST"),
    ],
)
def test_the_realm_of_a_service(spn: str, client: str, found: str) -> None:
    """Its own KDC, the catalog of the forest, then the longest domain that the host is in (name suffix routing)."""
    estate = estate_of(realm("A.TEST", spns=("HTTP/sso.cloud",)), realm("B.A.TEST", parent="A.TEST"), realm("D.TEST"))
    of = estate.realm(client)
    assert of is not None
    assert find_service_realm(estate, spn, of).name == found


@settings(max_examples=30)
@given(
    estate=drawn_estates(),
    client=st.sampled_from(NAMES),
    host=st.sampled_from(["x.a.test", "x.b.a.test", "y.e.d.test", "b.a.test"]),
)
def test_a_kdc_refers_where_the_client_is_led(estate: Estate, client: str, host: str) -> None:
    """What krb5kdc reads in its krb5.conf, and what a client model is told, is one realm for each host."""
    of = estate.realm(client)
    assert of is not None
    routes = {of.domain: client, f".{of.domain}": client} | dict(list_host_routes(estate, of))
    suffixes = [host, *(host[at:] for at, each in enumerate(host) if each == ".")]  # as krb5 hostrealm_profile.c
    routed = next((routes[each] for each in suffixes if each in routes), client)
    assert find_service_realm(estate, f"HTTP/{host}", of).name == routed


def test_routes_name_each_realm_but_the_own() -> None:
    """A domain with and without the leading dot; a host of a service once, without its port, in lower case."""
    first = realm("A.TEST", spns=("HTTP/Sso.Cloud", "MSSQLSvc/sso.cloud:1433"))
    estate = estate_of(first, realm("B.A.TEST", parent="A.TEST"))
    of_second = list(list_host_routes(estate, estate.realms[1]))
    assert of_second == [
        HostRoute(".a.test", "A.TEST"),
        HostRoute("a.test", "A.TEST"),
        HostRoute("sso.cloud", "A.TEST"),
    ]
    assert list(list_host_routes(estate, first)) == [
        HostRoute(".b.a.test", "B.A.TEST"),
        HostRoute("b.a.test", "B.A.TEST"),
    ]
