"""What several faults together do to one answer."""

from __future__ import annotations

from collections.abc import Callable

from ssosim.dns import Effect, Tamper
from ssosim.dns.zones.stub import NAME_TIMEOUT_S
from ssosim.faults.base import Rule
from ssosim.trace import DnsAnswered

__all__ = ["Last", "nobody", "tamper_of"]

Last = Callable[[DnsAnswered, str], Effect | None]
"""(answer, client) -> what is done where no fault has settled it."""

MOST_NAMES = 10_000
"""Names of which it is remembered which faults matter to them."""


class Tampering:
    """What the rules do to an answer; which of them matter to a name is found once, for most names have none."""

    def __init__(
        self,
        rules: tuple[Rule, ...],
        last: Last | None,
        is_model: Callable[[str], bool],
    ) -> None:
        self._rules = rules
        self._last = last
        self._is_model = is_model
        self._of_name: dict[str, tuple[Rule, ...]] = {}

    def __call__(self, event: DnsAnswered, client: str) -> Effect | None:
        """What becomes of the answer to ``client``."""
        touching, last = self._touching(event.name), self._last
        if not touching and last is None:
            return None
        effect = combined(touching, last, event, client)
        if effect is not None and effect.delay >= NAME_TIMEOUT_S and self._is_model(client):
            return Effect(drop=True)  # it has given up by then
        return effect

    def ignores(self, name: str) -> bool:
        """Whether no answer about ``name`` is touched: servers need not ask about these any more."""
        return self._last is None and not self._touching(name)

    def _touching(self, name: str) -> tuple[Rule, ...]:
        touching = self._of_name.get(name)
        if touching is None:
            if len(self._of_name) >= MOST_NAMES:
                self._of_name.clear()
            touching = self._of_name[name] = tuple(rule for rule in self._rules if rule.touches(name))
        return touching


def nobody(_client: str) -> bool:
    """No client is a model."""
    return False


def tamper_of(
    rules: tuple[Rule, ...],
    last: Last | None,
    is_model: Callable[[str], bool] = nobody,
) -> Tamper:
    """What the rules do to an answer, and after them ``last``.

    A client of which ``is_model`` holds waits ``NAME_TIMEOUT_S``: an answer that would come later is never given.
    """
    return Tampering(rules, last, is_model)


def combined(
    rules: tuple[Rule, ...],
    last: Last | None,
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
        settled = last(event, client)
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
        replacement=effect.replacement,
        unless_cd=effect.unless_cd,
    )
