"""The fault ``kdc-refuses``."""

from __future__ import annotations

from typing import Literal

from ssosim.faults.core.kdc_effect import KdcEffect
from ssosim.faults.core.kdc_fault import KdcFault
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.messages import Message

__all__ = ["KdcErrorName", "KdcRefuses"]

KdcErrorName = Literal[
    "KDC_ERR_NAME_EXP",
    "KDC_ERR_SERVICE_EXP",
    "KDC_ERR_BAD_PVNO",
    "KDC_ERR_C_OLD_MAST_KVNO",
    "KDC_ERR_S_OLD_MAST_KVNO",
    "KDC_ERR_C_PRINCIPAL_UNKNOWN",
    "KDC_ERR_S_PRINCIPAL_UNKNOWN",
    "KDC_ERR_PRINCIPAL_NOT_UNIQUE",
    "KDC_ERR_NULL_KEY",
    "KDC_ERR_CANNOT_POSTDATE",
    "KDC_ERR_NEVER_VALID",
    "KDC_ERR_POLICY",
    "KDC_ERR_BADOPTION",
    "KDC_ERR_ETYPE_NOSUPP",
    "KDC_ERR_SUMTYPE_NOSUPP",
    "KDC_ERR_PADATA_TYPE_NOSUPP",
    "KDC_ERR_TRTYPE_NOSUPP",
    "KDC_ERR_CLIENT_REVOKED",
    "KDC_ERR_SERVICE_REVOKED",
    "KDC_ERR_TGT_REVOKED",
    "KDC_ERR_CLIENT_NOTYET",
    "KDC_ERR_SERVICE_NOTYET",
    "KDC_ERR_KEY_EXPIRED",
    "KDC_ERR_PREAUTH_FAILED",
    "KDC_ERR_SERVER_NOMATCH",
    "KDC_ERR_MUST_USE_USER2USER",
    "KDC_ERR_PATH_NOT_ACCEPTED",
    "KRB_AP_ERR_BAD_INTEGRITY",
    "KRB_AP_ERR_TKT_EXPIRED",
    "KRB_AP_ERR_TKT_NYV",
    "KRB_AP_ERR_NOT_US",
    "KRB_AP_ERR_SKEW",
    "KRB_AP_ERR_BADADDR",
    "KRB_AP_ERR_MODIFIED",
    "KRB_ERR_RESPONSE_TOO_BIG",
    "KRB_ERR_GENERIC",
    "KRB_ERR_FIELD_TOOLONG",
    "KDC_ERR_WRONG_REALM",
    "KRB_AP_ERR_REPEAT",
    "KRB_AP_ERR_BADMATCH",
    "KRB_AP_ERR_BADVERSION",
    "KRB_AP_ERR_MSG_TYPE",
    "KRB_AP_ERR_ILL_CR_TKT",
    "KRB_AP_ERR_BADKEYVER",
    "KRB_AP_ERR_NOKEY",
    "KRB_AP_ERR_INAPP_CKSUM",
    "KRB_AP_PATH_NOT_ACCEPTED",
    "KRB_AP_ERR_NO_TGT",
    "KRB_AP_ERR_USER_TO_USER_REQUIRED",
]
"""The errors that a KDC answers, by their names in RFC 4120, section 7.5.9.

KDC_ERR_PREAUTH_REQUIRED is no refusal. After KDC_ERR_SVC_UNAVAILABLE libkrb5 asks the same KDC again, in real time, or
the next one; that is not the same in memory, so it is left out. So are the errors of certificates and of
pre-authentication, which the lab's sign-ons do not use, and those that only a service sends.
"""


class KdcRefuses(KdcFault, frozen=True, kw_only=True, tag="kdc-refuses"):
    """The KDC replies to ticket requests with ``error``.

    Source: Microsoft support KB5021131 (KDC_ERR_ETYPE_NOSUPP); RFC 4120 section 7.5.9.
    """

    error: KdcErrorName = "KDC_ERR_ETYPE_NOSUPP"

    def effect_on(self, message: Message) -> KdcEffect:  # noqa: ARG002 - the same for all requests
        """Reply with the error."""
        return KdcEffect(error=int(KrbCode[self.error]))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.describe_kdcs()} refuses tickets with {self.error}{self.describe_scope(', to ')}"
