"""The fault ``kdc-replica-lag``."""

from __future__ import annotations

import dataclasses

from ssosim.faults.core.fault import Applied, Fault, FaultState, check_kdcs
from ssosim.kerberos.key_database import KeyDatabase, KeyRule

__all__ = ["KdcReplicaLag"]


class KdcReplicaLag(Fault, frozen=True, kw_only=True, tag="kdc-replica-lag"):
    """Changes of accounts and keys are not replicated to the KDCs ``kdcs``, from now on.

    A key that is rolled afterwards, or a service principal name that is registered or moved, is not known there: such a
    KDC issues tickets with the former key, or does not know the name. Undone, the KDC has all changes at once.

    Source: Microsoft documentation, How the Active Directory Replication Model works (convergence, latency).
    """

    kdcs: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise ValueError where no KDC is named."""
        super().__post_init__()
        if not self.kdcs:
            raise ValueError("kdcs must name at least one host of a KDC")

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` without replication. Raises FaultError for a KDC that the estate does not have."""
        check_kdcs(state, self.kdcs)
        return dataclasses.replace(state, keys=(*state.keys, KeyRule(self._stop_replication)))

    def _stop_replication(self, database: KeyDatabase) -> KeyDatabase:
        return database.stop_replication(self.kdcs)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"changes of accounts and keys do not reach the KDC {', '.join(self.kdcs)}"
