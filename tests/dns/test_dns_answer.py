"""Questions and answers, without a socket."""

from __future__ import annotations

import dns.name
import msgspec
import pytest
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL
from dns.rdatatype import AAAA, ANY, AXFR, CNAME, HINFO, NS, PTR, SOA, SRV, TXT, A, RdataType
from hypothesis import given
from hypothesis import strategies as st

from ssosim.dns import Answer, ZoneSet, answer, put_rrset, zones_of
from ssosim.dns.zones.answer import MAX_CHAIN
from ssosim.estate import EstateError, RecordSet, TrafficManager, TrafficManagerEndpoint, Zone, default_estate

CONTOSO = zones_of(default_estate())
AUTOLOGON = "autologon.microsoftazuread-sso.com"


def ask(name: str, rdtype: RdataType = A, zones: ZoneSet = CONTOSO) -> Answer:
    """One question."""
    return answer(zones, dns.name.from_text(name), rdtype)


def values(reply: Answer) -> tuple[str, ...]:
    """The answer section, as the trace has it."""
    return reply.event("udp").answers


def test_alias_answers_an_address_under_the_name_asked() -> None:
    """TMS9-043: an alias record set shows no CNAME, so the SPN keeps the name that the client asked for."""
    reply = ask("AutoLogon.MicrosoftAzureAD-SSO.com")
    assert values(reply) == ("A 192.0.2.20",)
    assert [str(rrset.name) for rrset in reply.answer] == ["AutoLogon.MicrosoftAzureAD-SSO.com."]


def test_cname_answers_the_chain() -> None:
    """TMS9-043: a CNAME shows the canonical name on its way to the same address."""
    zones = put_rrset(CONTOSO, "www.fabrikam.com", "CNAME", [f"{AUTOLOGON}."])
    assert values(ask("www.fabrikam.com", zones=zones)) == (f"CNAME {AUTOLOGON}.", "A 192.0.2.20")
    assert values(ask("www.fabrikam.com", CNAME, zones)) == (f"CNAME {AUTOLOGON}.",)


@pytest.mark.parametrize(
    ("name", "rdtype", "expected"),
    [
        ("dc1.corp.contoso.com", A, "A 10.10.0.88"),
        ("88.0.10.10.in-addr.arpa", PTR, "PTR dc1.corp.contoso.com."),
        ("_kerberos._udp.corp.contoso.com", SRV, "SRV 0 100 88 dc1.corp.contoso.com."),
        ("_kerberos.corp.contoso.com", TXT, 'TXT "CORP.CONTOSO.COM"'),
        ("fabrikam.com", NS, "NS ns1.lab.invalid."),
        ("fabrikam.com", SOA, "SOA ns1.lab.invalid. hostmaster.lab.invalid. 1 3600 900 1209600 60"),
        ("www.tm.a.prd.aadg.trafficmanager.net", A, "A 192.0.2.20"),
    ],
)
def test_the_estate_answers(name: str, rdtype: RdataType, expected: str) -> None:
    """Every kind of record of the default estate, and the implied SOA, NS and profile name, are answered."""
    assert values(ask(name, rdtype)) == (expected,)


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode", "origin"),
    [
        (AUTOLOGON, AAAA, NOERROR, "microsoftazuread-sso.com."),
        ("nope.microsoftazuread-sso.com", A, NXDOMAIN, "microsoftazuread-sso.com."),
        ("a.prd.aadg.trafficmanager.net", A, NOERROR, "trafficmanager.net."),
        ("_udp.corp.contoso.com", A, NOERROR, "corp.contoso.com."),
        ("20.2.0.192.in-addr.arpa", PTR, NXDOMAIN, "2.0.192.in-addr.arpa."),
        ("www.example.org", A, NXDOMAIN, "."),
        ("com", A, NOERROR, "."),
        ("contoso.com", A, NOERROR, "."),
        (".", A, NOERROR, "."),
    ],
)
def test_negative_answers(name: str, rdtype: RdataType, rcode: int, origin: str) -> None:
    """A name that exists, or has names below, is NODATA; any other NXDOMAIN; all with AA and the right zone's SOA."""
    reply = ask(name, rdtype)
    assert (reply.rcode, reply.answer, reply.authoritative) == (rcode, (), True)
    (soa,) = reply.authority
    assert (str(soa.name), soa.type, soa.ttl) == (origin, SOA, 60)


