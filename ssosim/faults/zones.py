"""Faults that are a change of the zones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import dns.exception
from dns.rdatatype import RdataType

from ssosim.dns import Effect, ZoneSet, answer
from ssosim.dns.zones.rrset import to_name
from ssosim.faults.base import Applied, DnsFault, FaultState, Rule
from ssosim.trace import DnsAnswered

__all__ = ["ZoneFault"]


class ZoneFault(DnsFault, frozen=True, kw_only=True):
    """Changes zones: a query sees the old state or the new one, never half.

    ``first``: so many answers that would have been others without it, whoever asks; then it is undone.
    """

    first: int | None = None

    def change(self, zones: ZoneSet) -> ZoneSet:
        """The zones with the fault in them; raises DnsChangeError when it does not fit."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """``state`` with changed zones, and with somebody who counts where there is a limit."""
        zones = self.change(state.zones)
        if self.first is None:
            return dataclasses.replace(state, zones=zones)
        counting = Rule("authority", False, _counter(state.zones, zones, applied.count_hit))
        return dataclasses.replace(state, zones=zones, rules=(*state.rules, counting))


def _counter(before: ZoneSet, after: ZoneSet, meet: Callable[[], None]) -> Callable[[DnsAnswered, str], Effect | None]:
    """Has no effect on answers; counts those to questions to which ``before`` has another answer than ``after``."""

    def look(event: DnsAnswered, _client: str) -> Effect | None:
        try:
            name, kind = to_name(event.name), RdataType.make(event.type)
        except (dns.exception.DNSException, ValueError):  # it was no readable question
            return None
        then, now = answer(before, name, kind), answer(after, name, kind)
        if (then.rcode, then.answer) != (now.rcode, now.answer):
            meet()
        return None

    return look
