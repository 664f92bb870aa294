"""What a resolver makes of the response of a name server: answers, referrals, and what it does not believe."""

from __future__ import annotations

import pytest
from dns.rcode import FORMERR, NOERROR, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL, Rcode
from dns.rdatatype import A

from ssosim.dns import Answer
from ssosim.dns.recursion import ResolverSettings
from ssosim.dns.recursion.classify import AnswerChain, Delegation, UnusableResponse, classify
from ssosim.dns.zones.rrset import to_name
from tests.dns.scripted_servers import make_rrsets

NOW = 1_000.0
NAME = to_name("www.example.com")
SOA = "example.com 300 SOA ns1.example.com. h.example.com. 1 2 3 4 60"


def respond(
    answer: str = "", authority: str = "", additional: str = "", *, rcode: Rcode = NOERROR, authoritative: bool = True
) -> Answer:
    """A response; sections are record sets, one on each line."""
    sections = [make_rrsets(text) for text in (answer, authority, additional)]
    return Answer(
        name=NAME, type=A, rcode=rcode, authoritative=authoritative,
        answer=sections[0], authority=sections[1], additional=sections[2],
    )  # fmt: skip


def classified(response: Answer, zone: str = "example.com", **options: object) -> object:
    """What the response means to a resolver that queried a server of ``zone`` for ``www.example.com A``."""
    chosen = ResolverSettings(**options)  # type: ignore[arg-type]
    return classify(response, to_name(zone), NAME, A, NOW, chosen)


def chain(response: Answer, zone: str = "example.com", **options: object) -> list[tuple[str, float]]:
    """The entries of an answer, each as its name and its time to live in seconds."""
    found = classified(response, zone, **options)
    assert isinstance(found, AnswerChain)
    return [(each.name.to_text(omit_final_dot=True), each.expires - NOW) for each in found.entries]


@pytest.mark.parametrize(
    ("rcode", "lame"), [(SERVFAIL, False), (REFUSED, True), (FORMERR, False), (NOTIMP, False), (Rcode(9), False)]
)
def test_error_codes_make_a_response_unusable(rcode: Rcode, lame: bool) -> None:
    """RFC 1034 section 5.3.3: on an error the next server is queried; REFUSED says that it does not serve the zone."""
    assert classified(respond("www.example.com 60 A 192.0.2.1", rcode=rcode)) == UnusableResponse(lame=lame)


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (respond(), "an empty answer without SOA"),
        (respond(authority="example.com 60 NS ns1.example.com."), "a referral to the same zone"),
        (respond(authority="com 60 NS ns1.example.com."), "a referral upwards"),
        (respond(authority=". 60 NS ns1.example.com."), "a referral to the root"),
        (respond(authority="sub.example.com 60 NS ns1.example.com."), "a referral to a zone without the name"),
        (respond(authority="www.example.org 60 NS ns1.example.org."), "a referral to a stranger"),
        (respond(authority="com 300 SOA a. b. 1 2 3 4 60", rcode=NOERROR), "the SOA of a zone above"),
        (respond(authority="example.org 300 SOA a. b. 1 2 3 4 60"), "the SOA of a stranger"),
        (respond(authority="a.www.example.com 300 SOA a. b. 1 2 3 4 60"), "the SOA of a zone below the name"),
        (respond("ftp.example.com 60 A 192.0.2.1"), "records of another name"),
        (respond("www.example.com 60 AAAA 2001:db8::1"), "records of another type"),
        (respond(rcode=NXDOMAIN, authoritative=False), "NXDOMAIN without SOA that is not authoritative"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_says_nothing_about_the_question_is_lame(response: Answer, why: str) -> None:
    """RFC 2181 section 5.4.1, RFC 1034 5.3.3: such a response is no answer, and the next server is queried."""
    assert classified(response) == UnusableResponse(lame=True), why


@pytest.mark.parametrize(
    ("ttl", "minimum", "wanted"),
    [(300, 60, 60), (60, 300, 60), (7200, 7200, 3600), (2**31, 60, 0), (2**32 - 1, 60, 0), (2**31 - 1, 60, 60)],
)
@pytest.mark.parametrize("rcode", [NOERROR, NXDOMAIN])
def test_how_long_a_name_is_missing(ttl: int, minimum: int, wanted: int, rcode: Rcode) -> None:
    """RFC 2308 section 5: the lesser of TTL and minimum of the SOA, and a limit; RFC 2181 section 8: 2^31 is 0."""
    soa = f"example.com {ttl} SOA ns1.example.com. h.example.com. 1 2 3 4 {minimum}"
    assert chain(respond(authority=soa, rcode=rcode)) == [("www.example.com", wanted)]


@pytest.mark.parametrize(
    ("ttl", "wanted"), [(0, 0), (60, 60), (86_400, 86_400), (86_401, 86_400), (2**31 - 1, 86_400), (2**31, 0)]
)
def test_how_long_records_are_kept(ttl: int, wanted: int) -> None:
    """RFC 1035 section 3.2.1 and RFC 2181 section 8: the TTL, at most the limit of the resolver; 2^31 or more is 0."""
    assert chain(respond(f"www.example.com {ttl} A 192.0.2.1")) == [("www.example.com", wanted)]


@pytest.mark.parametrize(("ttl", "wanted"), [(0, 30), (29, 30), (31, 31), (2**31, 30)])
def test_a_least_ttl_holds_for_all(ttl: int, wanted: int) -> None:
    """``cache-min-ttl`` of unbound: records and negative answers are kept at least that long, a TTL of 0 too."""
    assert chain(respond(f"www.example.com {ttl} A 192.0.2.1"), min_ttl=30) == [("www.example.com", wanted)]
    soa = f"example.com {ttl} SOA ns1.example.com. h.example.com. 1 2 3 4 300"
    assert chain(respond(authority=soa), min_ttl=30) == [("www.example.com", wanted)]


@pytest.mark.parametrize(("ttl", "wanted"), [(2**31, 0), (172_800, 86_400), (60, 60)])
def test_how_long_a_delegation_is_followed(ttl: int, wanted: int) -> None:
    """A referral is kept for the TTL of its NS records, within the limits of other records."""
    found = classified(respond(authority=f"www.example.com {ttl} NS ns.www.example.com."))
    assert isinstance(found, Delegation)
    assert found.expires - NOW == wanted


CNAMES = "www.example.com 60 CNAME a.example.com.\na.example.com 30 CNAME b.example.org.\nb.example.org 20 A 192.0.2.9"


def test_a_server_is_believed_about_its_own_zone_only() -> None:
    """RFC 2181 section 5.4.1: the chain counts as far as it is in the zone that was queried; the rest is asked anew."""
    assert chain(respond(CNAMES)) == [("www.example.com", 60), ("a.example.com", 30)]
    whole = [("www.example.com", 60), ("a.example.com", 30), ("b.example.org", 20)]
    assert chain(respond(CNAMES), ".") == whole
    assert chain(respond(CNAMES), ".", forward_to=("192.0.2.1",)) == whole


def test_the_end_of_a_chain_may_be_negative() -> None:
    """RFC 2308 section 2.1: NXDOMAIN behind a CNAME is about the target of the CNAME; the CNAME exists."""
    found = classified(respond("www.example.com 60 CNAME gone.example.com.", SOA, rcode=NXDOMAIN))
    assert isinstance(found, AnswerChain)
    assert [(each.name, each.rcode, each.rrset is None) for each in found.entries] == [
        (NAME, NOERROR, False),
        (to_name("gone.example.com"), NXDOMAIN, True),
    ]


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("www.example.com 60 CNAME www.example.com.", ["www"]),
        ("www.example.com 60 CNAME a.example.com.\na.example.com 60 CNAME www.example.com.", ["www", "a"]),
    ],
)
def test_a_loop_in_a_response_ends(answer: str, names: list[str]) -> None:
    """A CNAME back to a name of the chain ends it: the response is read once, not for ever."""
    assert [name for name, _ in chain(respond(answer))] == [f"{name}.example.com" for name in names]