def test_negative_ttl_is_the_lesser_of_soa_ttl_and_minimum() -> None:
    """RFC 2308 section 5, for an SOA that the estate gives itself."""
    soa = "ns.fabrikam.com. host.fabrikam.com. 7 1 1 1 900"
    zones = put_rrset(CONTOSO, "fabrikam.com", "SOA", [soa], ttl=30)
    assert ask("nope.fabrikam.com", zones=zones).authority[0].ttl == 30
    assert values(ask("fabrikam.com", SOA, zones)) == (f"SOA {soa}",)


def test_a_chain_to_a_missing_name_is_nxdomain_with_the_chain() -> None:
    """RFC 6604: the response code is that of the end of the chain, and the SOA that of the end's zone."""
    zones = put_rrset(CONTOSO, "www.fabrikam.com", "CNAME", ["gone.microsoft.com."])
    reply = ask("www.fabrikam.com", zones=zones)
    assert (reply.rcode, values(reply)) == (NXDOMAIN, ("CNAME gone.microsoft.com.",))
    assert str(reply.authority[0].name) == "microsoft.com."


def test_a_chain_to_an_empty_record_set_is_nodata() -> None:
    """A CNAME alone is no answer to a question of type A: the trace says NODATA."""
    zones = put_rrset(CONTOSO, "www.fabrikam.com", "CNAME", [f"{AUTOLOGON}."])
    reply = ask("www.fabrikam.com", AAAA, zones)
    assert (reply.outcome, values(reply)) == ("NODATA", (f"CNAME {AUTOLOGON}.",))


def test_loops_and_endless_chains_end_in_servfail() -> None:
    """RFC 1034: a CNAME loop is signalled as an error, after a bounded number of steps."""
    loop = put_rrset(put_rrset(CONTOSO, "a.fabrikam.com", "CNAME", ["b"]), "b.fabrikam.com", "CNAME", ["a"])
    assert ask("a.fabrikam.com", zones=loop).rcode == SERVFAIL
    own = put_rrset(CONTOSO, "a.fabrikam.com", "CNAME", ["A"])
    assert ask("a.fabrikam.com", zones=own).rcode == SERVFAIL
    long = CONTOSO
    for step in range(MAX_CHAIN):
        long = put_rrset(long, f"c{step}.fabrikam.com", "CNAME", [f"c{step + 1}"])
    long = put_rrset(long, f"c{MAX_CHAIN}.fabrikam.com", "A", ["192.0.2.1"])
    assert ask("c0.fabrikam.com", zones=long).rcode == NOERROR
    longer = put_rrset(long, "start.fabrikam.com", "CNAME", ["c0"])
    assert ask("start.fabrikam.com", zones=longer).rcode == SERVFAIL


def test_any_is_answered_with_one_hinfo() -> None:
    """RFC 8482: ANY is answered with HINFO for a name that exists, NXDOMAIN for one that does not."""
    reply = ask(AUTOLOGON, ANY)
    assert [rrset.type for rrset in reply.answer] == [HINFO]
    assert ask("nope.fabrikam.com", ANY).rcode == NXDOMAIN


def test_transfers_are_refused() -> None:
    """Zone transfers are refused."""
    assert ask("fabrikam.com", AXFR).rcode == REFUSED


def test_types_unknown_here_are_nodata() -> None:
    """Chromium asks for HTTPS records; a name that has none answers NODATA, and the trace names the type."""
    reply = ask(AUTOLOGON, RdataType.HTTPS)
    assert (reply.outcome, reply.event("udp").type) == ("NODATA", "HTTPS")
    assert ask(AUTOLOGON, RdataType.make(4711)).event("udp").type == "TYPE4711"


