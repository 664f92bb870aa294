"""The combined effect of several faults on one DNS answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ssosim.dns import Effect, FindDnsEffect
from ssosim.dns.zones.stub import NAME_TIMEOUT_S
from ssosim.faults.core.fault import DnsRule
from ssosim.trace import DnsAnswered

__all__ = ["Fallback", "combine_dns_rules", "is_never_model"]

Fallback = Callable[[DnsAnswered, str], Effect | None]
"""(answer, client) -> the effect on an answer that no rule has decided."""

MAX_CACHED_NAMES = 10_000
"""How many names the cache of rules by name holds before it is cleared."""


class CombinedDnsRules:
    """Combines the effects of ``rules``. The rules of each name are cached, because most names have none."""

    def __init__(
        self,
        rules: tuple[DnsRule, ...],
        fallback: Fallback | None,
        is_model: Callable[[str], bool],
    ) -> None:
        self._rules = rules
        self._last = fallback
        self._is_model = is_model
        self._rules_by_name: dict[str, tuple[DnsRule, ...]] = {}

    def __call__(self, event: DnsAnswered, client: str) -> Effect | None:
        """Return the effect on the answer to ``client``; None leaves it unchanged."""
        rules, fallback = self._rules_for(event.name), self._last
        if not rules and fallback is None:
            return None
        effect = combine_effects(rules, fallback, event, client)
        if effect is not None and effect.delay >= NAME_TIMEOUT_S and self._is_model(client):
            return Effect(drop=True, faults=effect.delayed_by)  # the client has stopped waiting by then
        return effect

    def ignores(self, name: str) -> bool:
        """Whether no answer about ``name`` is ever changed, so that servers may cache its replies."""
        return self._last is None and not self._rules_for(name)

    def _rules_for(self, name: str) -> tuple[DnsRule, ...]:
        rules = self._rules_by_name.get(name)
        if rules is None:
            if len(self._rules_by_name) >= MAX_CACHED_NAMES:
                self._rules_by_name.clear()
            rules = self._rules_by_name[name] = tuple(rule for rule in self._rules if rule.touches(name))
        return rules


def is_never_model(_client: str) -> bool:
    """Return False: no client is a model."""
    return False


def combine_dns_rules(
    rules: tuple[DnsRule, ...],
    fallback: Fallback | None,
    is_model: Callable[[str], bool] = is_never_model,
) -> FindDnsEffect:
    """Return the function that a DNS server calls for each answer: the rules, and ``fallback`` where none decides.

    A client for which ``is_model`` is true waits ``NAME_TIMEOUT_S``: an answer that would come later is not sent.
    """
    return CombinedDnsRules(rules, fallback, is_model)


def combine_effects(
    rules: tuple[DnsRule, ...],
    fallback: Fallback | None,
    event: DnsAnswered,
    client: str,
) -> Effect | None:
    """Combine the effects of all rules on one answer: delays add up; the newest that decides the content is used."""
    delay = 0.0
    deciding: Effect | None = None
    faults: list[int] = []
    late: list[int] = []
    for rule in rules:
        if rule.counts or (rule.final and deciding is not None):
            continue
        effect = rule.effect(event, client)
        if effect is not None:
            delay += effect.delay
            deciding = effect if effect.final else deciding
            (faults if effect.final or not effect.delay else late).append(rule.fault)
    is_of_zones = deciding is None
    if deciding is None and fallback is not None:
        deciding = fallback(event, client)
        is_of_zones = deciding is None or not deciding.drop
    for rule in rules if is_of_zones else ():
        if rule.counts:
            rule.effect(event, client)
    if deciding is None:
        if not delay and not faults:
            return None
        return Effect(delay=delay, faults=_numbers(faults), delayed_by=_numbers(late))
    return dataclasses.replace(
        deciding, delay=delay, faults=(*deciding.faults, *_numbers(faults)), delayed_by=_numbers(late)
    )


def _numbers(faults: list[int]) -> tuple[int, ...]:
    """Return the numbers of faults that have one."""
    return tuple(number for number in faults if number)
