"""The fault ``managed-identity-slow``."""

from __future__ import annotations

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.faults.core.host_fault import HostFault

__all__ = ["ManagedIdentitySlow"]

_LONGEST_S = 600.0


class ManagedIdentitySlow(HostFault, frozen=True, kw_only=True, tag="managed-identity-slow"):
    """The token endpoint of a device answers ``seconds`` late; with ``first`` only the first answers.

    A chained credential asks first with a time limit of one second, and goes on without the managed identity of a host
    that starts slowly. Source: troubleshooting guide of azidentity, "managed identity timed out".
    """

    seconds: float = 3.0

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not 0 < self.seconds <= _LONGEST_S:
            raise ValueError(f"seconds must be above 0 and at most {_LONGEST_S:g}")

    def effect_on_token_request(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Delay the answer of the host."""
        return HttpEffect(delay=self.seconds)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"answers {self.seconds:g} s late: {self.describe_scope()}"
