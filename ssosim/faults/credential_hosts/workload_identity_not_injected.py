"""The fault ``workload-identity-not-injected``."""

from __future__ import annotations

import dataclasses

from ssosim.credential_hosts.endpoints import NOT_INJECTED
from ssosim.faults.core.fault import Applied, Fault, FaultState

__all__ = ["WorkloadIdentityNotInjected"]


class WorkloadIdentityNotInjected(Fault, frozen=True, kw_only=True, tag="workload-identity-not-injected"):
    """Pods that start now have neither the variables of a workload identity nor a projected token.

    The webhook changes only pods with the label ``azure.workload.identity/use: "true"``. Source:
    azure-workload-identity issues 751 and 756.
    """

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - no hits are counted
        """Return ``state`` with the condition."""
        return dataclasses.replace(state, host_conditions=state.host_conditions | {NOT_INJECTED})

    def describe(self) -> str:
        """Describe the fault in one line."""
        return "pods get no workload identity"
