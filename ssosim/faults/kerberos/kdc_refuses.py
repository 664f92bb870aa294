"""The fault ``kdc-refuses``."""

from __future__ import annotations

from typing import Literal

from ssosim.faults.core.kdc_effect import KdcEffect
from ssosim.faults.core.kdc_fault import KdcFault
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.messages import Message

__all__ = ["KdcRefuses"]


class KdcRefuses(KdcFault, frozen=True, kw_only=True, tag="kdc-refuses"):
    """The KDC replies to ticket requests with ``error``.

    Source: Microsoft support KB5021131 (KDC_ERR_ETYPE_NOSUPP); RFC 4120 section 7.5.9.
    """

    error: Literal["KDC_ERR_ETYPE_NOSUPP", "KDC_ERR_S_PRINCIPAL_UNKNOWN", "KDC_ERR_POLICY", "KRB_AP_ERR_SKEW"] = (
        "KDC_ERR_ETYPE_NOSUPP"
    )

    def effect_on(self, message: Message) -> KdcEffect:  # noqa: ARG002 - the same for all requests
        """Reply with the error."""
        return KdcEffect(error=int(KrbCode[self.error]))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the KDC refuses tickets with {self.error}{self.describe_scope(', to ')}"
