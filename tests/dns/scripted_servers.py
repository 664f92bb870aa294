"""Name servers that say what a test writes down, and a resolver that asks them, in memory."""

from __future__ import annotations

from random import Random

import dns.name
from dns.rcode import NOERROR, Rcode
from dns.rdatatype import RdataType

from ssosim.dns import Answer, RRset
from ssosim.dns.recursion import Question, Resolver, ResolverSettings, UpstreamQuery, run_resolution
from ssosim.dns.zones.rrset import to_name, to_rdatas, to_type

__all__ = ["NOW", "ROOT", "Servers", "make_rrset", "make_rrsets", "question"]

NOW = 1_000_000.0
ROOT = "198.51.100.1"


def make_rrset(text: str) -> RRset:
    """A record set: owner, TTL, type, and data, several of them divided by `` | ``."""
    owner, ttl, kind, data = text.split(maxsplit=3)
    return RRset(to_name(owner), to_type(kind), int(ttl), to_rdatas(data.split(" | "), to_type(kind), dns.name.root))


def make_rrsets(text: str) -> tuple[RRset, ...]:
    """Record sets, one on each line."""
    return tuple(map(make_rrset, filter(None, text.splitlines())))


def question(text: str) -> Question:
    """A question such as ``www.example.com A``."""
    name, kind = text.split()
    return Question(to_name(name), to_type(kind))


class Servers:
    """Servers by their addresses; a question that is not written down is not answered at all."""

    def __init__(self) -> None:
        self.said: dict[tuple[str, str], Answer] = {}
        self.asked: list[UpstreamQuery] = []

    def add(
        self,
        server: str,
        asked: str,
        answer: str = "",
        authority: str = "",
        additional: str = "",
        *,
        rcode: Rcode = NOERROR,
        authoritative: bool = True,
    ) -> Servers:
        """Let ``server`` answer ``NAME TYPE``, or ``NAME *`` for all other types, with these record sets."""
        name = asked.split(maxsplit=1)[0]
        self.said[server, asked] = Answer(
            name=to_name(name), type=RdataType.A, rcode=rcode, authoritative=authoritative,
            answer=make_rrsets(answer), authority=make_rrsets(authority), additional=make_rrsets(additional),
        )  # fmt: skip
        return self

    def remove(self, server: str) -> None:
        """Let ``server`` answer nothing any more."""
        self.said = {key: said for key, said in self.said.items() if key[0] != server}

    def __call__(self, query: UpstreamQuery) -> Answer | None:
        """The answer of the queried server; a referral holds for all names below it."""
        self.asked.append(query)
        name, kind = query.question.name, query.question.type.name
        while True:
            text = name.to_text(omit_final_dot=True)
            found = self.said.get((query.server, f"{text} {kind}")) or self.said.get((query.server, f"{text} *"))
            if found is not None and (name == query.question.name or found.is_referral):
                return found
            if len(name) <= 1:
                return None
            name = name.parent()

    def servers_asked(self) -> list[str]:
        """The addresses of the servers that were queried, in their order."""
        return [each.server for each in self.asked]

    def resolver(self, seed: int = 1, **options: object) -> Resolver:
        """A resolver that begins at ``ROOT``; ``seed`` decides the order of servers."""
        return Resolver(ResolverSettings(**options), (ROOT,), random=Random(seed))  # type: ignore[arg-type] # noqa: S311

    def resolve(self, resolver: Resolver, asked: str, now: float = NOW, *, checking_disabled: bool = False) -> Answer:
        """The answer from the cache, or else from the servers."""
        wanted = question(asked)
        cached = None if checking_disabled else resolver.find_cached(wanted, now)
        return cached or run_resolution(resolver.resolve(wanted, now, checking_disabled=checking_disabled), self, now)
