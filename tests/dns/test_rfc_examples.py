"""The examples that RFCs give for wildcards, DNAME, chains and negative answers, each with the answer of the RFC."""

from __future__ import annotations

import pytest
from dns.rcode import NOERROR, NXDOMAIN, SERVFAIL, Rcode
from dns.rdatatype import SOA, A

from ssosim.dns import answer, resolve_in_zones
from ssosim.dns.imports.import_errors import assemble
from ssosim.dns.zones.rrset import plain, to_name, to_type
from tests.dns.zone_texts import HEAD, ask, read_zones, say, zone_of

WILDCARDS = read_zones(
    example="""\
* TXT "this is a wildcard"
* MX 10 host1
sub.* TXT "this is not a wildcard"
host1 A 192.0.2.1
_ssh._tcp.host1 SRV 0 0 22 host1
_ssh._tcp.host2 SRV 0 0 22 host1
subdel NS ns.example.com.
subdel NS ns.example.net.
"""
)
"""The zone of RFC 4592, section 2.2.1."""


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("host3.example MX", "NOERROR | MX 10 host1.example."),
        ("host3.example A", "NODATA"),
        ("foo.bar.example TXT", 'NOERROR | TXT "this is a wildcard"'),
        ("host1.example MX", "NODATA"),
        ("sub.*.example MX", "NODATA"),
        ("_telnet._tcp.host1.example SRV", "NXDOMAIN"),
        ("host.subdel.example A", "REFERRAL"),
        ("ghost.*.example MX", "NXDOMAIN"),
        ("host2.example A", "NODATA"),
        ("_tcp.host2.example A", "NODATA"),
        ("*.example TXT", 'NOERROR | TXT "this is a wildcard"'),
        ("HOST3.EXAMPLE MX", "NOERROR | MX 10 host1.example."),
    ],
)
def test_the_wildcards_of_rfc_4592(question: str, wanted: str) -> None:
    """RFC 4592 section 2.2.1 lists which answers are synthesised, and why the others are not."""
    assert say(ask(WILDCARDS, question)) == wanted


def test_a_synthesised_record_has_the_queried_name() -> None:
    """RFC 4592 section 3.3.3: the owner is the name of the question, with its letters, and not the wildcard."""
    found = ask(WILDCARDS, "Foo.Bar.example TXT")
    assert [str(rrset.name) for rrset in found.answer] == ["Foo.Bar.example."]


DNAMES = [
    ("com.", "example.com.", "example.net.", None),
    ("example.com.", "example.com.", "example.net.", None),
    ("a.example.com.", "example.com.", "example.net.", "a.example.net."),
    ("a.b.example.com.", "example.com.", "example.net.", "a.b.example.net."),
    ("ab.example.com.", "b.example.com.", "example.net.", None),
    ("foo.example.com.", "example.com.", "example.net.", "foo.example.net."),
    ("a.x.example.com.", "x.example.com.", "example.net.", "a.example.net."),
    ("a.example.com.", "example.com.", "y.example.net.", "a.y.example.net."),
    ("cyc.example.com.", "example.com.", "example.com.", "cyc.example.com."),
    ("cyc.example.com.", "example.com.", "c.example.com.", "cyc.c.example.com."),
    ("shortloop.x.x.", "x.", ".", "shortloop.x."),
    ("shortloop.x.", "x.", ".", "shortloop."),
]
"""RFC 6672, section 2.2, table 1: the name of the question, the owner, the target, the name after substitution."""


@pytest.mark.parametrize(("name", "owner", "target", "wanted"), DNAMES)
def test_the_substitutions_of_rfc_6672(name: str, owner: str, target: str, wanted: str | None) -> None:
    """The part of the name below the owner is kept, the owner is replaced; the owner itself is not redirected."""
    zone = "x" if owner == "x." else "com"
    relative = "@" if to_name(owner) == to_name(zone) else owner
    zones = read_zones(**{zone: f"{relative} DNAME {target}\n"})
    found = answer(zones, to_name(name), to_type("CNAME"))
    made = [rrset.rdatas[0].to_text() for rrset in found.answer if rrset.type == to_type("CNAME")]
    assert made == ([] if wanted is None else [wanted])


