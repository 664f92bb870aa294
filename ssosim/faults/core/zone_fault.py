"""Base class of faults that edit zones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import dns.exception
from dns.rdatatype import RdataType

from ssosim.dns import Effect, ZoneSet, answer
from ssosim.dns.zones.rrset import to_name
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, DnsRule, Fault, FaultState
from ssosim.trace import DnsAnswered

__all__ = ["ZoneFault"]


class ZoneFault(Fault, frozen=True, kw_only=True):
    """A change of the zones. It is atomic: a query sees the zones before it or after it.

    ``first``: the fault is undone after this many answers that it made different, to any client.
    """

    first: int | None = None

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Return the zones with the fault in them. Raises FaultError or DnsChangeError if it does not fit."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the changed zones, and with a rule that counts hits if ``first`` is set.

        Raises FaultError where the zones of the operator are as the fault would make them. Over the change of another
        fault it is a layer of its own, and stays when that one is undone.
        """
        zones = self.change(state.zones)
        if not state.zones.changes and zones == state.zones:
            raise FaultError(f"{self.describe()}: the zones are so already, so the fault would change nothing")
        if self.first is None:
            return dataclasses.replace(state, zones=zones)
        counting = DnsRule("authority", False, _make_counter(state.zones, zones, applied.count_hit), counts=True)
        return dataclasses.replace(state, zones=zones, rules=(*state.rules, counting))


def _make_counter(
    before: ZoneSet, after: ZoneSet, count_hit: Callable[[], None]
) -> Callable[[DnsAnswered, str], Effect | None]:
    """Return a rule's function without effects, which counts the questions with different answers in the two zones."""

    def count(event: DnsAnswered, _client: str) -> Effect | None:
        try:
            name, kind = to_name(event.name), RdataType.make(event.type)
        except (dns.exception.DNSException, ValueError):  # the question could not be read
            return None
        then, now = answer(before, name, kind), answer(after, name, kind)
        if (then.rcode, then.answer) != (now.rcode, now.answer):
            count_hit()
        return None

    return count
