"""The fault ``federated-token-stale``."""

from __future__ import annotations

import dataclasses

from ssosim.credential_hosts.endpoints import TOKEN_STALE
from ssosim.faults.core.fault import Applied, Fault, FaultState

__all__ = ["FederatedTokenStale"]


class FederatedTokenStale(Fault, frozen=True, kw_only=True, tag="federated-token-stale"):
    """Projected tokens of pods are not replaced: a program that starts now finds one that expired an hour ago.

    A program that runs already keeps the token that it has. Source: azure-workload-identity, known issues; AADSTS700024
    in the Entra error-code reference.
    """

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - no hits are counted
        """Return ``state`` with the condition."""
        return dataclasses.replace(state, host_conditions=state.host_conditions | {TOKEN_STALE})

    def describe(self) -> str:
        """Describe the fault in one line."""
        return "projected tokens of pods have expired"
