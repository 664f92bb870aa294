"""The rules of a resolver, each with servers that say exactly what the rule is about."""

from __future__ import annotations

import pytest
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL

from ssosim.dns.zones.extended_errors import ExtendedError
from tests.dns.scripted_servers import NOW, ROOT, Servers, question
from tests.dns.zone_texts import say

OWN, OTHER, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"
WWW = "www.example.com A"
ADDRESS = "www.example.com 300 A 203.0.113.1"
SOA = "example.com 300 SOA ns.example.com. h.example.com. 1 2 3 4 60"
GLUE = f"ns.example.com 300 A {OWN}"


def delegate(servers: str, glue: str = "") -> Servers:
    """The root delegates ``example.com`` to these servers."""
    return Servers().add(ROOT, "example.com *", "", f"example.com 300 NS {servers}", glue, authoritative=False)


def one_zone() -> Servers:
    """``example.com`` with its one server ``OWN`` and the address of ``www``."""
    return delegate("ns.example.com.", GLUE).add(OWN, WWW, ADDRESS)


@pytest.mark.parametrize("alive", ["with-glue", "without-glue"])
def test_each_name_server_is_tried_before_giving_up(alive: str) -> None:
    """RFC 1034 section 5.3.3: servers that came without glue are looked up if those with glue do not answer."""
    servers = delegate("ns.example.com. | ns.other.test.", GLUE).add(
        ROOT, "ns.other.test A", f"ns.other.test 9 A {OTHER}"
    )
    servers.add(OWN if alive == "with-glue" else OTHER, WWW, ADDRESS)
    said = servers.resolve(servers.resolver(), WWW)
    assert say(said) == "NOERROR | A 203.0.113.1"
    assert (OTHER in servers.servers_asked()) is (alive == "without-glue")


def test_what_was_looked_up_is_kept_for_the_zone() -> None:
    """The address of a server without glue is looked up once: the next question goes to it beside the one with glue."""
    servers = delegate("ns.example.com. | ns.other.test.", GLUE).add(
        ROOT, "ns.other.test A", f"ns.other.test 9 A {OTHER}"
    )
    servers.add(OTHER, WWW, ADDRESS).add(OTHER, "ftp.example.com A", "ftp.example.com 60 A 203.0.113.2")
    resolver = servers.resolver()
    servers.resolve(resolver, WWW)
    servers.asked.clear()
    assert say(servers.resolve(resolver, "ftp.example.com A")) == "NOERROR | A 203.0.113.2"
    assert servers.servers_asked() == [OTHER]


def test_a_server_below_its_own_zone_is_not_looked_up() -> None:
    """Without glue nobody but the zone itself knows the address: no query is sent for it, the answer is SERVFAIL."""
    servers = delegate("ns.example.com.")
    said = servers.resolve(servers.resolver(), WWW)
    assert (said.rcode, said.extended_error) == (SERVFAIL, ExtendedError.NO_REACHABLE_AUTHORITY)
    assert servers.servers_asked() == [ROOT]


@pytest.mark.parametrize(
    "bad",
    [
        {"rcode": SERVFAIL},
        {"rcode": REFUSED},
        {"answer": "mail.example.com 60 A 203.0.113.9"},
        {"authority": "example.com 60 NS ns.example.com."},
        {},
    ],
)
def test_another_server_is_asked_after_a_bad_answer(bad: dict[str, object]) -> None:
    """Errors, lame servers and answers to other questions are passed over; the bad one is tried last next time."""
    servers = delegate("a.example.com. | b.example.com.", f"a.example.com 9 A {OWN}\nb.example.com 9 A {OTHER}")
    servers.add(OWN, WWW, **bad).add(OTHER, WWW, ADDRESS)  # type: ignore[arg-type]
    servers.add(OWN, "ftp.example.com A", **bad).add(OTHER, "ftp.example.com A", "ftp.example.com 9 A 203.0.113.2")  # type: ignore[arg-type]
    began_with_bad = 0
    for seed in range(8):
        resolver = servers.resolver(seed)
        servers.asked.clear()
        assert say(servers.resolve(resolver, WWW)) == "NOERROR | A 203.0.113.1"
        if OWN in servers.servers_asked():
            began_with_bad += 1
            servers.asked.clear()
            servers.resolve(resolver, "ftp.example.com A")
            assert servers.servers_asked() == [OTHER]
    assert began_with_bad


@pytest.mark.parametrize(("after", "asked_again"), [(0, False), (299, False), (300, True), (1000, True)])
def test_records_are_kept_for_their_ttl(after: int, asked_again: bool) -> None:
    """RFC 1035 section 3.2.1: the TTL counts down, and at its end the servers are asked again."""
    servers = one_zone()
    resolver = servers.resolver()
    servers.resolve(resolver, WWW)
    servers.asked.clear()
    said = servers.resolve(resolver, WWW, NOW + after)
    assert bool(servers.asked) is asked_again
    assert said.answer[0].ttl == (300 if asked_again else 300 - after)


