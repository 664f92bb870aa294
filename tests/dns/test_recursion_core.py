"""The resolver core in memory: real zones on the servers of the hierarchy, no sockets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from random import Random

import dns.name
import pytest
from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL
from dns.rdatatype import AAAA, CNAME, NS, PTR, SRV, TXT, A, RdataType
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.dns import Answer, ZoneSet, ZoneStore, answer, delete_profile, put_rrset, remove_name
from ssosim.dns.recursion import Question, Resolver, ResolverSettings, UpstreamQuery, run_resolution
from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.hierarchy import Hierarchy, View
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas

AUTOLOGON = "autologon.microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
NOW = 1_740_000_000.0


class Upstream:
    """The authoritative servers in memory; ``silent`` addresses never answer."""

    def __init__(self, zones: ZoneSet) -> None:
        self.store = ZoneStore(zones)
        self.authorities = Authorities(self.store)
        self.silent: set[str] = set()
        self.asked: list[UpstreamQuery] = []

    @property
    def hierarchy(self) -> Hierarchy:
        """The present hierarchy."""
        return self.authorities.hierarchy

    def change(self, change: Callable[[Hierarchy], Hierarchy]) -> None:
        """Break the hierarchy."""
        self.authorities.hierarchy = change(self.authorities.hierarchy)

    def __call__(self, ask: UpstreamQuery) -> Answer | None:
        """The answer of the queried server."""
        self.asked.append(ask)
        server = next(name for name, address in self.hierarchy.addresses.items() if address == ask.server)
        if ask.server in self.silent or self.authorities.is_dead(server, ask.question.name):
            return None
        return self.authorities.answer_as(server, ask.question.name, ask.question.type)

    def resolver(self, seed: int = 1, **options: object) -> Resolver:
        """A resolver with these root hints."""
        chosen = ResolverSettings(**options)  # type: ignore[arg-type]
        return Resolver(chosen, self.hierarchy.root_addresses, random=Random(seed))  # noqa: S311 - a seed


def question(name: str = AUTOLOGON, kind: RdataType = A) -> Question:
    """A question."""
    return Question(to_name(name), kind)


def resolve(
    resolver: Resolver, upstream: Callable[[UpstreamQuery], Answer | None], asked: Question, now: float = NOW
) -> Answer:
    """The answer from the cache, or else from the servers."""
    return resolver.find_cached(asked, now) or run_resolution(resolver.resolve(asked, now), upstream, now)


def data(said: Answer) -> tuple[object, ...]:
    """The content of an answer without TTLs."""
    return said.rcode, [(rrset.name, rrset.type, rrset.content) for rrset in said.answer]


def with_view(zone: Name, server: Name, kind: str, hierarchy: Hierarchy) -> Hierarchy:
    """The hierarchy with that view of the zone on one server."""
    return hierarchy.with_view(zone, server, View(kind))  # type: ignore[arg-type]


@pytest.fixture
def upstream(contoso: ZoneSet) -> Upstream:
    """The default estate's zones on the standard hierarchy."""
    return Upstream(contoso)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (AUTOLOGON, A),
        (AUTOLOGON, AAAA),
        (LOGIN, A),
        ("nope.microsoftonline.com", A),
        ("corp.contoso.com", A),
        ("contoso.com", A),
        ("www.example.org", A),
        ("_kerberos._udp.corp.contoso.com", SRV),
        ("_kerberos.corp.contoso.com", TXT),
        ("88.0.10.10.in-addr.arpa", PTR),
        ("10.2.0.192.in-addr.arpa", PTR),
    ],
)
def test_the_walk_from_the_root_finds_what_the_one_server_says(upstream: Upstream, name: str, kind: RdataType) -> None:
    """Root, registry, name server: the answer is that of the lab's one server, and so is the second, from memory."""
    resolver = upstream.resolver()
    said = resolve(resolver, upstream, question(name, kind))
    assert data(said) == data(answer(upstream.store.current, to_name(name), kind))
    walked = len(upstream.asked)
    assert data(resolve(resolver, upstream, question(name, kind))) == data(said)
    assert len(upstream.asked) == walked
    assert said.answer or [rrset.type.name for rrset in said.authority] == ["SOA"]


