"""The errors of kdc-refuses beside the error table of libkrb5: each can be played, or it says why not."""

from __future__ import annotations

import ctypes
from typing import get_args

from ssosim.faults.kerberos.kdc_refuses import KdcErrorName
from ssosim.kerberos.codes import KrbCode

_BASE = -1765328384
"""The number of the first error of the table krb5. Source: krb5 1.20, krb5_err.et (ERROR_TABLE_BASE_krb5)."""

_NOT_PLAYED = {
    "no error, or no refusal": "KDC_ERR_NONE KDC_ERR_PREAUTH_REQUIRED",
    "libkrb5 asks again in real time": "KDC_ERR_SVC_UNAVAILABLE",
    "of messages between client and service": "KRB_AP_ERR_BADORDER KRB_AP_ERR_MUT_FAIL KRB_AP_ERR_BADDIRECTION "
    "KRB_AP_ERR_METHOD KRB_AP_ERR_BADSEQ",
    "of sign-ons with a certificate (RFC 4556, RFC 8636)": "KDC_ERROR_CLIENT_NOT_TRUSTED KDC_ERROR_KDC_NOT_TRUSTED "
    "KDC_ERROR_INVALID_SIG KDC_ERR_KEY_TOO_WEAK KDC_ERR_CERTIFICATE_MISMATCH KDC_ERR_CANT_VERIFY_CERTIFICATE "
    "KDC_ERR_INVALID_CERTIFICATE KDC_ERR_REVOKED_CERTIFICATE KDC_ERR_REVOCATION_STATUS_UNKNOWN "
    "KDC_ERR_REVOCATION_STATUS_UNAVAILABLE KDC_ERR_CLIENT_NAME_MISMATCH KDC_ERR_KDC_NAME_MISMATCH "
    "KDC_ERR_INCONSISTENT_KEY_PURPOSE KDC_ERR_DIGEST_IN_CERT_NOT_ACCEPTED KDC_ERR_PA_CHECKSUM_MUST_BE_INCLUDED "
    "KDC_ERR_DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED KDC_ERR_PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED KDC_ERR_NO_ACCEPTABLE_KDF",
    "of pre-authentication (RFC 6113)": "KDC_ERR_PREAUTH_EXPIRED KDC_ERR_MORE_PREAUTH_DATA_REQUIRED "
    "KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS",
    "of the IAKERB proxy": "KRB_AP_ERR_IAKERB_KDC_NOT_FOUND KRB_AP_ERR_IAKERB_KDC_NO_RESPONSE",
}


def read_texts() -> dict[int, str]:
    """The texts of libkrb5 for the codes of the protocol, without those that have none."""
    ctypes.CDLL("libkrb5.so.3").initialize_krb5_error_table()
    library = ctypes.CDLL("libcom_err.so.2")
    library.error_message.restype, library.error_message.argtypes = ctypes.c_char_p, [ctypes.c_long]
    texts = {code: library.error_message(_BASE + code).decode() for code in range(128)}
    return {code: text for code, text in texts.items() if f"code {code}" not in text}


def test_every_error_of_libkrb5_has_a_name() -> None:
    """Each code that libkrb5 has a text for has its name here, so no trace shows a number."""
    texts = read_texts()
    assert len(texts) > 60
    assert {int(code) for code in KrbCode} == set(texts)


def test_every_error_is_played_or_says_why_not() -> None:
    """kdc-refuses has each error of the table, except those that are named here with the reason."""
    named = [name for names in _NOT_PLAYED.values() for name in names.split()]
    assert len(named) == len(set(named))
    assert {code.name for code in KrbCode} - set(get_args(KdcErrorName)) == set(named)
