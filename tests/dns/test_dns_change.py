"""The control plane: what a change does to zones."""

from __future__ import annotations

from collections.abc import Callable

import dns.name
import msgspec
import pytest
from dns.rcode import NOERROR, NXDOMAIN
from dns.rdatatype import AAAA, SOA, A, RdataType

from ssosim.dns import (
    Answer,
    DnsChangeError,
    ZoneSet,
    ZoneStore,
    answer,
    delete_profile,
    point_alias,
    put_profile,
    put_rrset,
    remove_name,
    remove_rrset,
)

AUTOLOGON = "autologon.microsoftazuread-sso.com"
PROFILE = "aadg-autologon"
PROFILE_NAME = "www.tm.a.prd.aadg.trafficmanager.net"


def ask(zones: ZoneSet, name: str, rdtype: RdataType = A) -> Answer:
    """One question."""
    return answer(zones, dns.name.from_text(name), rdtype)


def said(zones: ZoneSet, name: str, rdtype: RdataType = A) -> tuple[str, tuple[str, ...]]:
    """Outcome and answers of one question, as the trace has them."""
    event = ask(zones, name, rdtype).event("udp")
    return event.rcode, event.answers


def test_deleting_a_profile_empties_the_aliases_that_point_at_it(contoso: ZoneSet) -> None:
    """TMS9-075: deleting a referenced traffic manager leaves an empty record set: the name stays, NODATA."""
    after = delete_profile(contoso, PROFILE)
    left = after.find(AUTOLOGON, A)
    assert left is not None
    assert (left.shape, left.alias) == ("empty", None)
    for rdtype in (A, AAAA):
        reply = ask(after, AUTOLOGON, rdtype)
        assert (reply.rcode, reply.outcome, reply.authoritative) == (NOERROR, "NODATA", True)
        assert [rrset.type for rrset in reply.authority] == [SOA]


def test_deleting_a_profile_takes_its_own_name_along(contoso: ZoneSet) -> None:
    """TMS9-075: the profile's own DNS name is NXDOMAIN after deletion, and so are names that only led to it."""
    after = delete_profile(contoso, PROFILE)
    assert ask(after, PROFILE_NAME).rcode == NXDOMAIN
    assert ask(contoso, "tm.a.prd.aadg.trafficmanager.net").outcome == "NODATA"
    assert ask(after, "tm.a.prd.aadg.trafficmanager.net").rcode == NXDOMAIN


def test_deleting_a_profile_reaches_every_zone_and_type(contoso: ZoneSet) -> None:
    """TMS9-075: the cascade empties alias sets in all zones, and touches no other record set."""
    wide = point_alias(contoso, "www.fabrikam.com", "CNAME", PROFILE)
    wide = point_alias(wide, AUTOLOGON, "AAAA", PROFILE)
    after = delete_profile(wide, PROFILE)
    for name, rdtype in (("www.fabrikam.com", RdataType.CNAME), (AUTOLOGON, AAAA), (AUTOLOGON, A)):
        left = after.find(name, rdtype)
        assert left is not None
        assert left.shape == "empty"
    assert said(after, "login.microsoftonline.com") == said(contoso, "login.microsoftonline.com")


def test_creating_the_profile_again_does_not_heal(contoso: ZoneSet) -> None:
    """TMS9-076: a rollback that only recreates the traffic manager leaves the alias empty; a new link repairs it."""
    again = put_profile(delete_profile(contoso, PROFILE), contoso.profiles[PROFILE])
    assert said(again, PROFILE_NAME) == ("NOERROR", ("A 192.0.2.20",))
    assert said(again, AUTOLOGON) == ("NODATA", ())
    assert again != contoso
    healed = point_alias(again, AUTOLOGON, "A", PROFILE)
    assert said(healed, AUTOLOGON) == ("NOERROR", ("A 192.0.2.20",))
    assert healed == contoso
    assert healed.version == contoso.version + 3


def test_cname_in_place_of_the_alias_is_a_different_state(contoso: ZoneSet) -> None:
    """TMS9-077: the partial rollback answers the same address through a chain, and is not last known good."""
    broken = put_profile(delete_profile(contoso, PROFILE), contoso.profiles[PROFILE])
    partial = put_rrset(remove_name(broken, AUTOLOGON), AUTOLOGON, "CNAME", [f"{PROFILE_NAME}."])
    assert said(partial, AUTOLOGON) == ("NOERROR", (f"CNAME {PROFILE_NAME}.", "A 192.0.2.20"))
    assert partial != contoso


def test_a_plain_record_with_the_same_address_is_a_different_state(contoso: ZoneSet) -> None:
    """Equality looks at the shape of a record set, not only at the address it answers with."""
    copied = put_rrset(contoso, AUTOLOGON, "A", ["192.0.2.20"])
    assert said(copied, AUTOLOGON) == said(contoso, AUTOLOGON)
    assert copied != contoso


def test_equality_ignores_record_order_and_version_but_not_ttl(contoso: ZoneSet) -> None:
    """RFC 2181: a record set has no order; its TTL belongs to it."""
    one = put_rrset(contoso, "x.fabrikam.com", "A", ["192.0.2.1", "192.0.2.2"])
    two = put_rrset(put_rrset(contoso, "x.fabrikam.com", "A", []), "X.fabrikam.com", "A", ["192.0.2.2", "192.0.2.1"])
    assert one == two
    assert one.version != two.version
    assert one != put_rrset(one, "x.fabrikam.com", "A", ["192.0.2.1", "192.0.2.2"], ttl=7)