def test_a_cname_is_followed_across_zones(upstream: Upstream) -> None:
    """A chain from one zone into another is walked zone by zone."""
    changed = put_rrset(upstream.store.current, "sso.fabrikam.com", "CNAME", [f"{AUTOLOGON}."])
    upstream.store.change(lambda _: changed)
    said = resolve(upstream.resolver(), upstream, question("sso.fabrikam.com"))
    assert [rrset.type for rrset in said.answer] == [CNAME, A]
    assert {ask.question.name for ask in upstream.asked} >= {to_name("sso.fabrikam.com"), to_name(AUTOLOGON)}


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_loop_is_servfail(upstream: Upstream, length: int) -> None:
    """RFC 1034 5.2.2: a loop ends in SERVFAIL, and that is remembered for seconds."""
    zones = upstream.store.current
    for number in range(length):
        target = f"l{(number + 1) % length}.fabrikam.com."
        zones = put_rrset(zones, f"l{number}.fabrikam.com", "CNAME", [target])
    upstream.store.change(lambda _: zones)
    resolver = upstream.resolver()
    loop = question("l0.fabrikam.com")
    assert resolve(resolver, upstream, loop).rcode == SERVFAIL
    asked = len(upstream.asked)
    assert resolve(resolver, upstream, loop, NOW + 4).rcode == SERVFAIL
    assert len(upstream.asked) == asked
    resolve(resolver, upstream, loop, NOW + 6)
    assert len(upstream.asked) > asked or resolver.find_cached(question("l0.fabrikam.com", CNAME), NOW + 6) is not None


@pytest.mark.parametrize(
    ("links", "options", "rcode"),
    [
        (11, {}, NOERROR),
        (12, {}, SERVFAIL),
        (12, {"max_query_restarts": 12}, NOERROR),
        (2, {"max_query_restarts": 1}, SERVFAIL),
    ],
)
def test_a_chain_has_as_many_links_as_other_resolvers_follow(
    upstream: Upstream, links: int, options: dict[str, int], rcode: int
) -> None:
    """max-query-restarts: 11 links for BIND 9.18.49 and unbound 1.17.1, or as many as the setting says."""
    zones = put_rrset(upstream.store.current, f"c{links}.microsoftonline.com", "A", ["192.0.2.1"])
    for step in range(links):
        target = f"c{step + 1}.microsoftonline.com."
        zones = put_rrset(zones, f"c{step}.microsoftonline.com", "CNAME", [target])
    upstream.store.change(lambda _: zones)
    resolver = upstream.resolver(**options)
    for _ in range(2):
        assert resolve(resolver, upstream, question("c0.microsoftonline.com")).rcode == rcode