@pytest.mark.parametrize(
    ("rcode", "other", "asked_again"),
    [(NXDOMAIN, "AAAA", False), (NXDOMAIN, "TXT", False), (NOERROR, "AAAA", True), (NOERROR, "A", False)],
)
def test_what_a_negative_answer_is_about(rcode: int, other: str, asked_again: bool) -> None:
    """RFC 2308 section 5: NXDOMAIN is about the name, whatever the type; NODATA about the name and the type."""
    servers = delegate("ns.example.com.", GLUE).add(OWN, "www.example.com *", "", SOA, rcode=rcode)  # type: ignore[arg-type]
    resolver = servers.resolver()
    servers.resolve(resolver, WWW)
    servers.asked.clear()
    assert servers.resolve(resolver, f"www.example.com {other}").rcode == rcode
    assert bool(servers.asked) is asked_again


def test_no_cname_says_nothing_about_addresses() -> None:
    """RFC 2308 section 5: "no CNAME at this name" is about the type CNAME; the address is asked for all the same."""
    servers = one_zone().add(OWN, "www.example.com CNAME", "", SOA)
    resolver = servers.resolver()
    assert say(servers.resolve(resolver, "www.example.com CNAME")) == "NODATA"
    assert say(servers.resolve(resolver, WWW)) == "NOERROR | A 203.0.113.1"


def test_a_name_that_comes_back_is_seen_by_the_negative_ttl() -> None:
    """RFC 2308 section 5: a name that was missing is missing for the minimum of the SOA, here 60 s, and no longer."""
    servers = delegate("ns.example.com.", GLUE).add(OWN, WWW, "", SOA, rcode=NXDOMAIN)
    resolver = servers.resolver()
    servers.resolve(resolver, WWW)
    servers.add(OWN, WWW, ADDRESS)
    assert servers.resolve(resolver, WWW, NOW + 59).rcode == NXDOMAIN
    assert servers.resolve(resolver, WWW, NOW + 60).rcode == NOERROR


def test_nxdomain_without_soa_is_not_cached() -> None:
    """RFC 2308 section 5: negative answers without an SOA are not cached."""
    servers = delegate("ns.example.com.", GLUE).add(OWN, WWW, rcode=NXDOMAIN)
    resolver = servers.resolver()
    assert servers.resolve(resolver, WWW).rcode == NXDOMAIN
    servers.add(OWN, WWW, ADDRESS)
    assert servers.resolve(resolver, WWW, NOW + 1).rcode == NOERROR


@pytest.mark.parametrize(("after", "asked_again"), [(4, False), (5, True)])
def test_a_failure_is_remembered_for_seconds(after: int, asked_again: bool) -> None:
    """RFC 2308 section 7: a server failure may be cached, at most five minutes; here for ``failure_ttl``, 5 s."""
    servers = delegate("ns.example.com.", GLUE)
    resolver = servers.resolver()
    assert servers.resolve(resolver, WWW).rcode == SERVFAIL
    servers.asked.clear()
    assert servers.resolve(resolver, WWW, NOW + after).rcode == SERVFAIL
    assert bool(servers.asked) is asked_again


def test_ds_is_asked_for_at_the_parent() -> None:
    """RFC 4035 section 4.2: the parent has the DS of a delegation, even when the child's servers are known."""
    digest = f"1 13 2 {'AB' * 32}"
    servers = one_zone().add(ROOT, "example.com DS", f"example.com 60 DS {digest}")
    resolver = servers.resolver()
    servers.resolve(resolver, WWW)
    servers.asked.clear()
    assert say(servers.resolve(resolver, "example.com DS")).lower() == f"noerror | ds {digest}".lower()
    assert servers.servers_asked() == [ROOT]


def test_the_closest_delegation_is_where_a_walk_begins() -> None:
    """RFC 1034 section 5.3.3, step 2: the servers of the deepest known zone are queried, and not the root again."""
    servers = one_zone().add(OWN, "ftp.example.com A", "ftp.example.com 60 A 203.0.113.2")
    resolver = servers.resolver()
    servers.resolve(resolver, WWW)
    servers.asked.clear()
    servers.resolve(resolver, "ftp.example.com A")
    assert servers.servers_asked() == [OWN]
    servers.asked.clear()
    servers.resolve(resolver, "ftp.example.com A", NOW + 301)
    assert servers.servers_asked() == [ROOT, OWN]


@pytest.mark.parametrize("kind", ["A", "AAAA", "TXT"])
def test_a_cname_is_kept_for_all_types(kind: str) -> None:
    """RFC 1034 section 3.6.2: an alias holds for each type, so that only the target is asked for next time."""
    servers = delegate("ns.example.com.", GLUE)
    servers.add(OWN, "a.example.com *", "a.example.com 300 CNAME b.example.com.").add(OWN, "b.example.com *", "", SOA)
    resolver = servers.resolver()
    servers.resolve(resolver, "a.example.com MX")
    servers.asked.clear()
    assert say(servers.resolve(resolver, f"a.example.com {kind}")) == "NODATA | CNAME b.example.com."
    assert [each.question.name.to_text() for each in servers.asked] == ["b.example.com."]


