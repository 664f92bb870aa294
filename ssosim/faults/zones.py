"""Base of the faults that are a change of the zones."""

from __future__ import annotations

import dataclasses

from ssosim.dns import ZoneSet
from ssosim.faults.base import Applied, DnsFault, DnsState

__all__ = ["ZoneFault"]


class ZoneFault(DnsFault, frozen=True, kw_only=True):
    """Changes zones: a query sees the old state or the new one, never half."""

    def change(self, zones: ZoneSet) -> ZoneSet:
        """The zones with the fault in them; raises DnsChangeError when it does not fit."""
        raise NotImplementedError

    def fold(self, state: DnsState, applied: Applied) -> DnsState:  # noqa: ARG002 - zones need no memory
        """``state`` with changed zones."""
        return dataclasses.replace(state, zones=self.change(state.zones))
