"""The fault ``kdc-connection-refused``."""

from __future__ import annotations

import dataclasses

from ssosim.faults.core.fault import Applied, Fault, FaultState, check_kdcs
from ssosim.faults.core.kdc_effect import KdcEffect, KdcRule
from ssosim.kerberos.messages import Message

__all__ = ["KdcConnectionRefused"]


class KdcConnectionRefused(Fault, frozen=True, kw_only=True, tag="kdc-connection-refused"):
    """Nothing listens on the port of the KDC, as while its service is stopped; clients ask the next one at once.

    ``kdcs`` limits it to these KDCs, by the names of their hosts; empty means all. A host that does not answer at all
    is ``kdc-silent``, for which clients wait. Source: measured with krb5 1.20.1; RFC 1122 section 4.1.3.1.
    """

    kdcs: tuple[str, ...] = ()

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with closed ports. Raises FaultError for a KDC that the estate does not have."""
        check_kdcs(state, self.kdcs)
        rule = KdcRule(_refuse, applied.count_hit, kdcs=self.kdcs, closed=True)
        return dataclasses.replace(state, kdc=(*state.kdc, rule))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the KDC{' ' if self.kdcs else ''}{', '.join(self.kdcs)} refuses connections"


def _refuse(_message: Message, _client: str) -> KdcEffect:
    return KdcEffect(refused=True)
