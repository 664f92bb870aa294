"""Whether a domain controller gives tickets to an account, by its state, its keys and its clock (MS-KILE)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from ssosim.estate import Estate, User
from ssosim.kerberos.account_attributes import AccountAttributes, build_account_options
from ssosim.kerberos.account_policy import TICKET_AGE_S, check_enctypes, check_sign_on, check_ticket_request, is_fresh
from ssosim.kerberos.codes import KrbCode, error_name
from ssosim.kerberos.enctypes import AES128, AES256, DEFAULT_ENCTYPES, RC4, SUPPORTED

REVOKED, EXPIRED = KrbCode.KDC_ERR_CLIENT_REVOKED, KrbCode.KDC_ERR_KEY_EXPIRED
END = datetime(2026, 6, 1, tzinfo=UTC)
NOW = END.timestamp()


@pytest.fixture
def user(estate: Estate) -> User:
    """A user with nothing against her."""
    return estate.users[0]


@pytest.mark.parametrize(
    ("state", "sign_on", "ticket"),
    [
        ({}, None, None),
        ({"enabled": False}, REVOKED, REVOKED),
        ({"locked": True}, REVOKED, REVOKED),
        ({"password_expired": True}, EXPIRED, None),
        ({"force_change_password_next_sign_in": True}, EXPIRED, None),
        ({"enabled": False, "password_expired": True}, REVOKED, REVOKED),  # the account comes before the password
        ({"locked": True, "force_change_password_next_sign_in": True}, REVOKED, REVOKED),
        ({"account_expires": END}, REVOKED, REVOKED),
        ({"account_expires": END, "password_expired": True}, REVOKED, REVOKED),
        ({"mfa_required": True, "synced": False}, None, None),  # of Entra, which the KDC does not know
    ],
)
def test_the_state_of_an_account(
    user: User, state: dict[str, Any], sign_on: KrbCode | None, ticket: KrbCode | None
) -> None:
    """MS-KILE 3.3.5.6.3 at the sign-on, 3.3.5.7.1 for a service ticket: the password counts at the sign-on alone."""
    changed = replace(user, **state)
    assert check_sign_on(changed, NOW) is sign_on
    assert check_ticket_request(changed, TICKET_AGE_S + 1, NOW) is ticket


@pytest.mark.parametrize(("before", "code"), [(1.0, None), (0.001, None), (0.0, REVOKED), (-1.0, REVOKED)])
def test_an_account_expires_at_its_time(user: User, before: float, code: KrbCode | None) -> None:
    """At that second it has expired, and not before."""
    changed = replace(user, account_expires=END)
    assert check_sign_on(changed, NOW - before) is code


@pytest.mark.parametrize(
    ("age", "code"), [(0.0, None), (1199.0, None), (1200.0, None), (1200.5, REVOKED), (36000.0, REVOKED)]
)
def test_a_ticket_of_20_minutes_is_trusted(user: User, age: float, code: KrbCode | None) -> None:
    """MS-KILE, note to 3.3.5.7.1: the account is checked again only if the TGT is older than 20 minutes."""
    assert check_ticket_request(replace(user, locked=True), age, NOW) is code
    assert is_fresh(age) is (code is None)


@pytest.mark.parametrize(
    ("keys", "offered", "supported", "sessions", "works"),
    [
        (DEFAULT_ENCTYPES, DEFAULT_ENCTYPES, SUPPORTED, DEFAULT_ENCTYPES, True),
        ((AES256,), (AES128,), SUPPORTED, DEFAULT_ENCTYPES, False),  # no key of a type that the client knows
        ((AES256, AES128), (AES128,), (AES256,), DEFAULT_ENCTYPES, False),  # known to the client, not to the KDC
        ((RC4,), SUPPORTED, SUPPORTED, DEFAULT_ENCTYPES, True),  # an AES session key beside an RC4 key
        ((RC4,), (RC4,), SUPPORTED, DEFAULT_ENCTYPES, False),  # RC4 alone, where sessions are AES (2026)
        ((RC4,), (RC4,), SUPPORTED, SUPPORTED, True),
        ((RC4,), SUPPORTED, DEFAULT_ENCTYPES, DEFAULT_ENCTYPES, False),  # RC4 is switched off at the KDC
        (DEFAULT_ENCTYPES, (), SUPPORTED, SUPPORTED, False),
    ],
)
def test_a_sign_on_needs_a_key_and_a_session_key(
    user: User,
    keys: tuple[Any, ...],
    offered: tuple[str, ...],
    supported: tuple[str, ...],
    sessions: tuple[str, ...],
    works: bool,
) -> None:
    """RFC 4120 section 3.1.3: a key of the user, and a type of session key, that client and KDC have in common."""
    assert check_enctypes(replace(user, enctypes=keys), offered, supported, sessions) is works


@pytest.mark.parametrize(
    ("state", "options"),
    [
        ({}, ""),
        ({"enabled": False}, "-allow_tix -pwexpire never "),
        ({"locked": True}, "-allow_tix -pwexpire never "),
        ({"password_expired": True}, '+allow_tix -pwexpire "2000-01-01 00:00:00 UTC" '),
        ({"force_change_password_next_sign_in": True}, '+allow_tix -pwexpire "2000-01-01 00:00:00 UTC" '),
        # krb5kdc looks at the date first, a domain controller at the account: so there is no date.
        ({"enabled": False, "password_expired": True}, "-allow_tix -pwexpire never "),
    ],
)
def test_the_attributes_of_a_principal(user: User, state: dict[str, Any], options: str) -> None:
    """The options of kadmin for a new principal; a plain account needs none (man kadmin, addprinc)."""
    assert build_account_options(replace(user, **state)) == options


def test_the_attributes_can_be_taken_back(user: User) -> None:
    """``modprinc`` always writes both, so a fault that is undone leaves nothing behind."""
    assert AccountAttributes.of(user).format_options() == "+allow_tix -pwexpire never"


# RFC 4120, section 7.5.9, and RFC 4556, section 3.1.3: what a trace and a fault call an error.
CODES = {
    3: "KDC_ERR_BAD_PVNO", 6: "KDC_ERR_C_PRINCIPAL_UNKNOWN", 7: "KDC_ERR_S_PRINCIPAL_UNKNOWN",
    8: "KDC_ERR_PRINCIPAL_NOT_UNIQUE", 12: "KDC_ERR_POLICY", 13: "KDC_ERR_BADOPTION", 14: "KDC_ERR_ETYPE_NOSUPP",
    18: "KDC_ERR_CLIENT_REVOKED", 23: "KDC_ERR_KEY_EXPIRED", 24: "KDC_ERR_PREAUTH_FAILED",
    25: "KDC_ERR_PREAUTH_REQUIRED", 28: "KDC_ERR_PATH_NOT_ACCEPTED", 29: "KDC_ERR_SVC_UNAVAILABLE",
    31: "KRB_AP_ERR_BAD_INTEGRITY", 32: "KRB_AP_ERR_TKT_EXPIRED", 33: "KRB_AP_ERR_TKT_NYV", 34: "KRB_AP_ERR_REPEAT",
    35: "KRB_AP_ERR_NOT_US", 36: "KRB_AP_ERR_BADMATCH", 37: "KRB_AP_ERR_SKEW", 38: "KRB_AP_ERR_BADADDR",
    41: "KRB_AP_ERR_MODIFIED", 44: "KRB_AP_ERR_BADKEYVER", 45: "KRB_AP_ERR_NOKEY", 46: "KRB_AP_ERR_MUT_FAIL",
    50: "KRB_AP_ERR_INAPP_CKSUM", 52: "KRB_ERR_RESPONSE_TOO_BIG", 60: "KRB_ERR_GENERIC", 61: "KRB_ERR_FIELD_TOOLONG",
    62: "KDC_ERROR_CLIENT_NOT_TRUSTED", 65: "KDC_ERR_KEY_TOO_WEAK", 68: "KDC_ERR_WRONG_REALM",
    69: "KRB_AP_ERR_USER_TO_USER_REQUIRED",
}  # fmt: skip


def test_errors_have_their_names_of_the_rfc() -> None:
    """Each number has the name of RFC 4120, and a number without one keeps it."""
    assert {code: error_name(code) for code in CODES} == CODES
    assert [error_name(code) for code in (30, 59, 255, -1)] == [
        "KRB_ERROR_30",
        "KRB_ERROR_59",
        "KRB_ERROR_255",
        "KRB_ERROR_-1",
    ]