def test_a_changed_profile_is_followed_by_its_aliases(contoso: ZoneSet) -> None:
    """A profile that is changed in place keeps its links; multivalue answers with every endpoint, best first."""
    profile = msgspec.structs.replace(
        contoso.profiles[PROFILE], routing="multivalue", dns_name="new.trafficmanager.net"
    )
    after = put_profile(contoso, profile)
    assert said(after, AUTOLOGON) == ("NOERROR", ("A 192.0.2.20", "A 192.0.2.21"))
    assert said(after, "new.trafficmanager.net")[0] == "NOERROR"
    assert said(after, PROFILE_NAME)[0] == "NXDOMAIN"


def test_an_ipv6_endpoint_answers_aaaa(contoso: ZoneSet) -> None:
    """azure-traffic-manager: the family asked for must match an endpoint's; with IPv6 alone it is NODATA for A."""
    profile = contoso.profiles[PROFILE]
    six = msgspec.structs.replace(
        profile, endpoints=(msgspec.structs.replace(profile.endpoints[0], address="2001:db8::1"),)
    )
    after = put_profile(contoso, six)
    assert said(after, PROFILE_NAME, AAAA) == ("NOERROR", ("AAAA 2001:db8::1",))
    assert said(after, PROFILE_NAME, A) == ("NODATA", ())


def test_a_change_leaves_the_old_value_alone(contoso: ZoneSet) -> None:
    """Changes are pure: the ZoneSet they start from answers as before."""
    before = said(contoso, AUTOLOGON)
    delete_profile(contoso, PROFILE)
    remove_name(contoso, AUTOLOGON)
    assert said(contoso, AUTOLOGON) == before
    assert contoso.version == 1


def test_removing_the_last_record_set_removes_the_name(contoso: ZoneSet) -> None:
    """A removed name is NXDOMAIN; one with names below it is an empty non-terminal, NODATA."""
    assert said(remove_rrset(contoso, AUTOLOGON, "A"), AUTOLOGON)[0] == "NXDOMAIN"
    parent = put_rrset(put_rrset(contoso, "b.fabrikam.com", "A", ["192.0.2.1"]), "a.b.fabrikam.com", "A", ["192.0.2.2"])
    assert said(remove_name(parent, "b.fabrikam.com"), "b.fabrikam.com")[0] == "NODATA"


def test_emptying_is_not_removing(contoso: ZoneSet) -> None:
    """An empty record set put by hand is NODATA as well."""
    assert said(put_rrset(contoso, AUTOLOGON, "A", []), AUTOLOGON)[0] == "NODATA"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda z: delete_profile(z, "nope"), ("nope", PROFILE)),
        (lambda z: point_alias(z, AUTOLOGON, "A", "nope"), ("nope", PROFILE)),
        (lambda z: point_alias(z, AUTOLOGON, "TXT", PROFILE), ("A, AAAA or CNAME", "TXT")),
        (lambda z: remove_name(z, "nope.fabrikam.com"), ("nope.fabrikam.com", "no records")),
        (lambda z: remove_rrset(z, AUTOLOGON, "TXT"), (AUTOLOGON, "it has A")),
        (lambda z: remove_name(z, "www.example.org"), ("www.example.org", "fabrikam.com")),
        (lambda z: remove_name(z, "fabrikam.com"), ("apex",)),
        (lambda z: remove_rrset(z, "fabrikam.com", "NS"), ("must have SOA and NS",)),
        (lambda z: remove_name(z, PROFILE_NAME), (PROFILE_NAME, PROFILE)),
        (lambda z: put_rrset(z, AUTOLOGON, "CNAME", ["x."]), (AUTOLOGON, "remove A first")),
        (lambda z: put_rrset(z, "fabrikam.com", "CNAME", ["x."]), ("apex",)),
        (
            lambda z: put_rrset(put_rrset(z, "c.fabrikam.com", "CNAME", ["x."]), "c.fabrikam.com", "A", []),
            ("CNAME first",),
        ),
        (lambda z: put_rrset(z, "c.fabrikam.com", "CNAME", ["x.", "y."]), ("one value",)),
        (lambda z: put_rrset(z, "c.fabrikam.com", "SOA", []), ("apex",)),
        (lambda z: put_rrset(z, "c.fabrikam.com", "A", ["1.2.3"]), ("'1.2.3'", "zone file")),
        (lambda z: put_rrset(z, "c..fabrikam.com", "A", []), ("c..fabrikam.com", "domain name")),
        (lambda z: put_rrset(z, "c.fabrikam.com", "OPT", []), ("OPT", "messages only")),
        (lambda z: put_rrset(z, "c.fabrikam.com", "NOSUCH", []), ("NOSUCH", "TYPE with its number")),
        (lambda z: put_rrset(z, "*.fabrikam.com", "NS", ["ns.fabrikam.com."]), ("wildcard", "delegate each name")),
        (lambda z: put_rrset(z, "c.fabrikam.com", "A", [], ttl=-1), ("-1", "seconds")),
    ],
)
def test_an_impossible_change_says_what_where_and_what_to_do(
    contoso: ZoneSet, change: Callable[[ZoneSet], ZoneSet], words: tuple[str, ...]
) -> None:
    """DnsChangeError says what is wrong and what to do; no other error is raised."""
    with pytest.raises(DnsChangeError) as caught:
        change(contoso)
    for word in words:
        assert word in str(caught.value)


def test_the_store_never_serves_a_version_twice(contoso: ZoneSet) -> None:
    """Putting an old value back is a new version: the SOA serial does not go backwards."""
    store = ZoneStore(contoso)
    former = store.change(lambda _: delete_profile(contoso, PROFILE))
    store.change(lambda _: former)
    assert store.current == contoso
    assert store.current.version == 3
