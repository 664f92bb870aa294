"""The resolver without sockets and without a clock: what to answer from memory, and whom to ask.

``Resolver.resolve`` is a generator: it yields an ``Ask``, is sent what was ``Heard``, and returns the answer. The same
core is a device's cache, a company's resolver that forwards, and one that walks from the root; the same core runs over
real sockets (``ssosim.dns.recursion.server``) and in memory.

Work is bounded: every question has ``max_asks`` queries, every referral leads further down, a CNAME chain has at most
``MAX_CHAIN`` links, and looking for a name server's address nests at most ``MAX_NESTING`` deep.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

import dns.name
from dns.name import Name
from dns.rcode import NOERROR, SERVFAIL
from dns.rdatatype import CNAME, A, RdataType

from ssosim.dns.recursion.cache import Cache, Entry
from ssosim.dns.recursion.classify import Bad, Delegation, Facts, classify
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.zones.answer import MAX_CHAIN, Answer
from ssosim.dns.zones.rrset import RRset

__all__ = ["Ask", "Heard", "Question", "Resolution", "Resolver", "drive"]

MAX_NESTING = 4
MOST_FAILURES = 10_000
MOST_DELEGATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """A name and a type, of class IN."""

    name: Name
    type: RdataType


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask ``server``, an address; ``recursive`` sets RD, for a forwarder."""

    server: str
    question: Question
    recursive: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of an Ask by the time ``now``; None where nothing came that could be believed."""

    said: Answer | None
    now: float


Resolution = Generator[Ask, Heard, Answer]
K = TypeVar("K")
V = TypeVar("V")


class FailedError(Exception):
    """No server gave a usable answer, or the question cost too much."""


@dataclass(slots=True)
class Work:
    """What one question may still cost, and what was learnt for it, however short its TTL.

    ``believing``: nothing is validated.
    """

    asks: int
    now: float
    believing: bool
    learnt: dict[tuple[Name, RdataType], Entry] = field(default_factory=dict)


class Resolver:
    """The state of one resolver. ``roots`` are the addresses of root servers; ``bogus`` says what fails validation."""

    def __init__(
        self,
        settings: ResolverSettings,
        roots: tuple[str, ...] = (),
        *,
        bogus: Callable[[Name], bool] = lambda _name: False,
        random: Random | None = None,
    ) -> None:
        self.settings = settings
        self.roots = roots
        self.bogus = bogus
        self.cache = Cache(settings.max_entries)
        self._random = random or Random()  # noqa: S311 - spreads load over servers; ids and cases come from elsewhere
        self._delegations: dict[Name, Delegation] = {}
        self._failures: dict[Question, float] = {}
        self._bad: dict[tuple[Name, str], float] = {}

    def cached(self, question: Question, now: float) -> Answer | None:
        """The answer from memory, TTLs counted down; None if a server has to be asked."""
        answer = self._from_cache(question, now, stale=False)
        if answer is not None:
            return answer
        return failed(question) if self._failures.get(question, 0.0) > now else None

    def stale(self, question: Question, now: float) -> Answer | None:
        """An answer that has expired but may be served for want of a better one (RFC 8767); None if there is none."""
        return self._from_cache(question, now, stale=True) if self.settings.serve_stale else None

    def flush(self, name: Name | None = None) -> int:
        """Forget everything, or all about ``name`` and below; returns how many answers went."""
        for kept in (self._failures, self._delegations, self._bad):
            kept.clear()
        return self.cache.flush(name)

    def resolve(self, question: Question, now: float, *, checking_disabled: bool = False) -> Resolution:
        """Find the answer by asking servers, remember what they say, and return it; SERVFAIL where that fails."""
        work = Work(self.settings.max_asks, now, believing=checking_disabled or not self.settings.validate)
        try:
            answer = yield from self._follow(question, work)
        except FailedError:
            answer = failed(question)
        if answer.rcode == SERVFAIL:
            wait = self.settings.failure_recheck if self.settings.serve_stale else self.settings.failure_ttl
            remember(self._failures, question, work.now + wait, MOST_FAILURES)
        else:
            self._failures.pop(question, None)
        return answer

    def _from_cache(self, question: Question, now: float, *, stale: bool) -> Answer | None:
        late = float(self.settings.max_stale) if stale else 0.0
        chain: list[RRset] = []
        owner = question.name
        while len(chain) <= MAX_CHAIN:
            entry = self.cache.get(owner, question.type, now, stale=late)
            if entry is None:
                return None
            left = entry.left(now) if entry.expires > now else self.settings.stale_ttl
            ended = extend(chain, entry.aged(left), question)
            if isinstance(ended, Answer):
                return ended
            owner = ended
        return None

    def _follow(self, question: Question, work: Work, depth: int = 0) -> Resolution:
        chain: list[RRset] = []
        owner = question.name
        while len(chain) <= MAX_CHAIN and all(link.name != owner for link in chain):
            entry = work.learnt.get((owner, question.type)) or self.cache.get(owner, question.type, work.now)
            if entry is None:
                entry = yield from self._fetch(owner, question.type, work, depth)
            ended = extend(chain, entry.aged(entry.left(work.now)), question)
            if isinstance(ended, Answer):
                return ended
            owner = ended
        raise FailedError

    def _fetch(self, owner: Name, rdtype: RdataType, work: Work, depth: int) -> Generator[Ask, Heard, Entry]:
        """Ask, from the closest known zone downwards, until a server tells about ``owner``."""
        delegation = self._closest(owner, work.now)
        while True:
            meaning = yield from self._ask_zone(delegation, Question(owner, rdtype), work, depth)
            if isinstance(meaning, Delegation):
                remember(self._delegations, meaning.zone, meaning, MOST_DELEGATIONS)
                delegation = meaning
                continue
            return self._learn(meaning.entries, rdtype, work)

    def _learn(self, entries: tuple[Entry, ...], rdtype: RdataType, work: Work) -> Entry:
        """Remember what a server said, as far as it holds; the first entry is what was asked for.

        Validation is of what arrives: what was good when it was stored is used to the end of its TTL. What was let
        through unchecked, for a query with CD, is not kept, nor is an NXDOMAIN without an SOA (RFC 2308 section 5).
        """
        for number, entry in enumerate(entries):
            bogus = self.settings.validate and self.bogus(entry.name)
            if bogus and not work.believing:
                if number == 0:
                    raise FailedError
                break
            work.learnt[entry.name, rdtype] = entry
            if not bogus and (entry.rrset is not None or entry.soa is not None):
                self.cache.put(entry)
        return entries[0]

    def _closest(self, owner: Name, now: float) -> Delegation:
        settings = self.settings
        if settings.forward_to:
            return Delegation(dns.name.root, (), settings.forward_to, now)
        for length in range(len(owner), 0, -1):
            known = self._delegations.get(owner.split(length)[1])
            if known is not None and known.expires > now:
                return known
        return Delegation(dns.name.root, (), self.roots, now)

    def _ask_zone(
        self, delegation: Delegation, question: Question, work: Work, depth: int
    ) -> Generator[Ask, Heard, Facts | Delegation]:
        """Ask the servers of one zone, the ones known to be bad last, until one is of use."""
        zone = delegation.zone
        addresses = [*dict.fromkeys(delegation.addresses)]
        if not addresses:
            addresses = yield from self._addresses(delegation, work, depth)
        for _ in range(self.settings.rounds):
            self._random.shuffle(addresses)
            addresses.sort(key=lambda address: self._bad.get((zone, address), 0.0) > work.now)
            for address in addresses:
                if work.asks <= 0:
                    raise FailedError
                work.asks -= 1
                heard = yield Ask(address, question, bool(self.settings.forward_to))
                work.now = max(work.now, heard.now)
                meaning = self._meaning(heard, zone, question)
                if not isinstance(meaning, Bad):
                    self._bad.pop((zone, address), None)
                    return meaning
                remember(self._bad, (zone, address), work.now + self.settings.bad_server_ttl, MOST_DELEGATIONS)
        raise FailedError

    def _meaning(self, heard: Heard, zone: Name, question: Question) -> Facts | Delegation | Bad:
        if heard.said is None:
            return Bad(lame=False)
        return classify(heard.said, zone, question.name, question.type, heard.now, self.settings)

    def _addresses(self, delegation: Delegation, work: Work, depth: int) -> Generator[Ask, Heard, list[str]]:
        """Addresses of name servers that came without glue: each is a question of its own."""
        found: list[str] = []
        if depth < MAX_NESTING:
            servers = [server for server in delegation.servers if not server.is_subdomain(delegation.zone)]
            for server in servers:
                try:
                    answer = yield from self._follow(Question(server, A), work, depth + 1)
                except FailedError:
                    continue
                found += [rdata.to_text() for rrset in answer.answer if rrset.type == A for rdata in rrset.rdatas]
        if not found:
            raise FailedError
        known = dataclasses.replace(delegation, addresses=tuple(found))
        remember(self._delegations, delegation.zone, known, MOST_DELEGATIONS)
        return found


def extend(chain: list[RRset], entry: Entry, question: Question) -> Answer | Name:
    """Add what is known of the chain's end: the whole answer, or the name that a CNAME leads to."""
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


def failed(question: Question) -> Answer:
    """SERVFAIL."""
    return Answer(name=question.name, type=question.type, rcode=SERVFAIL, authoritative=False)


def remember(kept: dict[K, V], key: K, value: V, limit: int) -> None:
    """Put ``value`` into a dictionary that holds ``limit`` at most: the one put first goes first."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > limit:
        del kept[next(iter(kept))]


def drive(resolution: Resolution, world: Callable[[Ask], Answer | None], now: float) -> Answer:
    """Run a resolution to its end in memory, at one moment: ``world`` says what each server answers."""
    try:
        ask = next(resolution)
        while True:
            ask = resolution.send(Heard(world(ask), now))
    except StopIteration as done:
        answer: Answer = done.value
        return answer
