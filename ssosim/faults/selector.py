"""Faults on the wire, and which answers they strike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

from ssosim.dns import Effect
from ssosim.faults.base import Applied, DnsFault, FaultState, Rule
from ssosim.trace import DnsAnswered

__all__ = ["DnsAnswerFault"]


class DnsAnswerFault(DnsFault, frozen=True, kw_only=True):
    """Strikes answers on their way out; zones stay as they are.

    ``names``: these names; ``*.zone`` means every name below; none means all. ``types``, ``clients`` and ``servers``
    narrow it to record types, to clients and to name servers or resolvers by their names in the trace. ``first``: only
    the first so many answers, then it is undone. ``probability``: each answer with that chance, from the dice of
    ``seed``. ``at``: at authoritative servers (what resolvers remember goes on) or at resolvers; the lab's one server
    is both.
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
        """Refuse numbers that cannot be meant."""
        super().__post_init__()
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability {self.probability} is not between 0 and 1")

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect | None:
        """What is done to an answer that is struck."""
        raise NotImplementedError

    @property
    def final(self) -> bool:
        """Whether it settles what is said."""
        return True

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """``state`` with a rule more."""
        strikes = self.selector()

        def effect(event: DnsAnswered, client: str) -> Effect | None:
            if not strikes(event, client) or (self.first is not None and applied.hits >= self.first):
                return None
            if self.probability < 1.0 and applied.dice_of(client).random() >= self.probability:
                return None
            done = self.effect(event, applied, client)
            if done is not None:
                applied.count_hit()
            return done

        return dataclasses.replace(state, rules=(*state.rules, Rule(self.at, self.final, effect, self.touching())))

    def touching(self) -> Callable[[str], bool]:
        """Whether answers of a name can be struck."""
        exact = frozenset(tidy(name) for name in self.names if not name.startswith("*."))
        below = tuple(f".{tidy(name[2:])}" for name in self.names if name.startswith("*."))
        everywhere = not self.names
        return lambda name: everywhere or name in exact or name.endswith(below)

    def selector(self) -> Callable[[DnsAnswered, str], bool]:
        """Which answers are struck, limits apart."""
        touches = self.touching()
        types = frozenset(kind.upper() for kind in self.types)
        clients, servers = frozenset(self.clients), frozenset(self.servers)

        def strikes(event: DnsAnswered, client: str) -> bool:
            return (
                touches(event.name)
                and (not types or event.type in types)
                and (not clients or client in clients)
                and (not servers or event.by in servers)
            )

        return strikes

    def whom(self) -> str:
        """Which answers, for people."""
        parts = [", ".join(self.names) or "every name"]
        parts += [", ".join(kinds) for kinds in (self.types,) if kinds]
        parts += [f"for {', '.join(self.clients)}"] if self.clients else []
        parts += [f"at {', '.join(self.servers)}"] if self.servers else []
        parts += [f"the first {self.first}"] if self.first is not None else []
        parts += [f"{self.probability:.0%} of the answers"] if self.probability < 1.0 else []
        return ", ".join(parts)


def tidy(name: str) -> str:
    """A name as events have it."""
    return name.rstrip(".").lower()