LABELS = st.sampled_from(["a", "b", "A", "c", "fabrikam", "com", "net", "autologon", "microsoftazuread-sso", "x" * 63])


@given(st.lists(LABELS, max_size=3), st.integers(0, 65535))
def test_every_negative_answer_has_aa_and_soa(labels: list[str], number: int) -> None:
    """Whatever is asked, an answer without records says why, so that glibc does not make EAI_AGAIN of it."""
    reply = answer(CONTOSO, dns.name.Name([*(label.encode() for label in labels), b""]), RdataType.make(number))
    if reply.rcode in (NOERROR, NXDOMAIN) and not reply.answer:
        assert reply.authoritative
        assert [rrset.type for rrset in reply.authority] == [SOA]
    assert reply.answer or reply.rcode in (NOERROR, NXDOMAIN, REFUSED)


def estate_with(*zones: Zone, profiles: tuple[TrafficManager, ...] = ()) -> ZoneSet:
    """The default estate with other zones."""
    return zones_of(msgspec.structs.replace(default_estate(), zones=zones, traffic_managers=profiles))


def test_zones_within_zones() -> None:
    """The deepest zone answers, and a parent zone has the origin of its child as an empty non-terminal."""
    zones = estate_with(
        Zone(name="x.test", records=(RecordSet(name="a", type="A", values=("192.0.2.1",)),)),
        Zone(name="deep.b.x.test", records=(RecordSet(name="@", type="A", values=("192.0.2.2",)),)),
    )
    assert values(ask("deep.b.x.test", zones=zones)) == ("A 192.0.2.2",)
    assert ask("b.x.test", zones=zones).outcome == "NODATA"
    assert ask("c.x.test", zones=zones).rcode == NXDOMAIN


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ((RecordSet(name="a", type="A", values=("192.0.2.300",)),), ("records[0] (a A)", "192.0.2.300")),
        ((RecordSet(name="a", type="A", values=("192.0.2.1",), alias="p"),), ("records[0]", "both")),
        ((RecordSet(name="a", type="A", alias="q"),), ("records[0]", "'q'", "there are: p")),
        ((RecordSet(name="a", type="TXT", alias="p"),), ("records[0]", "TXT")),
        ((RecordSet(name="a.other.", type="A"),), ("records[0]", "outside")),
        ((RecordSet(name="a", type="A"), RecordSet(name="A", type="A")), ("zones[0]", "twice")),
        ((RecordSet(name="a", type="CNAME", values=("b",)), RecordSet(name="a", type="A")), ("zones[0]", "CNAME")),
        ((RecordSet(name="p.tm", type="A"),), ("traffic_managers[0].dns_name", "p.tm.x.test")),
        ((RecordSet(name="a", type="A", ttl=-1),), ("records[0]", "TTL -1")),
    ],
)
def test_a_mistake_in_the_estate_names_its_key_path(records: tuple[RecordSet, ...], words: tuple[str, ...]) -> None:
    """An invalid record is refused at loading, with key path and reason."""
    profile = TrafficManager(name="p", dns_name="p.tm.x.test")
    with pytest.raises(EstateError) as caught:
        estate_with(Zone(name="x.test", records=records), profiles=(profile,))
    for word in words:
        assert word in str(caught.value)


def test_a_profile_needs_addresses_and_a_zone() -> None:
    """azure-dns-alias: a profile behind an alias has endpoints with IP addresses; its own name must be in some zone."""
    named = TrafficManager(name="p", dns_name="p.x.test", endpoints=(TrafficManagerEndpoint(name="e", address="host"),))
    with pytest.raises(EstateError, match=r"traffic_managers\[0\].*not an IP address"):
        estate_with(Zone(name="x.test"), profiles=(named,))
    with pytest.raises(EstateError, match=r"no zone holds p\.elsewhere\.test"):
        estate_with(Zone(name="x.test"), profiles=(TrafficManager(name="p", dns_name="p.elsewhere.test"),))