@pytest.mark.parametrize("name", ["cyc.example.com", "deep.cyc.example.com"])
def test_a_dname_to_itself_ends(name: str) -> None:
    """RFC 6672 section 2.2: a DNAME that leads below itself is a loop, which a server has to end with an error."""
    zones = read_zones(com="example DNAME c.example\n")
    assert answer(zones, to_name(name), A).rcode == SERVFAIL


RENAMED = "DNAME other.example.com. | CNAME www.other.example.com."

LINKED = read_zones(
    example_com="""\
tree DNAME other
other A 192.0.2.1
www.other A 192.0.2.2
www CNAME www.tree
out CNAME gone.example.org.
deep.out.other DNAME example.org.
""",
    example_org="www CNAME www.other.example.com.\nloop CNAME loop.example.net.\n",
    example_net="loop CNAME loop.example.org.\n",
)


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("tree.example.com DNAME", "NOERROR | DNAME other.example.com."),
        ("tree.example.com A", "NODATA"),
        ("www.example.com DNAME", f"NODATA | CNAME www.tree.example.com. | {RENAMED}"),
        ("www.tree.example.com A", f"NOERROR | {RENAMED} | A 192.0.2.2"),
        ("www.example.com A", f"NOERROR | CNAME www.tree.example.com. | {RENAMED} | A 192.0.2.2"),
        ("www.tree.example.com CNAME", f"NOERROR | {RENAMED}"),
        ("no.tree.example.com A", "NXDOMAIN | DNAME other.example.com. | CNAME no.other.example.com."),
        ("out.example.com A", "NXDOMAIN | CNAME gone.example.org."),
        ("www.example.org A", "NOERROR | CNAME www.other.example.com. | A 192.0.2.2"),
        ("www.example.org AAAA", "NODATA | CNAME www.other.example.com."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("resolve", [False, True])
def test_links_are_answers_to_their_own_type_and_chains_for_others(question: str, wanted: str, resolve: bool) -> None:
    """A question for DNAME gets it, with or without RD; chains of other types are followed to their end (RFC 6604)."""
    name, kind = question.split()
    function = resolve_in_zones if resolve else answer
    assert say(function(LINKED, to_name(name), to_type(kind))) == wanted


SIGNED = """\
www A 192.0.2.1
www RRSIG A 8 3 300 20300101000000 20200101000000 1 example.com. AAAA
"""


def test_signatures_can_be_asked_for_through_a_resolver() -> None:
    """A question for RRSIG with RD set gets the signatures: a resolver would pass them on (RFC 4035 section 3.2)."""
    found = resolve_in_zones(read_zones(example_com=SIGNED), to_name("www.example.com"), to_type("RRSIG"))
    assert [rrset.type.name for rrset in found.answer] == ["RRSIG"]


@pytest.mark.parametrize(
    ("question", "rcode"),
    [
        ("c.example.com A", SERVFAIL),
        ("c.example.com DNAME", SERVFAIL),
        ("c.example.com RRSIG", NOERROR),
        ("x.t.example.com A", SERVFAIL),
        ("x.t.example.com DNAME", SERVFAIL),
        ("x.t.example.com RRSIG", SERVFAIL),
        ("x.sub.example.com DNAME", SERVFAIL),
        ("t.example.com DNAME", NOERROR),
    ],
)
def test_a_chain_that_leaves_to_unreachable_servers_is_servfail(question: str, rcode: Rcode) -> None:
    """What is delegated to servers outside the lab is not known: SERVFAIL with RD, and never "no such record".

    Signatures may stand beside a CNAME (RFC 4034 section 3), so a question for them does not follow it.
    """
    zones = read_zones(example_com="c CNAME x.sub\nt DNAME sub\nsub NS ns.elsewhere.test.\n")
    name, kind = question.split()
    assert resolve_in_zones(zones, to_name(name), to_type(kind)).rcode == rcode


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("www.example.com ANY", "NOERROR | CNAME www.tree.example.com."),
        ("www.tree.example.com ANY", f"NOERROR | {RENAMED}"),
        ("other.example.com ANY", 'NOERROR | HINFO "RFC8482" ""'),
        ("gone.example.com ANY", "NXDOMAIN"),
        ("deep.example.com ANY", "NODATA"),
    ],
)
def test_any_gets_one_record_set_and_follows_nothing(question: str, wanted: str) -> None:
    """RFC 8482 section 4.2: one HINFO, or the CNAME of the name; links are not followed, as the type is theirs too."""
    zones = read_zones(
        example_com="tree DNAME other\nother A 192.0.2.1\nwww.other A 192.0.2.2\nwww CNAME www.tree\nx.deep TXT x\n"
    )
    assert say(ask(zones, question)) == wanted