def test_what_failed_validation_is_never_kept() -> None:
    """RFC 4035 section 3.2.2 (CD bit): data that fail validation are given to who asks for them, and to nobody else."""
    servers = one_zone()
    resolver = servers.resolver(validate=True)
    resolver.is_bogus = lambda name: name == question(WWW).name
    said = servers.resolve(resolver, WWW)
    assert (said.rcode, said.extended_error) == (SERVFAIL, ExtendedError.DNSSEC_BOGUS)
    assert servers.resolve(resolver, WWW, NOW + 10, checking_disabled=True).rcode == NOERROR
    assert servers.resolve(resolver, WWW, NOW + 20).rcode == SERVFAIL


def test_a_forwarder_asks_its_resolvers_alone() -> None:
    """With ``forward_to`` nothing is asked of the root, and the RD bit is set: others resolve."""
    servers = Servers().add(THIRD, WWW, ADDRESS, authoritative=False)
    assert servers.resolve(servers.resolver(forward_to=(THIRD,)), WWW).rcode == NOERROR
    assert [(each.server, each.recursive) for each in servers.asked] == [(THIRD, True)]
    servers = one_zone()
    servers.resolve(servers.resolver(), WWW)
    assert not any(each.recursive for each in servers.asked)


@pytest.mark.parametrize(
    ("serve_stale", "late", "wanted"),
    [(True, 1, NOERROR), (True, 86_399, NOERROR), (True, 86_400, None), (False, 1, None)],
)
def test_how_long_a_stale_answer_may_be_used(serve_stale: bool, late: int, wanted: int | None) -> None:
    """RFC 8767 section 5: up to ``max_stale`` after the TTL, with a TTL of 30 s, and marked as stale (RFC 8914 4.4)."""
    servers = one_zone()
    resolver = servers.resolver(serve_stale=serve_stale)
    servers.resolve(resolver, WWW)
    found = resolver.find_stale(question(WWW), NOW + 300 + late)
    assert (None if found is None else found.rcode) == wanted
    if found is not None:
        assert (found.answer[0].ttl, found.extended_error) == (30, ExtendedError.STALE_ANSWER)


def test_a_stale_nxdomain_says_so() -> None:
    """RFC 8914 section 4.20: an expired NXDOMAIN has a code of its own."""
    servers = delegate("ns.example.com.", GLUE).add(OWN, WWW, "", SOA, rcode=NXDOMAIN)
    resolver = servers.resolver(serve_stale=True)
    servers.resolve(resolver, WWW)
    found = resolver.find_stale(question(WWW), NOW + 61)
    assert found is not None
    assert (found.rcode, found.extended_error) == (NXDOMAIN, ExtendedError.STALE_NXDOMAIN_ANSWER)


def test_a_clock_that_goes_back_makes_nothing_younger() -> None:
    """The TTL that is left is never more than the one that was received."""
    servers = one_zone()
    resolver = servers.resolver()
    servers.resolve(resolver, WWW)
    found = resolver.find_cached(question(WWW), NOW - 10_000)
    assert found is not None
    assert found.answer[0].ttl == 300


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_question_costs_a_bounded_number_of_queries(most: int) -> None:
    """Whatever the servers do, at most ``max_queries`` queries are sent for one question (RFC 1034 section 5.3.3)."""
    servers = delegate("ns.example.com.", GLUE)
    said = servers.resolve(servers.resolver(max_queries=most, rounds=9), WWW)
    assert (said.rcode, len(servers.asked)) == (SERVFAIL, most)


def test_a_chain_has_a_limit() -> None:
    """``max-query-restarts``: a chain of that many CNAMEs is followed, one more is SERVFAIL."""
    servers = delegate("ns.example.com.", GLUE)
    for number in range(4):
        servers.add(OWN, f"c{number}.example.com A", f"c{number}.example.com 60 CNAME c{number + 1}.example.com.")
    servers.add(OWN, "c4.example.com A", "c4.example.com 60 A 203.0.113.4")
    assert servers.resolve(servers.resolver(max_query_restarts=4), "c0.example.com A").rcode == NOERROR
    assert servers.resolve(servers.resolver(max_query_restarts=3), "c0.example.com A").rcode == SERVFAIL


def test_flushing_a_name_takes_all_below_it() -> None:
    """``rndc flushtree``: answers at and below the name go, others stay; without a name all go."""
    servers = one_zone().add(OWN, "a.www.example.com A", "a.www.example.com 60 A 203.0.113.2")
    servers.add(OWN, "ftp.example.com A", "ftp.example.com 60 A 203.0.113.3")
    resolver = servers.resolver()
    for name in ("www", "a.www", "ftp"):
        servers.resolve(resolver, f"{name}.example.com A")
    assert resolver.flush(question(WWW).name) == 2
    assert resolver.find_cached(question(WWW), NOW) is None
    assert resolver.find_cached(question("ftp.example.com A"), NOW) is not None
    assert resolver.flush() == 1
