"""How a client finds KDCs in DNS: which records count, in which order, and at which port. Without a lab."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.dns.zones.stub import LookupResult
from ssosim.estate import Estate, KdcHost, default_estate, list_kdcs
from ssosim.lab.base.kdc_discovery import KdcTarget, find_kdc_targets, find_kdcs_in_dns, find_kdcs_of_site

ESTATE = default_estate()
KDC = list_kdcs(ESTATE)[0]
REALM, DOMAIN = KDC.realm, KDC.realm.lower()
NAME = "dc1.example.test"
UDP, TCP, URI = f"_kerberos._udp.{DOMAIN}", f"_kerberos._tcp.{DOMAIN}", f"_kerberos.{DOMAIN}"

Records = Mapping[tuple[str, str], Sequence[str]]


class Names:
    """DNS as a table; ``asked`` are the names that were looked up."""

    def __init__(self, records: Records) -> None:
        self.records = {(NAME, "A"): KDC.addresses} | dict(records)
        self.asked: list[str] = []

    async def look_up(self, name: str, kind: str) -> LookupResult:
        """The values of a name."""
        self.asked.append(name)
        return LookupResult(values=tuple(self.records.get((name, kind), ())))


def find(records: Records, estate: Estate = ESTATE) -> tuple[KdcHost, ...]:
    """The KDCs of the realm that libkrb5 finds with these records."""
    return asyncio.run(find_kdcs_in_dns(Names(records).look_up, REALM, estate))


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ({(UDP, "SRV"): [f"0 0 88 {NAME}."]}, True),
        ({(TCP, "SRV"): [f"0 0 88 {NAME.upper()}"]}, True),
        ({(URI, "URI"): [f'0 0 "krb5srv:m:udp:{NAME}"']}, True),
        ({(URI, "URI"): [f'0 0 "krb5srv:m:tcp:{NAME}:88"']}, True),
        ({}, False),
        ({(UDP, "SRV"): [f"0 0 89 {NAME}"]}, False),
        ({(UDP, "SRV"): [f"0 0 0 {NAME}"]}, False),
        ({(UDP, "SRV"): ["0 0 88 ."]}, False),
        ({(UDP, "SRV"): ["0 0 88 nobody.example.test"]}, False),
        ({(URI, "URI"): [f'0 0 "krb5srv:m:udp:{NAME}:750"']}, False),
        ({(URI, "URI"): [f'0 0 "krb5srv:m:udp:{NAME}:http"']}, False),
        ({(URI, "SRV"): [f"0 0 88 {NAME}"]}, False),
    ],
    ids=str,
)
def test_a_kdc_is_found_where_a_record_leads_to_it(records: Records, found: bool) -> None:
    """The host, its address and the port of a record must be a KDC's (RFC 2782, RFC 7553): port 88 is no other port."""
    assert find(records) == ((KDC,) if found else ())


def test_uri_records_that_lead_nowhere_hide_srv_records() -> None:
    """libkrb5 looks for SRV records only if no URI record names a server, whether that server answers or not."""
    srv = {(UDP, "SRV"): [f"0 0 88 {NAME}"]}
    assert find(srv | {(URI, "URI"): [f'0 0 "krb5srv:m:udp:{NAME}:750"']}) == ()
    assert find(srv | {(URI, "URI"): ['0 0 "krb5srv:m:udp:nobody.example.test"']}) == ()
    assert find(srv | {(URI, "URI"): ['0 0 "ldap:m:udp:nobody.example.test"']}) == (KDC,)


def test_an_address_of_another_realm_is_no_kdc_of_this_one() -> None:
    """A record that leads to the KDC of another realm leads to nobody who could answer."""
    names = Names({(UDP.replace(DOMAIN, "other.test"), "SRV"): [f"0 0 88 {NAME}"]})
    assert asyncio.run(find_kdcs_in_dns(names.look_up, "OTHER.TEST", ESTATE)) == ()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=6))
def test_targets_come_by_priority_then_in_the_order_of_the_answer(records: list[tuple[int, int]]) -> None:
    """A smaller priority is asked first; of equal ones, the order of the answer stays; the weight changes nothing."""
    values = [f"{priority} {weight} 88 h{number}." for number, (priority, weight) in enumerate(records)]
    expected = sorted(range(len(records)), key=lambda number: records[number][0])
    assert find_kdc_targets(values) == [KdcTarget(f"h{number}") for number in expected]


@pytest.mark.parametrize("value", ["", "0", "0 0", "0 0 88 a b", '0 0 ""', '0 0 "krb5srv"', "0 0 88 ."])
def test_a_record_that_names_nobody_is_passed_over(value: str) -> None:
    """What has another form than a SRV or URI record, or the target ".", names no KDC, and is no error."""
    assert find_kdc_targets([value, f"5 0 88 {NAME}"]) == [KdcTarget(NAME)]


SITE = f"_kerberos._tcp.berlin._sites.dc._msdcs.{DOMAIN}"
ALL = f"_kerberos._tcp.dc._msdcs.{DOMAIN}"


@pytest.mark.parametrize(("in_site", "answers"), [(True, True), (True, False), (False, True), (False, False)])
def test_the_site_comes_before_the_domain(in_site: bool, answers: bool) -> None:
    """Windows asks the KDCs of its site, and those of the whole domain only if none of the site's answers."""
    record = [f"0 100 88 {NAME}"]
    names = Names({(ALL, "SRV"): record} | ({(SITE, "SRV"): record} if in_site else {}))
    found = asyncio.run(find_kdcs_of_site(names.look_up, REALM, ESTATE, "Berlin", lambda _: answers))
    assert found == (KDC,)
    assert ([name for name in names.asked if name != NAME]) == ([SITE] if in_site and answers else [SITE, ALL])


def test_windows_takes_the_host_of_a_record_and_not_its_port() -> None:
    """The DC locator gives a host, and Kerberos of Windows asks it at port 88, whatever port the record has."""
    names = Names({(ALL, "SRV"): [f"0 100 89 {NAME}"]})
    assert asyncio.run(find_kdcs_of_site(names.look_up, REALM, ESTATE, "x", lambda _: True)) == (KDC,)