def test_an_answer_beats_a_referral() -> None:
    """Name servers add the NS records of the zone to an answer (RFC 1034 section 3.7): it is no referral."""
    found = respond("www.example.com 60 A 192.0.2.1", "www.example.com 60 NS ns.example.com.")
    assert isinstance(classified(found), AnswerChain)


@pytest.mark.parametrize(
    ("additional", "addresses"),
    [
        ("ns.www.example.com 60 A 192.0.2.1", ("192.0.2.1",)),
        ("ns.www.example.com 60 A 192.0.2.1 | 192.0.2.2", ("192.0.2.1", "192.0.2.2")),
        ("ns.www.example.com 60 AAAA 2001:db8::1", ("2001:db8::1",)),
        ("ns2.example.com 60 A 192.0.2.2", ("192.0.2.2",)),
        ("ns.example.org 60 A 192.0.2.3", ()),
        ("other.example.com 60 A 192.0.2.4", ()),
        ("ns.www.example.com 60 TXT x", ()),
    ],
)
def test_glue_is_believed_for_name_servers_in_the_zone(additional: str, addresses: tuple[str, ...]) -> None:
    """RFC 9471 section 2: addresses of the name servers that the referral names, if they are below the zone queried."""
    servers = "ns.www.example.com. | ns2.example.com. | ns.example.org."
    found = classified(respond(authority=f"www.example.com 60 NS {servers}", additional=additional))
    assert isinstance(found, Delegation)
    assert (found.zone, found.addresses) == (NAME, addresses)


def test_a_forwarder_follows_no_referral() -> None:
    """A forwarder asks other resolvers, which answer or fail: a referral of theirs is no answer."""
    referral = respond(authority="www.example.com 60 NS ns.www.example.com.")
    assert classified(referral, ".", forward_to=("192.0.2.1",)) == UnusableResponse(lame=True)


def test_the_names_of_a_referral_are_bounded() -> None:
    """At most 13 name servers of a referral are taken, as the root has (NXNSAttack: a referral makes work)."""
    servers = " | ".join(f"ns{number}.example.org." for number in range(50))
    found = classified(respond(authority=f"www.example.com 60 NS {servers}"))
    assert isinstance(found, Delegation)
    assert len(found.servers) == 13
