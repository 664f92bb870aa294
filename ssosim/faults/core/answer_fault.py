"""Base class of faults of DNS answers."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Literal

import dns.rdatatype
from dns.rdatatype import RdataType

from ssosim.dns import DnsChangeError, Effect
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, DnsRule, Fault, FaultState
from ssosim.output import format_share
from ssosim.trace import DnsAnswered

__all__ = ["DnsAnswerFault"]

_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")  # of a scenario (ssosim.estate.placeholders)


class DnsAnswerFault(Fault, frozen=True, kw_only=True):
    """A fault of DNS answers when they are sent. The zones do not change.

    ``names``: DNS names; ``*.zone`` means every name below the zone; empty means all. ``types``, ``clients`` and
    ``servers`` limit it to record types, to clients, and to name servers or resolvers by their names in the trace.
    ``first``: the fault is undone after this many answers. ``probability``: the chance that an answer is affected, from
    the random numbers of ``seed``. ``at``: at authoritative servers (caches of resolvers keep their answers) or at
    resolvers; the one DNS server of a lab without resolvers is both, and has no name for ``servers``.
    """

    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    first: int | None = None
    probability: float = 1.0
    seed: int = 0
    at: Literal["authority", "resolver"] = "authority"

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not 0.0 < self.probability <= 1.0:
            raise ValueError(f"probability {self.probability} is not above 0 and at most 1")
        for name in self.names:
            if "{" not in name:  # the name is known when the placeholder is expanded
                check_name_pattern(name)
        for kind in self.types:
            read_type(kind)

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect | None:
        """Return the effect on an answer in the scope of the fault; None has no effect."""
        raise NotImplementedError

    @property
    def final(self) -> bool:
        """Whether the effect decides the content of the answer."""
        return True

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the rule of this fault.

        Raises FaultError for what no answer can have: a pattern that is no name, and a server that is not there.
        """
        for name in self.names:
            check_name_pattern(name)
            if _PLACEHOLDER.search(name):
                raise FaultError(f"names: {name!r} is a placeholder, which scenarios and ssosim fault apply replace")
        self._check_servers(state)
        matches = self.answer_filter()

        def effect(event: DnsAnswered, client: str) -> Effect | None:
            if not matches(event, client) or (self.first is not None and applied.hits >= self.first):
                return None
            if self.probability < 1.0 and applied.random_for(client).random() >= self.probability:
                return None
            done = self.effect(event, applied, client)
            if done is not None:
                applied.count_hit()
            return done

        return dataclasses.replace(
            state, rules=(*state.rules, DnsRule(self.at, self.final, effect, self.name_filter()))
        )

    def _check_servers(self, state: FaultState) -> None:
        """Raise FaultError for a server that the lab does not have: the fault would change nothing."""
        if not self.servers or "" in state.resolvers:  # a resolver that was attached without its name
            return
        if not state.resolvers:
            raise FaultError("servers: the lab has one DNS server, since its estate has no [[resolvers]]: leave it out")
        servers = state.resolvers if self.at == "resolver" else [plain(name) for name in state.hierarchy.addresses]
        what = "resolver" if self.at == "resolver" else "name server"
        for name in self.servers:
            if name not in servers:
                raise FaultError(f"servers: there is no {what} {name!r}; expected one of {', '.join(sorted(servers))}")

    def name_filter(self) -> Callable[[str], bool]:
        """Return the function that decides whether a name is in the scope of the fault."""
        exact = frozenset(normalise_name(name) for name in self.names if not name.startswith("*."))
        below = tuple(f".{normalise_name(name[2:])}" for name in self.names if name.startswith("*."))
        everywhere = not self.names
        return lambda name: everywhere or name in exact or name.endswith(below)

    def answer_filter(self) -> Callable[[DnsAnswered, str], bool]:
        """Return the function that decides whether an answer is in the scope of the fault, without its limits."""
        name_matches = self.name_filter()
        types = frozenset(read_type(kind) for kind in self.types)
        clients, servers = frozenset(self.clients), frozenset(self.servers)

        def matches(event: DnsAnswered, client: str) -> bool:
            return (
                name_matches(event.name)
                and (not types or event.type in types)
                and (not clients or client in clients)
                and (not servers or event.by in servers)
            )

        return matches

    def describe_scope(self) -> str:
        """Describe the answers in the scope of the fault."""
        parts = [", ".join(self.names) or "every name"]
        parts += [", ".join(kinds) for kinds in (self.types,) if kinds]
        parts += [f"for {', '.join(self.clients)}"] if self.clients else []
        parts += [f"at {', '.join(self.servers)}"] if self.servers else []
        parts += [f"the first {self.first}"] if self.first is not None else []
        parts += [f"{format_share(self.probability)} of the answers"] if self.probability < 1.0 else []
        return ", ".join(parts)


def normalise_name(name: str) -> str:
    """Return a DNS name as trace events have it: lower case, no trailing dot, escapes and IDNA as dnspython has them.

    Raises DnsChangeError for what is no name.
    """
    return plain(to_name(name))


_ENDS_WITH_PORT = re.compile(r"[^:]:[0-9]{1,5}\Z")


def check_name_pattern(pattern: str) -> None:
    """Raise FaultError unless ``pattern`` is a DNS name, or ``*.`` and a DNS name."""
    name = pattern.removeprefix("*.")
    if "*" in name:
        hint = "leave names out for every name" if pattern == "*" else "a * can only be the whole first label"
        raise FaultError(f"names: {pattern!r} matches no name; {hint}")
    if not name or name != name.strip():
        raise FaultError(f"names: {pattern!r} is no DNS name; leave names out for every name")
    if "://" in name or _ENDS_WITH_PORT.search(name):  # any octet can be in a DNS name, but nobody asks for these
        raise FaultError(f"names: {pattern!r} is no host name; give it without scheme, port and path")
    try:
        to_name(name)
    except DnsChangeError as error:
        raise FaultError(f"names: {error}") from error


def read_type(text: str) -> str:
    """Return a record type as trace events have it; ``TYPE65`` is ``HTTPS`` (RFC 3597). Raises FaultError."""
    try:
        return dns.rdatatype.to_text(RdataType.make(text.upper()))
    except (dns.rdatatype.UnknownRdatatype, ValueError) as error:
        raise FaultError(f"types: {text!r} is not a record type; expected one such as A, AAAA or TYPE65") from error
