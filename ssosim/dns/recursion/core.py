"""The core of a recursive resolver, without sockets and without a clock.

Theory of operation
-------------------

``Resolver.resolve`` is a generator. It yields an ``UpstreamQuery`` (which server to query, and for what), receives an
``UpstreamResponse`` (the answer or None, and the time), and returns the final ``Answer``. The caller does all input and
output: ``ssosim.dns.recursion.server`` with real sockets, ``ssosim.memory.resolvers`` and ``run_resolution`` in memory.
So the same code is the cache of a device, a company resolver that forwards, and a resolver that walks from the root,
and tests need no sockets.

The parts:

- ``find_cached`` answers from the cache. It also returns SERVFAIL for a question that failed a short time ago, with the
  reason of that failure, so that the reason does not depend on who of several clients was first.
- ``find_stale`` answers from expired entries (RFC 8767). The caller decides when to use it.
- ``_follow`` follows the CNAME chain. For each name it takes the entry from this resolution, then from the cache, and
  then fetches it.
- ``_fetch`` starts at the closest known delegation and goes down, one referral at a time, until a server answers.
- ``_query_zone`` tries the servers of one zone in random order, servers that failed recently last; those that came
  without glue are looked up when there is no other one left.
- ``classify`` (``classify.py``) decides what a response means: an answer, a referral, or nothing usable.

Rules that always hold:

- The work is bounded. A question causes at most ``max_queries`` queries; every referral leads further down; a CNAME
  chain has at most ``max_query_restarts`` links; the search for the address of a name server nests at most
  ``MAX_NESTING`` deep.
- A server is believed only about names at or below the zone for which it was queried. This prevents cache poisoning.
- Entries fetched for a question are used for this question even if their TTL is 0 (``ResolutionState.fetched``).
- Validation happens when a response arrives. An entry that was valid when it was stored is used until its TTL ends. A
  response that was accepted without validation (CD bit) is not cached.
- All state is bounded: when a table is full, its oldest entry is removed.

What can go wrong: the order of servers is random, so a test with one lame server must set the seed. The time comes from
the caller and may go back; ``Entry.remaining_ttl`` never exceeds the TTL at the time of storage.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from random import Random
from typing import TypeVar

import dns.name
import msgspec
from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, SERVFAIL
from dns.rdatatype import CNAME, DS, A, RdataType
from msgspec import Struct, field

from ssosim.dns.recursion.cache import Cache, Entry
from ssosim.dns.recursion.classify import AnswerChain, Delegation, UnusableResponse, classify
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.extended_errors import ExtendedError
from ssosim.dns.zones.rrset import RRset

__all__ = ["Question", "Resolution", "Resolver", "UpstreamQuery", "UpstreamResponse", "run_resolution"]

MAX_NESTING = 4
MAX_FAILURES = 10_000
MAX_DELEGATIONS = 10_000


class Question(Struct, frozen=True):
    """A name and a type, of class IN."""

    name: Name
    type: RdataType


class UpstreamQuery(Struct, frozen=True):
    """A query for the address ``server``; ``recursive`` sets the RD bit, for a forwarder."""

    server: str
    question: Question
    recursive: bool


class UpstreamResponse(Struct, frozen=True):
    """The result of an UpstreamQuery at the time ``now``; ``answer`` is None if no acceptable response came."""

    answer: Answer | None
    now: float


Resolution = Generator[UpstreamQuery, UpstreamResponse, Answer]
K = TypeVar("K")
V = TypeVar("V")


class ResolutionFailedError(Exception):
    """No server gave a usable answer, or the resolution reached one of its limits. ``error`` says which."""

    def __init__(self, error: ExtendedError) -> None:
        super().__init__(error)
        self.error = error


class ResolutionState(Struct):
    """The state of one resolution: the queries that it may still send, and the entries fetched for it (any TTL).

    ``skip_validation``: accept responses that fail validation.
    """

    queries_left: int
    now: float
    skip_validation: bool
    fetched: dict[tuple[Name, RdataType], Entry] = field(default_factory=dict)


class Resolver:
    """One resolver with its cache. ``roots`` are the addresses of root servers; ``is_bogus`` tests validation."""

    def __init__(
        self,
        settings: ResolverSettings,
        roots: tuple[str, ...] = (),
        *,
        is_bogus: Callable[[Name], bool] = lambda _name: False,
        random: Random | None = None,
    ) -> None:
        self.settings = settings
        self.roots = roots
        self.is_bogus = is_bogus
        self.cache = Cache(settings.max_entries)
        self._random = random or Random()  # noqa: S311 - spreads load over servers; ids and cases come from elsewhere
        self._delegations: dict[Name, Delegation] = {}
        self._failures: dict[Question, tuple[float, ExtendedError]] = {}
        self._failed_servers: dict[tuple[Name, str], float] = {}

    def find_cached(self, question: Question, now: float) -> Answer | None:
        """The answer from the cache with remaining TTLs; None if a server must be queried."""
        answer = self._from_cache(question, now, stale=False)
        if answer is not None:
            return answer
        until, error = self._failures.get(question, (0.0, ExtendedError.OTHER))
        return make_servfail(question, error) if until > now else None

    def find_stale(self, question: Question, now: float) -> Answer | None:
        """An expired answer that may be used if no server answers (RFC 8767); None if there is none."""
        answer = self._from_cache(question, now, stale=True) if self.settings.serve_stale else None
        if answer is None:
            return None
        missing = answer.rcode == NXDOMAIN
        error = ExtendedError.STALE_NXDOMAIN_ANSWER if missing else ExtendedError.STALE_ANSWER
        return msgspec.structs.replace(answer, extended_error=error)

    def flush(self, name: Name | None = None) -> int:
        """Remove all entries, or those of ``name`` and the names below it; return the number of removed answers."""
        for kept in (self._failures, self._delegations, self._failed_servers):
            kept.clear()
        return self.cache.flush(name)

    def snapshot(self) -> Callable[[], None]:
        """Return the function that brings back what is cached now, instead of what is cached then."""
        restore_cache = self.cache.snapshot()
        kept = self._failures.copy(), self._delegations.copy(), self._failed_servers.copy()

        def restore() -> None:
            restore_cache()
            self._failures, self._delegations, self._failed_servers = kept

        return restore

    def resolve(self, question: Question, now: float, *, checking_disabled: bool = False) -> Resolution:
        """Query servers, store their answers in the cache, and return the answer; SERVFAIL if the resolution fails."""
        state = ResolutionState(
            self.settings.max_queries, now, skip_validation=checking_disabled or not self.settings.validate
        )
        try:
            answer = yield from self._follow(question, state)
        except ResolutionFailedError as failed:
            answer = make_servfail(question, failed.error)
        if answer.rcode == SERVFAIL:
            wait = self.settings.failure_recheck if self.settings.serve_stale else self.settings.failure_ttl
            error = answer.extended_error or ExtendedError.OTHER
            put_bounded(self._failures, question, (state.now + wait, error), MAX_FAILURES)
        else:
            self._failures.pop(question, None)
        return answer

    def _from_cache(self, question: Question, now: float, *, stale: bool) -> Answer | None:
        late = float(self.settings.max_stale) if stale else 0.0
        chain: list[RRset] = []
        owner = question.name
        while len(chain) <= self.settings.max_query_restarts:
            entry = self.cache.get(owner, question.type, now, stale=late)
            if entry is None:
                return None
            left = entry.remaining_ttl(now) if entry.expires > now else self.settings.stale_ttl
            ended = extend_chain(chain, entry.with_ttl(left), question)
            if isinstance(ended, Answer):
                return ended
            owner = ended
        return None

    def _follow(self, question: Question, state: ResolutionState, depth: int = 0) -> Resolution:
        chain: list[RRset] = []
        owner = question.name
        while len(chain) <= self.settings.max_query_restarts and all(link.name != owner for link in chain):
            entry = state.fetched.get((owner, question.type)) or self.cache.get(owner, question.type, state.now)
            if entry is None:
                entry = yield from self._fetch(owner, question.type, state, depth)
            ended = extend_chain(chain, entry.with_ttl(entry.remaining_ttl(state.now)), question)
            if isinstance(ended, Answer):
                return ended
            owner = ended
        raise ResolutionFailedError(ExtendedError.OTHER)

    def _fetch(
        self, owner: Name, rdtype: RdataType, state: ResolutionState, depth: int
    ) -> Generator[UpstreamQuery, UpstreamResponse, Entry]:
        """Query servers from the closest known delegation downwards until one answers about ``owner``."""
        above = rdtype == DS and owner != dns.name.root  # DS belongs to the parent (RFC 4035 section 4.2)
        delegation = self._closest_delegation(owner.parent() if above else owner, state.now)
        while True:
            meaning = yield from self._query_zone(delegation, Question(owner, rdtype), state, depth)
            if isinstance(meaning, Delegation):
                put_bounded(self._delegations, meaning.zone, meaning, MAX_DELEGATIONS)
                delegation = meaning
                continue
            return self._store_entries(meaning.entries, rdtype, state)

    def _store_entries(self, entries: tuple[Entry, ...], rdtype: RdataType, state: ResolutionState) -> Entry:
        """Store the entries of a response; return the first one, which is about the name that was queried.

        Validation is applied to what arrives: an entry that was valid when it was stored is used until its TTL ends. An
        entry that was accepted without validation (CD bit) is not cached, nor is an NXDOMAIN without an SOA (RFC 2308
        section 5).
        """
        for number, entry in enumerate(entries):
            bogus = self.settings.validate and self.is_bogus(entry.name)
            if bogus and not state.skip_validation:
                if number == 0:
                    raise ResolutionFailedError(ExtendedError.DNSSEC_BOGUS)
                break
            state.fetched[entry.name, rdtype] = entry
            if not bogus and (entry.rrset is not None or entry.soa is not None):
                self.cache.put(entry)
        return entries[0]

    def _closest_delegation(self, owner: Name, now: float) -> Delegation:
        settings = self.settings
        if settings.forward_to:
            return Delegation(dns.name.root, (), settings.forward_to, now)
        for length in range(len(owner), 0, -1):
            known = self._delegations.get(owner.split(length)[1])
            if known is not None and known.expires > now:
                return known
        return Delegation(dns.name.root, (), self.roots, now)

    def _query_zone(
        self, delegation: Delegation, question: Question, state: ResolutionState, depth: int
    ) -> Generator[UpstreamQuery, UpstreamResponse, AnswerChain | Delegation]:
        """Query the servers of one zone until one gives a usable response.

        Servers without glue are looked up if there is no other one, or if all others fail. Source: RFC 1034 section
        5.3.3, step 3, and unbound, ``iterator/iterator.c`` (``query_for_targets``).
        """
        if delegation.addresses:
            meaning = yield from self._query_servers(delegation.zone, delegation.addresses, question, state)
            if meaning is not None:
                return meaning
        if delegation.unresolved:
            found = yield from self._find_addresses(delegation, state, depth)
            meaning = yield from self._query_servers(delegation.zone, found, question, state)
            if meaning is not None:
                return meaning
        raise ResolutionFailedError(ExtendedError.NO_REACHABLE_AUTHORITY)

    def _query_servers(
        self, zone: Name, servers: Iterable[str], question: Question, state: ResolutionState
    ) -> Generator[UpstreamQuery, UpstreamResponse, AnswerChain | Delegation | None]:
        """Query these addresses, those that failed recently last; None if none gives a usable response."""
        addresses = [*dict.fromkeys(servers)]
        for _ in range(self.settings.rounds):
            self._random.shuffle(addresses)
            addresses.sort(key=lambda address: self._failed_servers.get((zone, address), 0.0) > state.now)
            for address in addresses:
                if state.queries_left <= 0:
                    raise ResolutionFailedError(ExtendedError.OTHER)
                state.queries_left -= 1
                response = yield UpstreamQuery(address, question, bool(self.settings.forward_to))
                state.now = max(state.now, response.now)
                meaning = self._classify(response, zone, question)
                if not isinstance(meaning, UnusableResponse):
                    self._failed_servers.pop((zone, address), None)
                    return meaning
                put_bounded(
                    self._failed_servers, (zone, address), state.now + self.settings.bad_server_ttl, MAX_DELEGATIONS
                )
        return None

    def _classify(
        self, response: UpstreamResponse, zone: Name, question: Question
    ) -> AnswerChain | Delegation | UnusableResponse:
        if response.answer is None:
            return UnusableResponse(lame=False)
        return classify(response.answer, zone, question.name, question.type, response.now, self.settings)

    def _find_addresses(
        self, delegation: Delegation, state: ResolutionState, depth: int
    ) -> Generator[UpstreamQuery, UpstreamResponse, list[str]]:
        """Resolve the addresses of name servers that came without glue records, one question for each server."""
        found: list[str] = []
        if depth < MAX_NESTING:
            for server in delegation.unresolved:
                if server.is_subdomain(delegation.zone):
                    continue  # only its own zone could say
                try:
                    answer = yield from self._follow(Question(server, A), state, depth + 1)
                except ResolutionFailedError:
                    continue
                found += [rdata.to_text() for rrset in answer.answer if rrset.type == A for rdata in rrset.rdatas]
        if not found:
            raise ResolutionFailedError(ExtendedError.NO_REACHABLE_AUTHORITY)
        known = msgspec.structs.replace(delegation, addresses=(*delegation.addresses, *found), unresolved=())
        put_bounded(self._delegations, delegation.zone, known, MAX_DELEGATIONS)
        return found


def extend_chain(chain: list[RRset], entry: Entry, question: Question) -> Answer | Name:
    """Add ``entry`` to the chain; return the complete answer, or the name to follow if it is a CNAME."""
    if entry.rrset is None:
        authority = () if entry.soa is None else (entry.soa,)
        return Answer(
            name=question.name,
            type=question.type,
            rcode=entry.rcode,
            authoritative=False,
            answer=tuple(chain),
            authority=authority,
        )
    chain.append(entry.rrset)
    if entry.rrset.type == question.type or entry.rrset.type != CNAME:
        return Answer(name=question.name, type=question.type, rcode=NOERROR, authoritative=False, answer=tuple(chain))
    target: Name = entry.rrset.rdatas[0].target  # type: ignore[attr-defined]
    return target


def make_servfail(question: Question, error: ExtendedError) -> Answer:
    """Make the answer SERVFAIL."""
    return Answer(name=question.name, type=question.type, rcode=SERVFAIL, authoritative=False, extended_error=error)


def put_bounded(kept: dict[K, V], key: K, value: V, limit: int) -> None:
    """Put ``value`` into a dictionary of at most ``limit`` entries; the oldest entry is removed when it is full."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > limit:
        del kept[next(iter(kept))]


def run_resolution(
    resolution: Resolution, answer_query: Callable[[UpstreamQuery], Answer | None], now: float
) -> Answer:
    """Run a resolution in memory at the time ``now``; ``answer_query`` gives the answer of each server."""
    try:
        query = next(resolution)
        while True:
            query = resolution.send(UpstreamResponse(answer_query(query), now))
    except StopIteration as done:
        answer: Answer = done.value
        return answer