@pytest.mark.parametrize(("links", "rcode"), [(11, NOERROR), (12, SERVFAIL)])
def test_the_longest_chain(links: int, rcode: Rcode) -> None:
    """BIND and unbound follow eleven CNAMEs (``max-query-restarts``); a longer chain is SERVFAIL."""
    chain = "".join(f"c{number} CNAME c{number + 1}\n" for number in range(links))
    zones = read_zones(example_com=f"{chain}c{links} A 192.0.2.1\n")
    assert ask(zones, "c0.example.com A").rcode == rcode


def test_what_stands_beside_a_cname_is_answered_itself() -> None:
    """RFC 4035 section 2.5: NSEC and RRSIG may be at the name of a CNAME; a question for them does not follow it."""
    beside = "www NSEC x CNAME RRSIG NSEC\nwww RRSIG NSEC 8 3 300 20300101000000 20200101000000 1 example.com. AAAA\n"
    zones = read_zones(example_com=f"www CNAME other\nother A 192.0.2.1\nx CNAME other\n{beside}")
    assert [rrset.type.name for rrset in ask(zones, "www.example.com NSEC").answer] == ["NSEC"]
    assert [rrset.type.name for rrset in ask(zones, "www.example.com RRSIG").answer] == ["RRSIG"]
    assert say(ask(zones, "x.example.com NSEC")) == "NODATA"


@pytest.mark.parametrize(
    ("root", "wanted", "owner"),
    [("", "NODATA", "example.com"), ("example.com. NS ns1.test.\n", "NODATA", ""),
     (f"example.com. NS ns1.test.\nexample.com. DS 1 13 2 {'AB' * 32}\n", "NOERROR", "")],
)  # fmt: skip
def test_the_root_has_the_ds_of_what_it_delegates(root: str, wanted: str, owner: str) -> None:
    """RFC 4035 section 3.1.4.1: the parent answers for DS, if it delegates the name; else the root is no parent."""
    zones = assemble([zone_of(HEAD + root, "."), zone_of(HEAD, "example.com.")])
    found = ask(zones, "example.com DS")
    assert found.outcome == wanted
    if wanted == "NODATA":
        assert [plain(rrset.name) for rrset in found.authority] == [owner or "."]


@pytest.mark.parametrize("ends", ["loop.example.org", "loop.example.net"])
def test_a_loop_across_zones_ends(ends: str) -> None:
    """RFC 1034 section 3.6.2: CNAME loops are signalled as an error; two zones may make one together."""
    assert answer(LINKED, to_name(ends), A).rcode == SERVFAIL


@pytest.mark.parametrize(
    ("soa_ttl", "minimum", "wanted"), [(300, 60, 60), (60, 300, 60), (0, 300, 0), (300, 0, 0), (86400, 86400, 86400)]
)
def test_the_ttl_of_a_negative_answer(soa_ttl: int, minimum: int, wanted: int) -> None:
    """RFC 2308 section 3: the lesser of the TTL of the SOA and its minimum. As an answer the SOA has its own TTL."""
    text = f"$TTL 5\n@ {soa_ttl} SOA ns1.test. h.test. 1 2 3 4 {minimum}\n@ NS ns1.test.\nwww A 192.0.2.1\n"
    zones = assemble([zone_of(text)])
    for question, rcode in (("no.example.com A", NXDOMAIN), ("www.example.com AAAA", NOERROR)):
        found = ask(zones, question)
        assert (found.rcode, [(each.type, each.ttl) for each in found.authority]) == (rcode, [(SOA, wanted)])
    assert ask(zones, "example.com SOA").answer[0].ttl == soa_ttl
