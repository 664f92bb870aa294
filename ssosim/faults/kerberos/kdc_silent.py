"""The fault ``kdc-silent``."""

from __future__ import annotations

from ssosim.faults.core.kdc_effect import KdcEffect
from ssosim.faults.core.kdc_fault import KdcFault
from ssosim.kerberos.messages import Message

__all__ = ["KdcSilent"]


class KdcSilent(KdcFault, frozen=True, kw_only=True, tag="kdc-silent"):
    """The KDC sends no reply, as to a device outside the corporate network.

    Tickets that a device has already stay valid. Source: Entra documentation, Seamless SSO needs a domain controller in
    sight; troubleshooting check list.
    """

    def effect_on(self, message: Message) -> KdcEffect:  # noqa: ARG002 - the same for all requests
        """Send no reply."""
        return KdcEffect(silent=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.describe_kdcs()} does not answer{self.describe_scope()}"
