"""What several faults together do to one answer."""

from __future__ import annotations

from collections.abc import Callable

from ssosim.dns import Effect, Tamper
from ssosim.faults.base import Rule
from ssosim.trace import DnsAnswered

__all__ = ["tamper_of"]

MOST_NAMES = 10_000
"""Names of which it is remembered which faults matter to them."""


class Tampering:
    """What the rules do to an answer; which of them matter to a name is found once, for most names have none."""

    def __init__(self, rules: tuple[Rule, ...], last: Callable[[DnsAnswered], Effect | None] | None) -> None:
        self._rules = rules
        self._last = last
        self._of_name: dict[str, tuple[Rule, ...]] = {}

    def __call__(self, event: DnsAnswered, client: str) -> Effect | None:
        """What becomes of the answer to ``client``."""
        touching, last = self._touching(event.name), self._last
        return combined(touching, last, event, client) if touching or last is not None else None

    def spares(self, name: str) -> bool:
        """Whether no answer about ``name`` is touched: servers need not ask about these any more."""
        return self._last is None and not self._touching(name)

    def _touching(self, name: str) -> tuple[Rule, ...]:
        touching = self._of_name.get(name)
        if touching is None:
            if len(self._of_name) >= MOST_NAMES:
                self._of_name.clear()
            touching = self._of_name[name] = tuple(rule for rule in self._rules if rule.touches(name))
        return touching


def tamper_of(rules: tuple[Rule, ...], last: Callable[[DnsAnswered], Effect | None] | None) -> Tamper:
    """What the rules do to an answer, and after them ``last``."""
    return Tampering(rules, last)


def combined(
    rules: tuple[Rule, ...],
    last: Callable[[DnsAnswered], Effect | None] | None,
    event: DnsAnswered,
    client: str,
) -> Effect | None:
    """The effects of all rules on one answer: delays add up, and of those that settle it the newest fault's counts."""
    delay = 0.0
    settled: Effect | None = None
    for rule in rules:
        if rule.final and settled is not None:
            continue
        effect = rule.effect(event, client)
        if effect is not None:
            delay += effect.delay
            settled = effect if effect.final else settled
    if settled is None and last is not None:
        settled = last(event)
    if settled is None:
        return Effect(delay=delay) if delay else None
    return settled if not delay else with_delay(settled, delay)


def with_delay(effect: Effect, delay: float) -> Effect:
    """``effect``, held for ``delay`` seconds."""
    return Effect(
        drop=effect.drop,
        delay=delay,
        rcode=effect.rcode,
        truncate=effect.truncate,
        said=effect.said,
        unless_cd=effect.unless_cd,
    )