def test_ttls_count_down_and_end(upstream: Upstream) -> None:
    """TMS9-030: a change is seen when the TTL is over, and not before."""
    resolver = upstream.resolver()
    first = resolve(resolver, upstream, question(LOGIN))
    ttl = first.answer[0].ttl
    upstream.store.change(lambda zones: put_rrset(zones, LOGIN, "A", ["192.0.2.99"], ttl))
    for waited in (0, 1, ttl // 2, ttl - 1):
        said = resolve(resolver, upstream, question(LOGIN), NOW + waited)
        assert said.answer[0].ttl == ttl - waited
        assert said.answer[0].content == first.answer[0].content
    assert resolve(resolver, upstream, question(LOGIN), NOW + ttl).answer[0].rdatas[0].to_text() == "192.0.2.99"


@pytest.mark.parametrize(("option", "expected"), [({"max_ttl": 20}, 20), ({"min_ttl": 9000}, 9000)])
def test_ttls_are_clamped(upstream: Upstream, option: dict[str, int], expected: int) -> None:
    """A resolver keeps nothing longer than its maximum and nothing shorter than its minimum TTL."""
    assert resolve(upstream.resolver(**option), upstream, question(LOGIN)).answer[0].ttl == expected


def test_nxdomain_is_about_all_types_and_nodata_about_one(upstream: Upstream) -> None:
    """RFC 2308: NXDOMAIN of one type answers the next type from memory; NODATA of one type does not."""
    resolver = upstream.resolver()
    assert resolve(resolver, upstream, question("nope.fabrikam.com")).rcode == NXDOMAIN
    walked = len(upstream.asked)
    assert resolve(resolver, upstream, question("nope.fabrikam.com", TXT)).rcode == NXDOMAIN
    assert len(upstream.asked) == walked
    assert resolve(resolver, upstream, question(LOGIN, AAAA)).outcome == "NODATA"
    walked = len(upstream.asked)
    assert resolve(resolver, upstream, question(LOGIN, A)).outcome == "NOERROR"
    assert len(upstream.asked) == walked + 1


def test_a_negative_answer_ends_with_the_soa_minimum(upstream: Upstream) -> None:
    """TMS9-020: what comes back stays invisible for the SOA minimum, and a flush ends that at once."""
    resolver = upstream.resolver()
    healthy = upstream.store.change(lambda zones: delete_profile(zones, "aadg-autologon"))
    said = resolve(resolver, upstream, question())
    assert said.outcome == "NODATA"
    kept = said.authority[0].ttl
    assert kept == 60
    upstream.store.change(lambda _: healthy)
    assert resolve(resolver, upstream, question(), NOW + kept - 1).outcome == "NODATA"
    assert resolve(resolver, upstream, question(), NOW + kept).outcome == "NOERROR"
    upstream.store.change(lambda zones: delete_profile(zones, "aadg-autologon"))
    resolver.flush(to_name("microsoftazuread-sso.com"))
    assert resolve(resolver, upstream, question(), NOW + kept).outcome == "NODATA"


def test_one_silent_server_is_passed_over(upstream: Upstream) -> None:
    """A server that does not answer costs one timeout and is queried last from then on."""
    servers = upstream.hierarchy.serves[to_name("microsoftonline.com")]
    upstream.silent = {upstream.hierarchy.addresses[server] for server in servers[:3]}
    resolver = upstream.resolver()
    assert resolve(resolver, upstream, question(LOGIN)).outcome == "NOERROR"
    upstream.asked.clear()
    assert resolve(resolver, upstream, question("nope.microsoftonline.com")).rcode == NXDOMAIN
    assert [ask.server in upstream.silent for ask in upstream.asked] == [False]


@pytest.mark.parametrize("kind", ["lame", "dead"])
def test_all_servers_lame_or_dead_is_servfail(upstream: Upstream, kind: str) -> None:
    """facebook-2021: if no server of a zone gives a usable answer, the result is SERVFAIL; one good one is enough."""
    zone = to_name("microsoftonline.com")
    servers = upstream.hierarchy.serves[zone]
    for server in servers[1:]:
        upstream.change(functools.partial(with_view, zone, server, kind))
    assert resolve(upstream.resolver(), upstream, question(LOGIN)).outcome == "NOERROR"
    upstream.change(functools.partial(with_view, zone, servers[0], kind))
    assert resolve(upstream.resolver(), upstream, question(LOGIN)).rcode == SERVFAIL
    assert resolve(upstream.resolver(), upstream, question(AUTOLOGON)).outcome == "NOERROR"


def test_one_blank_server_of_four_fails_a_quarter(upstream: Upstream) -> None:
    """azure-dns-2019: a quarter of new resolvers gets NXDOMAIN and caches it for the SOA minimum."""
    zone = to_name("microsoftonline.com")
    upstream.change(lambda h: h.with_view(zone, h.server(zone, 4), View("blank")))
    outcomes = []
    for seed in range(200):
        resolver = upstream.resolver(seed)
        outcomes.append(resolve(resolver, upstream, question(LOGIN)).outcome)
        assert resolve(resolver, upstream, question(LOGIN), NOW + 59).outcome == outcomes[-1]
    assert 0.15 < outcomes.count("NXDOMAIN") / len(outcomes) < 0.35
    assert set(outcomes) == {"NXDOMAIN", "NOERROR"}


def test_a_removed_delegation_is_nxdomain_from_the_parent(upstream: Upstream) -> None:
    """zoom-2025: NXDOMAIN with the registry's SOA, while the zone's own servers go on answering when asked directly."""
    zone = to_name("microsoftonline.com")
    used = upstream.resolver()
    resolve(used, upstream, question(LOGIN))
    upstream.change(lambda h: h.without_delegation(zone))
    said = resolve(upstream.resolver(), upstream, question(LOGIN))
    assert said.rcode == NXDOMAIN
    assert said.authority[0].name == to_name("com")
    assert upstream.authorities.answer_as(upstream.hierarchy.server(zone, 1), to_name(LOGIN), A).outcome == "NOERROR"
    assert resolve(used, upstream, question("nope.microsoftonline.com"), NOW + 60).authority[0].name == zone
    assert resolve(used, upstream, question(LOGIN), NOW + 4000).rcode == NXDOMAIN


def test_stale_answers_are_served_only_when_switched_on(upstream: Upstream) -> None:
    """RFC 8767: an expired answer with TTL 30 while servers are silent, up to the limit; off, nothing expired."""
    for on in (False, True):
        resolver = upstream.resolver(serve_stale=on, max_stale=1000)
        upstream.silent = set()
        ttl = resolve(resolver, upstream, question(LOGIN)).answer[0].ttl
        upstream.silent = set(upstream.hierarchy.addresses.values())
        assert resolve(resolver, upstream, question(LOGIN), NOW + ttl).rcode == SERVFAIL
        stale = resolver.find_stale(question(LOGIN), NOW + ttl)
        assert (stale is not None) is on
        assert stale is None or stale.answer[0].ttl == 30
        assert resolver.find_stale(question(LOGIN), NOW + ttl + 1000) is None


def test_validation_fails_only_where_it_is_switched_on(upstream: Upstream) -> None:
    """slack-2021, de-2026: bogus data are SERVFAIL for who validates, unless CD is set; what was verified is used."""
    bogus = {to_name("microsoftonline.com")}

    def resolver(validate: bool) -> Resolver:
        chosen = ResolverSettings(validate=validate)
        return Resolver(chosen, upstream.hierarchy.root_addresses, is_bogus=lambda name: name.parent() in bogus)

    assert resolve(resolver(False), upstream, question(LOGIN)).outcome == "NOERROR"
    strict = resolver(True)
    assert resolve(strict, upstream, question(LOGIN)).rcode == SERVFAIL
    assert (
        run_resolution(strict.resolve(question(LOGIN), NOW, checking_disabled=True), upstream, NOW).outcome == "NOERROR"
    )
    assert resolve(strict, upstream, question(LOGIN), NOW + 10).rcode == SERVFAIL
    bogus.clear()
    assert resolve(strict, upstream, question(LOGIN), NOW + 20).outcome == "NOERROR"
    bogus.add(to_name("microsoftonline.com"))
    assert resolve(strict, upstream, question(LOGIN), NOW + 30).outcome == "NOERROR"
    assert resolve(strict, upstream, question(LOGIN), NOW + 1000).rcode == SERVFAIL


def test_the_same_core_is_a_chain(upstream: Upstream) -> None:
    """Device cache, company resolver, authorities: each has its own copy, for at most the TTL received."""
    company = upstream.resolver()
    device = Resolver(ResolverSettings(forward_to=("10.0.0.53",)))
    now = NOW

    def ask_company(ask: UpstreamQuery) -> Answer:
        assert ask.recursive
        assert ask.server == "10.0.0.53"
        return resolve(company, upstream, ask.question, now)

    first = resolve(company, upstream, question(LOGIN), NOW)
    now = NOW + 100
    assert resolve(device, ask_company, question(LOGIN), now).answer[0].ttl == first.answer[0].ttl - 100
    assert resolve(device, ask_company, question("nope.fabrikam.com"), now).rcode == NXDOMAIN
    upstream.store.change(lambda zones: put_rrset(zones, LOGIN, "A", ["192.0.2.99"]))
    now = NOW + first.answer[0].ttl - 1
    assert resolve(device, ask_company, question(LOGIN), now).answer[0].content == first.answer[0].content
    now += 1
    assert resolve(device, ask_company, question(LOGIN), now).answer[0].rdatas[0].to_text() == "192.0.2.99"


def test_a_server_is_not_believed_about_other_zones(upstream: Upstream) -> None:
    """A server of one zone cannot inject records, delegations or negative answers of another zone."""
    victim = to_name(LOGIN)
    forged = RRset(victim, A, 9999, to_rdatas(["203.0.113.66"], A, dns.name.root))
    nameserver = RRset(to_name("microsoftonline.com"), NS, 9999, to_rdatas(["evil.fabrikam.com."], NS, dns.name.root))
    link = RRset(to_name("bad.fabrikam.com"), CNAME, 9999, to_rdatas([f"{LOGIN}."], CNAME, dns.name.root))

    def evil(ask: UpstreamQuery) -> Answer | None:
        honest = upstream(ask)
        if ask.question.name != to_name("bad.fabrikam.com") or honest is None or not honest.authoritative:
            return honest
        return replace(honest, rcode=NOERROR, answer=(link, forged), authority=(nameserver,), additional=(forged,))

    resolver = upstream.resolver()
    said = resolve(resolver, evil, question("bad.fabrikam.com"))
    assert said.answer[-1].rdatas[0].to_text() == "192.0.2.10"
    assert resolve(resolver, upstream, question(LOGIN)).answer[0].rdatas[0].to_text() == "192.0.2.10"


def test_glue_for_a_stranger_is_not_believed(upstream: Upstream) -> None:
    """Addresses count only for name servers below the zone that was asked: others are looked up where they live."""
    below = to_name("sub.fabrikam.com")
    servers = RRset(below, NS, 300, to_rdatas(["ns1.dns.example."], NS, dns.name.root))
    glue = RRset(to_name("ns1.dns.example"), A, 300, to_rdatas(["203.0.113.66"], A, dns.name.root))

    def evil(ask: UpstreamQuery) -> Answer | None:
        assert ask.server != "203.0.113.66"
        honest = upstream(ask)
        if not ask.question.name.is_subdomain(below) or honest is None or honest.rcode != NXDOMAIN:
            return honest
        return replace(honest, rcode=NOERROR, authoritative=False, authority=(servers,), additional=(glue,))

    resolver = upstream.resolver()
    assert resolve(resolver, evil, question("www.sub.fabrikam.com")).rcode == SERVFAIL
    assert "198.18.0.11" in [ask.server for ask in upstream.asked]


def test_a_flood_of_name_servers_without_addresses_is_bounded() -> None:
    """NXNSAttack: referrals to ever more name servers without glue cost no more than ``max_queries`` queries."""
    asked: list[UpstreamQuery] = []

    def flood(ask: UpstreamQuery) -> Answer:
        asked.append(ask)
        name = ask.question.name
        cut = Name(name.labels[-2:])
        servers = to_rdatas([f"ns.n{len(asked)}x{number}." for number in range(13)], NS, dns.name.root)
        return Answer(name=name, type=A, authoritative=False, authority=(RRset(cut, NS, 300, servers),))

    resolver = Resolver(ResolverSettings(max_queries=30), ("198.18.0.1",))
    assert run_resolution(resolver.resolve(question("www.victim"), NOW), flood, NOW).rcode == SERVFAIL
    assert len(asked) == 30


def test_the_newest_of_two_memories_counts(upstream: Upstream) -> None:
    """An address learnt before a CNAME for the same name does not hide the CNAME."""
    resolver = upstream.resolver()
    resolve(resolver, upstream, question(LOGIN, A))
    bare = remove_name(upstream.store.current, LOGIN)
    upstream.store.change(lambda _: put_rrset(bare, LOGIN, "CNAME", [f"{AUTOLOGON}."]))
    resolve(resolver, upstream, question(LOGIN, AAAA), NOW + 10)
    assert [rrset.type for rrset in resolve(resolver, upstream, question(LOGIN, A), NOW + 20).answer] == [CNAME, A]


def test_the_cache_is_bounded_and_forgets_the_least_used(upstream: Upstream) -> None:
    """A cache of ten entries has at most ten; the least recently used entry is removed."""
    resolver = upstream.resolver(max_entries=10)
    resolve(resolver, upstream, question(LOGIN))
    for number in range(50):
        resolve(resolver, upstream, question(f"n{number}.fabrikam.com"))
        assert resolver.find_cached(question(LOGIN), NOW) is not None
        assert len(resolver.cache) <= 10
    assert resolver.find_cached(question("n0.fabrikam.com"), NOW) is None


LABELS = st.sampled_from(["a", "b", "c"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(lambda labels: to_name(".".join(labels)))
ADDRESSES = st.sampled_from(["198.18.0.1", "198.18.0.2", "198.18.0.3"])


def records(owner: Name, kind: RdataType, other: Name, ttl: int) -> RRset:
    """A record set that leads somewhere."""
    values = {
        A: ["198.18.0.2"],
        NS: [other.to_text()],
        CNAME: [other.to_text()],
    }.get(kind, [f"{other} {other} 1 1 1 1 {ttl}"])
    return RRset(owner, kind, ttl, to_rdatas(values, kind, dns.name.root))


RRSETS = st.builds(
    records, NAMES, st.sampled_from([A, NS, CNAME, RdataType.SOA]), NAMES, st.sampled_from([0, 1, 300, 2**31 - 1])
)
HOSTILE = st.builds(
    Answer,
    name=NAMES,
    type=st.just(A),
    rcode=st.sampled_from([NOERROR, NXDOMAIN, SERVFAIL, REFUSED]),
    authoritative=st.booleans(),
    answer=st.lists(RRSETS, max_size=4).map(tuple),
    authority=st.lists(RRSETS, max_size=4).map(tuple),
    additional=st.lists(RRSETS, max_size=4).map(tuple),
)


@settings(max_examples=100)
@given(st.lists(st.none() | HOSTILE, min_size=1, max_size=30), NAMES, st.booleans())
def test_hostile_servers_cannot_make_it_work_for_ever(said: list[Answer | None], name: Name, forward: bool) -> None:
    """Whatever servers say, a question ends after at most ``max_queries`` queries with an answer."""
    chosen = ResolverSettings(max_queries=40, forward_to=("198.18.0.1",) if forward else ())
    resolver = Resolver(chosen, ("198.18.0.1",), random=Random(1))  # noqa: S311 - a seed
    asked: list[UpstreamQuery] = []

    def upstream(ask: UpstreamQuery) -> Answer | None:
        asked.append(ask)
        return said[len(asked) % len(said)]

    answered = run_resolution(resolver.resolve(Question(name, A), NOW), upstream, NOW)
    assert len(asked) <= 40
    assert answered.rcode in (NOERROR, NXDOMAIN, SERVFAIL)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([LOGIN, AUTOLOGON, "nope.fabrikam.com", "sts.fabrikam.com", "corp.contoso.com"]),
        st.sampled_from([A, AAAA]),
        st.integers(0, 400),
        st.sampled_from(["", "address", "delete", "restore", "silence", "speak"]),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(STEPS, st.booleans())
def test_memory_never_lies_about_time(
    contoso: ZoneSet, steps: list[tuple[str, RdataType, int, str]], stale: bool
) -> None:
    """TTLs only fall until they end; no entry, negative ones included, outlives its TTL; stale off: nothing expired."""
    upstream = Upstream(contoso)
    resolver = upstream.resolver(serve_stale=stale)
    now, learnt = NOW, dict[tuple[str, RdataType], tuple[float, int, object]]()
    for name, kind, wait, change in steps:
        now += wait
        match change:
            case "address":
                address = f"10.0.0.{wait % 250}"
                upstream.store.change(
                    functools.partial(put_rrset, name="sts.fabrikam.com", rdtype="A", values=[address])
                )
            case "delete" if "aadg-autologon" in upstream.store.current.profiles:
                upstream.store.change(lambda zones: delete_profile(zones, "aadg-autologon"))
            case "restore":
                upstream.store.change(lambda _: contoso)
            case "silence" | "speak":
                upstream.silent = set(upstream.hierarchy.addresses.values()) if change == "silence" else set()
        key = (name, A) if name == "nope.fabrikam.com" else (name, kind)  # NXDOMAIN is about all types
        remembered = resolver.find_cached(question(name, kind), now)
        if remembered is not None and remembered.rcode != SERVFAIL:
            ttl = min(rrset.ttl for rrset in (*remembered.answer, *remembered.authority))
            at, first, said = learnt[key]
            assert ttl <= first - (now - at)
            assert data(remembered) == said
        elif remembered is None:
            fresh = run_resolution(resolver.resolve(question(name, kind), now), upstream, now)
            if fresh.rcode != SERVFAIL:
                ttl = min(rrset.ttl for rrset in (*fresh.answer, *fresh.authority))
                learnt[key] = now, ttl, data(fresh)
                assert data(fresh) == data(answer(upstream.store.current, to_name(name), kind))
            else:
                assert upstream.silent
                assert key not in learnt or now >= learnt[key][0] + learnt[key][1]
        assert stale or resolver.find_stale(question(name, kind), now) is None
