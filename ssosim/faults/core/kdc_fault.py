"""Base class of faults of the KDC."""

from __future__ import annotations

import dataclasses

from ssosim.faults.core.fault import Applied, Fault, FaultState, check_kdcs
from ssosim.faults.core.kdc_effect import KdcEffect, KdcRule
from ssosim.kerberos.messages import Message

__all__ = ["KdcFault"]


class KdcFault(Fault, frozen=True, kw_only=True):
    """A fault of requests to the KDC. ``clients`` limits it to these clients; empty means all.

    ``kdcs`` limits it to these KDCs, by the names of their hosts in the estate; empty means all. ``first``: the fault
    is undone after this many requests.
    """

    clients: tuple[str, ...] = ()
    kdcs: tuple[str, ...] = ()
    first: int | None = None

    def effect_on(self, message: Message) -> KdcEffect | None:
        """Return the effect on a request of one of the clients; None has no effect. No side effects."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the rule of this fault. Raises FaultError for a KDC that the estate does not have."""
        check_kdcs(state, self.kdcs)

        def effect_on(message: Message, client: str) -> KdcEffect | None:
            if (self.clients and client not in self.clients) or (self.first is not None and applied.hits >= self.first):
                return None
            return self.effect_on(message)

        return dataclasses.replace(state, kdc=(*state.kdc, KdcRule(effect_on, applied.count_hit, kdcs=self.kdcs)))

    def describe_kdcs(self) -> str:
        """Describe which KDCs have the fault."""
        return f"the KDC {', '.join(self.kdcs)}" if self.kdcs else "the KDC"

    def describe_scope(self, before: str = " ") -> str:
        """Describe the clients and the limit, each with its separator; ``before`` precedes the clients."""
        clients = f"{before}{', '.join(self.clients)}" if self.clients else ""
        return clients + (f", the first {self.first}" if self.first is not None else "")
