"""What is asked of an estate: trusts between realms, names for scenarios, and the devices that fit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ssosim.estate import Estate, default_estate
from ssosim.estate.model import Device, Host, Realm, RecordSet, ServiceAccount
from ssosim.estate.placeholders import PLACEHOLDERS, PlaceholderError, expand, find_placeholders, find_unknown
from ssosim.estate.trusts import (
    HostRoute,
    Trust,
    find_forest,
    find_service_realm,
    find_trust_path,
    list_host_routes,
    list_trusts,
)


def realm(name: str, *, spns: tuple[str, ...] = (), **more: object) -> Realm:
    """A realm whose domain is its name in lower case."""
    account = ServiceAccount(name="SSO$", spns=spns)
    return Realm(name=name, domain=name.lower(), service_account=account, **more)  # type: ignore[arg-type]


def estate_of(*realms: Realm) -> Estate:
    """Contoso with these realms."""
    return replace(default_estate(), realms=realms)


ROOT = realm("ROOT.TEST", spns=("HTTP/sso.cloud",))
CHILD = realm("A.ROOT.TEST", parent="ROOT.TEST", services=("HTTP/Web.root.test:8080",))
OTHER_CHILD = realm("B.ROOT.TEST", parent="ROOT.TEST", trusts=("PARTNER.TEST",))
PARTNER = realm("PARTNER.TEST", spns=("HTTP/sso.cloud",), services=("HTTP/x.partner.test",))
FOREST = estate_of(ROOT, CHILD, OTHER_CHILD, PARTNER)


def test_trusts_within_a_forest_go_both_ways() -> None:
    """A domain and its parent trust each other; another trust lets in the accounts of the realm that is named."""
    assert list_trusts(FOREST) == (
        Trust("A.ROOT.TEST", "ROOT.TEST"),
        Trust("ROOT.TEST", "A.ROOT.TEST"),
        Trust("B.ROOT.TEST", "ROOT.TEST"),
        Trust("ROOT.TEST", "B.ROOT.TEST"),
        Trust("B.ROOT.TEST", "PARTNER.TEST"),
    )


def test_a_forest_is_its_root() -> None:
    """The root of the parents; a circle, or a parent that is not there, ends at the last realm that is known."""
    assert [find_forest(FOREST, each) for each in FOREST.realms] == ["ROOT.TEST"] * 3 + ["PARTNER.TEST"]
    circle = estate_of(realm("A", parent="B"), realm("B", parent="A"))
    assert find_forest(circle, circle.realms[0]) == "B"
    assert find_forest(FOREST, realm("X", parent="NOWHERE")) == "X"


@pytest.mark.parametrize(
    ("client", "target", "path"),
    [
        ("A.ROOT.TEST", "A.ROOT.TEST", ()),
        ("A.ROOT.TEST", "ROOT.TEST", ("ROOT.TEST",)),
        ("A.ROOT.TEST", "B.ROOT.TEST", ("ROOT.TEST", "B.ROOT.TEST")),
        ("PARTNER.TEST", "B.ROOT.TEST", ("B.ROOT.TEST",)),
        ("PARTNER.TEST", "ROOT.TEST", None),  # the trust of one domain does not reach through its forest
        ("B.ROOT.TEST", "PARTNER.TEST", None),  # one way
        ("A.ROOT.TEST", "NOWHERE", None),
    ],
)
def test_a_path_goes_through_one_forest_or_directly(client: str, target: str, path: tuple[str, ...] | None) -> None:
    """Trusts are transitive within a forest only; across forests the client needs a direct one."""
    assert find_trust_path(FOREST, client, target) == path


@pytest.mark.parametrize(
    ("spn", "client", "found"),
    [
        ("HTTP/sso.cloud", PARTNER, "PARTNER.TEST"),  # its own KDC first
        ("HTTP/sso.cloud", CHILD, "ROOT.TEST"),  # another domain of the forest
        ("http/SSO.Cloud", CHILD, "ROOT.TEST"),  # in other letters
        ("HTTP/web.root.test:8080", OTHER_CHILD, "A.ROOT.TEST"),
        ("HTTP/any.A.Root.Test.", PARTNER, "A.ROOT.TEST"),  # by the domain of the host, the longest
        ("HTTP/any.root.test", PARTNER, "ROOT.TEST"),
        ("HTTP/x.partner.test", CHILD, "PARTNER.TEST"),
        ("HTTP/nowhere.example", CHILD, "A.ROOT.TEST"),  # stays with its own KDC
        ("HTTP/myroot.test", PARTNER, "PARTNER.TEST"),  # no part of a label
    ],
)
def test_a_client_is_led_to_the_realm_of_a_service(spn: str, client: Realm, found: str) -> None:
    """By the name in the own forest, else by the domain of the host, else nowhere."""
    assert find_service_realm(FOREST, spn, client).name == found


def test_a_kdc_knows_the_hosts_of_its_forest_and_the_domains_of_others() -> None:
    """Names without a domain of their own, such as that of the cloud, are found in the own forest alone."""
    of_child = list(list_host_routes(FOREST, CHILD))
    assert HostRoute("sso.cloud", "ROOT.TEST") in of_child
    assert HostRoute(".partner.test", "PARTNER.TEST") in of_child
    assert HostRoute("partner.test", "PARTNER.TEST") in of_child
    assert not any(route.realm == "A.ROOT.TEST" for route in of_child)
    assert HostRoute("web.root.test", "A.ROOT.TEST") in list_host_routes(FOREST, ROOT)
    assert HostRoute("sso.cloud", "PARTNER.TEST") not in of_child
    assert not any(route.host == "sso.cloud" for route in list_host_routes(FOREST, PARTNER))
    of_clients = list(list_host_routes(FOREST))
    assert len(of_clients) == 8
    assert all(route.host.strip(".").upper() == route.realm for route in of_clients)


FRANK = next(device for device in default_estate().devices if device.user == "frank@fabrikam.com")


@pytest.mark.parametrize(
    ("text", "device", "value"),
    [
        ("{user} at {device}", None, "alice@contoso.com at desk-1"),
        ("{user} {domain} {host}", FRANK, "frank@fabrikam.com fabrikam.com sts.fabrikam.com"),
        ("{host} {login} {autologon}", None, "{autologon_} login.microsoftonline.com {autologon_}"),
        ("{autologon_zone} {profile}", None, "microsoftazuread-sso.com aadg-autologon"),
        ("{autologon_address}", None, "192.0.2.21"),
        ("{federation} {federated_domain}", None, "sts.fabrikam.com fabrikam.com"),
        ("{kdc}", None, "dc1.corp.contoso.com"),
        ("{cloud_instance_name} {audience_urn}", None, "microsoftonline.com urn:federation:MicrosoftOnline"),
        ("{{user}} ${user} %{http_code} {unknown} {}", None, "{user} ${user} %{http_code} {unknown} {}"),
        ("{{unknown}} nothing", None, "{{unknown}} nothing"),
    ],
)
def test_names_of_the_estate_are_put_in(text: str, device: Device | None, value: str) -> None:
    """Each placeholder stands for a name of the estate; words of shells and programs stay as they are."""
    autologon = "autologon.microsoftazuread-sso.com"
    assert expand(text, default_estate(), device) == value.replace("{autologon_}", autologon)


def test_every_placeholder_has_a_value_on_the_shipped_estate() -> None:
    """None of them is left out by the estate that scenarios are written for."""
    for name in PLACEHOLDERS:
        assert expand(f"{{{name}}}", default_estate()) not in ("", f"{{{name}}}")
    assert find_placeholders("{user} {nope} {{login}} ${device}") == ("user", "nope")
    assert find_unknown("{user} ${x}") == ""
    assert find_unknown("{usr}").endswith("did you mean {user}?")
    assert find_unknown("{zzzzz}").startswith("there is no placeholder {zzzzz}; known: {user}, {domain}")


def _without(section: str) -> Callable[[Estate], Estate]:
    return lambda estate: replace(estate, **{section: ()})


def _without_alias(estate: Estate) -> Estate:
    zones = [
        replace(zone, records=(RecordSet(name="autologon", type="A", values=("192.0.2.20",)),))
        if zone.name == "microsoftazuread-sso.com"
        else zone
        for zone in estate.zones
    ]
    return replace(estate, zones=tuple(zones))


def _only_ipv6(estate: Estate) -> Estate:
    hosts = [
        Host(name=host.name, address=f"2001:db8:1::{number}", services=host.services)
        for number, host in enumerate(estate.hosts, 1)
    ]
    return replace(estate, hosts=tuple(hosts))


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (_without("devices"), "user", "the estate 'contoso' has none"),
        (_without("zones"), "autologon_zone", "needs a zone that holds autologon.microsoftazuread-sso.com"),
        (_without_alias, "profile", "needs a traffic manager profile behind autologon.microsoftazuread-sso.com"),
        (_only_ipv6, "autologon_address", "needs a host with an IPv4 address for the service autologon"),
        (_without("tenants"), "federation", "needs a federated domain"),
        (_without("federation_services"), "federated_domain", "needs a federated domain"),
        (_without("zones"), "kdc", "needs a host that runs the KDC only, with an A record"),
        (_without("hosts"), "kdc", "needs a host that runs the KDC only, with an A record"),
    ],
)
def test_a_name_that_the_estate_does_not_have_is_told(
    change: Callable[[Estate], Estate], name: str, words: str
) -> None:
    """A scenario that needs it says what the estate lacks, instead of playing with an empty name."""
    with pytest.raises(PlaceholderError, match=words):
        expand(f"{{{name}}}", change(default_estate()))


def test_the_profile_is_found_behind_alias_record_sets() -> None:
    """An alias of an alias leads to the profile; a circle of them leads to none."""

    def behind(*records: RecordSet) -> Estate:
        estate = default_estate()
        zones = [
            replace(zone, records=records) if zone.name == "microsoftazuread-sso.com" else zone for zone in estate.zones
        ]
        return replace(estate, zones=tuple(zones))

    first = RecordSet(name="autologon", type="A", alias_record="pool")
    assert expand("{profile}", behind(first, RecordSet(name="pool", type="A", alias="aadg-autologon"))) == (
        "aadg-autologon"
    )
    with pytest.raises(PlaceholderError):
        expand("{profile}", behind(first, RecordSet(name="pool", type="A", alias_record="autologon")))
    with pytest.raises(PlaceholderError):
        expand("{profile}", behind(first))
