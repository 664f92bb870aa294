"""Base class of faults of DNS answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

from ssosim.dns import Effect
from ssosim.faults.core.fault import Applied, DnsRule, Fault, FaultState
from ssosim.trace import DnsAnswered

__all__ = ["DnsAnswerFault"]


class DnsAnswerFault(Fault, frozen=True, kw_only=True):
    """A fault of DNS answers when they are sent. The zones do not change.

    ``names``: DNS names; ``*.zone`` means every name below the zone; empty means all. ``types``, ``clients`` and
    ``servers`` limit it to record types, to clients, and to name servers or resolvers by their names in the trace.
    ``first``: the fault is undone after this many answers. ``probability``: the chance that an answer is affected, from
    the random numbers of ``seed``. ``at``: at authoritative servers (caches of resolvers keep their answers) or at
    resolvers; the one DNS server of a lab without resolvers is both.
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
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability {self.probability} is not between 0 and 1")

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect | None:
        """Return the effect on an answer in the scope of the fault; None has no effect."""
        raise NotImplementedError

    @property
    def final(self) -> bool:
        """Whether the effect decides the content of the answer."""
        return True

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the rule of this fault."""
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

    def name_filter(self) -> Callable[[str], bool]:
        """Return the function that decides whether a name is in the scope of the fault."""
        exact = frozenset(normalise_name(name) for name in self.names if not name.startswith("*."))
        below = tuple(f".{normalise_name(name[2:])}" for name in self.names if name.startswith("*."))
        everywhere = not self.names
        return lambda name: everywhere or name in exact or name.endswith(below)

    def answer_filter(self) -> Callable[[DnsAnswered, str], bool]:
        """Return the function that decides whether an answer is in the scope of the fault, without its limits."""
        name_matches = self.name_filter()
        types = frozenset(kind.upper() for kind in self.types)
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
        parts += [f"{self.probability:.0%} of the answers"] if self.probability < 1.0 else []
        return ", ".join(parts)


def normalise_name(name: str) -> str:
    """Return a DNS name as trace events have it: lower case, no trailing dot."""
    return name.rstrip(".").lower()
