"""Which stored proofs a signed zone sends: the examples of RFC 4035 (NSEC) and RFC 5155 (NSEC3), appendix B of both."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from dns.rdatatype import DS, NS, NSEC, NSEC3, RRSIG, SOA

from ssosim.dns import QueryContext, ZoneSet
from ssosim.dns.imports.import_errors import assemble
from ssosim.dns.zones.rrset import plain
from tests.dns.zone_texts import ask, owners, say, zone_of

WITH_DO = QueryContext(dnssec_ok=True)
KEY = "DNSKEY 256 3 8 AwEAAc3M"
SOA_AND_NS = "@ SOA ns1 bugs.x.w 1 3600 300 3600000 3600\n@ NS ns1\n@ NS ns2\n"
DATA = f"""\
$ORIGIN example.
$TTL 3600
{SOA_AND_NS}@ MX 1 xx
@ {KEY}
a NS ns1.a
a NS ns2.a
a DS 57855 5 1 B6DCD485719ADCA18E5F3D48A2331627FDD3636B
ns1.a A 192.0.2.5
ns2.a A 192.0.2.6
ai A 192.0.2.9
ns1 A 192.0.2.1
ns2 A 192.0.2.2
*.w MX 1 ai
x.w MX 1 xx
x.y.w MX 1 xx
xx A 192.0.2.10
"""
"""The names of both example zones; the delegations ``b`` (RFC 4035) and ``c`` (RFC 5155) are added below."""


def sign(owner: str, kinds: Iterable[str]) -> str:
    """A signature of each type: what it says is not looked at, only that it is stored."""
    fields = "5 2 3600 20300101000000 20200101000000 38519 example. AAAA"
    return "".join(f"{owner} RRSIG {kind} {fields}\n" for kind in kinds)


NSEC_OWNERS = {
    "example.": "NS SOA MX RRSIG NSEC DNSKEY",
    "a.example.": "NS DS RRSIG NSEC",
    "ai.example.": "A RRSIG NSEC",
    "b.example.": "NS RRSIG NSEC",
    "ns1.example.": "A RRSIG NSEC",
    "ns2.example.": "A RRSIG NSEC",
    "*.w.example.": "MX RRSIG NSEC",
    "x.w.example.": "MX RRSIG NSEC",
    "x.y.w.example.": "MX RRSIG NSEC",
    "xx.example.": "A RRSIG NSEC",
}
"""RFC 4035, appendix A: the names with NSEC in canonical order, and their types."""


def make_nsec_zone() -> ZoneSet:
    """The zone of RFC 4035, appendix A."""
    names = [*NSEC_OWNERS]
    text = DATA + "b NS ns1.b\nns1.b A 192.0.2.7\n"
    for number, (owner, types) in enumerate(NSEC_OWNERS.items()):
        text += f"{owner} NSEC {names[(number + 1) % len(names)]} {types}\n"
        text += sign(
            owner, (kind for kind in types.split() if kind != "RRSIG" and (kind, owner) != ("NS", "b.example."))
        )
    return assemble([zone_of(text, "example.")])


BY_NSEC = make_nsec_zone()


@pytest.mark.parametrize(
    ("section", "question", "wanted", "proofs"),
    [
        ("B.1", "x.w.example MX", "NOERROR | MX 1 xx.example.", []),
        ("B.2", "ml.example A", "NXDOMAIN", ["b.example", "example"]),
        ("B.3", "ns1.example MX", "NODATA", ["ns1.example"]),
        ("B.4", "mc.a.example MX", "REFERRAL", []),
        ("B.5", "mc.b.example MX", "REFERRAL", ["b.example"]),
        ("B.6", "a.z.w.example MX", "NOERROR | MX 1 ai.example.", ["x.y.w.example"]),
        ("B.7", "a.z.w.example AAAA", "NODATA", ["*.w.example", "x.y.w.example"]),
        ("B.8", "example DS", "NODATA", ["example"]),
        ("ENT", "y.w.example A", "NODATA", ["x.w.example"]),
    ],
)
def test_the_proofs_of_rfc_4035(section: str, question: str, wanted: str, proofs: list[str]) -> None:
    """RFC 4035 appendix B: the NSEC records of each answer; an empty non-terminal is proved by the name before it."""
    found = ask(BY_NSEC, question, WITH_DO)
    assert say(found).replace(" | RRSIG", "|RRSIG").split("|RRSIG")[0] == wanted, section
    assert owners(found, NSEC) == proofs


HASHES = {
    "example": "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom",
    "a.example": "35mthgpgcu1qg68fab165klnsnk3dpvl",
    "ai.example": "gjeqe526plbf1g8mklp59enfd789njgi",
    "ns1.example": "2t7b4g4vsa5smi47k61mv5bv1a22bojr",
    "ns2.example": "q04jkcevqvmu85r014c7dkba38o0ji5r",
    "w.example": "k8udemvp1j2f7eg6jebps17vp3n8i58h",
    "*.w.example": "r53bq7cc2uvmubfu5ocmm6pers9tk9en",
    "x.w.example": "b4um86eghhds6nea196smvmlo4ors995",
    "y.w.example": "ji6neoaepv8b5o6k4ev33abha8ht9fgc",
    "x.y.w.example": "2vptu5timamqttgl4luu9kg21e0aor3s",
    "xx.example": "t644ebqk9bibcna874givr6joj62mlhv",
}
"""RFC 5155, appendix A: the hashes of the names, with salt AABBCCDD and 12 iterations."""
NAMES = {digest: name for name, digest in HASHES.items()}
TYPES = {
    "example": "MX DNSKEY NS SOA NSEC3PARAM RRSIG",
    "a.example": "NS DS RRSIG",
    "w.example": "",
    "y.w.example": "",
    "*.w.example": "MX RRSIG",
    "x.w.example": "MX RRSIG",
    "x.y.w.example": "MX RRSIG",
}


def make_nsec3_zone() -> ZoneSet:
    """The zone of RFC 5155, appendix A: the delegation ``c`` has no NSEC3 (opt-out)."""
    text = (
        DATA + "c NS ns1.c\nns1.c A 192.0.2.7\n@ NSEC3PARAM 1 0 12 AABBCCDD\n" + sign("example.", ["SOA", "NS", "MX"])
    )
    chain = sorted(NAMES)
    for number, digest in enumerate(chain):
        following = chain[(number + 1) % len(chain)]
        types = TYPES.get(NAMES[digest], "A RRSIG")
        text += f"{digest} NSEC3 1 1 12 AABBCCDD {following} {types}\n" + sign(digest, ["NSEC3"])
    return assemble([zone_of(text, "example.")])


BY_NSEC3 = make_nsec3_zone()


@pytest.mark.parametrize(
    ("section", "question", "outcome", "proofs"),
    [
        ("B.1", "a.c.x.w.example A", "NXDOMAIN", ["x.w.example", "example", "a.example"]),
        ("B.2", "ns1.example MX", "NODATA", ["ns1.example"]),
        ("B.2.1", "y.w.example A", "NODATA", ["y.w.example"]),
        ("B.3", "mc.c.example MX", "REFERRAL", ["a.example", "example"]),
        ("B.4", "a.z.w.example MX", "NOERROR", ["ns2.example"]),
        ("B.5", "a.z.w.example AAAA", "NODATA", ["w.example", "ns2.example", "*.w.example"]),
        ("B.6", "example DS", "NODATA", ["example"]),
    ],
)
def test_the_proofs_of_rfc_5155(section: str, question: str, outcome: str, proofs: list[str]) -> None:
    """RFC 5155 appendix B: the NSEC3 of the closest encloser, of the next closer name and of the wildcard."""
    found = ask(BY_NSEC3, question, WITH_DO)
    assert found.outcome == outcome, section
    assert sorted(NAMES[owner.split(".")[0]] for owner in owners(found, NSEC3)) == sorted(proofs)


def test_the_hashed_names_do_not_exist() -> None:
    """RFC 5155 section 7.2.8: a name that has NSEC3 records only is answered as one that does not exist."""
    digest = HASHES["ns1.example"]
    assert ask(BY_NSEC3, f"{digest}.example NSEC3").outcome == "NXDOMAIN"


def test_the_hashed_names_are_no_enclosers() -> None:
    """RFC 5155 section 7.2.8: below a hashed name the closest encloser is the zone, whose wildcard answers."""
    digest = HASHES["ns1.example"]
    text = f"{digest} NSEC3 1 1 12 AABBCCDD {digest} A\n* TXT x\n"
    zones = assemble([zone_of(f"$TTL 60\n{SOA_AND_NS}{text}", "example.")])
    assert say(ask(zones, f"deep.{digest}.example TXT")) == 'NOERROR | TXT "x"'


@pytest.mark.parametrize("zones", [BY_NSEC, BY_NSEC3])
@pytest.mark.parametrize("question", ["ml.example A", "ns1.example MX", "mc.a.example MX", "a.z.w.example MX"])
def test_without_do_nothing_of_dnssec_is_sent(zones: ZoneSet, question: str) -> None:
    """RFC 4035 section 3.1: a server sends signatures and proofs only where the DO bit asks for them."""
    found = ask(zones, question)
    kinds = {rrset.type for rrset in (*found.answer, *found.authority, *found.additional)}
    assert not kinds & {RRSIG, NSEC, NSEC3, DS}


@pytest.mark.parametrize("zones", [BY_NSEC, BY_NSEC3])
@pytest.mark.parametrize("question", ["mc.a.example MX", "a.example NS", "ns1.a.example A", "mc.a.example DS"])
def test_a_secure_delegation_has_its_ds(zones: ZoneSet, question: str) -> None:
    """RFC 4035 section 3.1.4: a referral to a signed zone has the DS and its signature beside the NS records."""
    found = ask(zones, question, WITH_DO)
    kinds = [rrset.type for rrset in found.authority if plain(rrset.name) == "a.example" and rrset.type != NSEC]
    assert kinds == [NS, DS] + ([RRSIG] if zones is BY_NSEC else [])
    assert found.outcome == "REFERRAL"


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("ns1.example A", ["A", "RRSIG"]),
        ("example SOA", ["SOA", "RRSIG"]),
        ("a.example DS", ["DS", "RRSIG"]),
        ("a.example NSEC", ["NSEC", "RRSIG"]),
        ("*.w.example MX", ["MX", "RRSIG"]),
    ],
)
def test_each_record_set_comes_with_its_own_signature(question: str, kinds: list[str]) -> None:
    """RFC 4035 section 3.1.1: the RRSIG of the record set itself, with the same owner and TTL, and no other."""
    found = ask(BY_NSEC, question, WITH_DO)
    assert [rrset.type.name for rrset in found.answer] == kinds
    record_set, signature = found.answer
    assert (signature.name, signature.ttl) == (record_set.name, record_set.ttl)
    assert {rdata.covers() for rdata in signature.rdatas} == {record_set.type}


def test_the_soa_of_a_negative_answer_is_signed() -> None:
    """RFC 4035 section 3.1.3: the authority section of a negative answer has the SOA and the signature of the SOA."""
    found = ask(BY_NSEC, "ml.example A", WITH_DO)
    soa, signature = found.authority[:2]
    assert (soa.type, signature.type) == (SOA, RRSIG)
    assert {rdata.covers() for rdata in signature.rdatas} == {SOA}


@pytest.mark.parametrize(
    ("apex", "is_signed"),
    [
        (f"@ {KEY}\n@ NSEC @ A\n" + sign("@", ["NSEC"]), True),
        (f"@ {KEY}\n@ NSEC @ A\n", False),
        ("@ NSEC @ A\n" + sign("@", ["NSEC"]), False),
        (f"@ {KEY}\n", False),
        ("@ DNSKEY 0 3 8 AwEAAc3M\n@ NSEC @ A\n" + sign("@", ["NSEC"]), False),
        (f"@ {KEY}\n@ NSEC3PARAM 1 0 0 -\n", True),
        (f"@ {KEY}\n@ NSEC3PARAM 2 0 0 -\n", False),
        (f"@ {KEY}\n@ NSEC3PARAM 1 1 0 -\n", False),
        (f"@ {KEY}\n@ NSEC3PARAM 1 0 151 -\n", False),
        (f"@ {KEY}\n@ NSEC3PARAM 1 0 150 -\n", True),
    ],
)
def test_what_makes_a_zone_signed(apex: str, is_signed: bool) -> None:
    """A zone key (RFC 4034 section 2.1.1) and a chain that can be used.

    NSEC with its signature, or NSEC3 of SHA-1, flags 0 (RFC 5155 section 4.1.2) and few iterations (RFC 9276).
    """
    text = f"$ORIGIN example.\n$TTL 3600\n{SOA_AND_NS}{apex}" + sign("@", ["SOA"])
    found = ask(assemble([zone_of(text, "example.")]), "example SOA", WITH_DO)
    assert (RRSIG in {rrset.type for rrset in found.answer}) is is_signed
