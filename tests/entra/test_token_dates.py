"""When a token was issued, and what is a date: times that decide about sessions (RFC 7519, section 2)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.entra.core.jwt_reader import LAST_SECOND, JwtError, read_date

from .conftest import NOON
from .test_on_behalf_of import estate, redeem, user_token


@pytest.mark.parametrize(("seconds", "status"), [(-10, 200), (0, 200), (1, 400), (600, 400)])
def test_a_sign_in_after_a_revocation_is_good_on_behalf_of_the_user(make_site, seconds, status):
    """A token that was issued after the sessions were revoked is one of a new session, though its iat is earlier.

    Sessions are revoked ``seconds`` after the sign-in. ``iat`` lies five minutes before the time of issue.
    """
    site = make_site(estate())
    token = user_token(site)
    since = datetime.fromtimestamp(NOON + seconds, UTC)
    current = site.provider.estate
    users = tuple(replace(each, sign_in_sessions_valid_from=since) for each in current.users)
    site.provider.set_estate(replace(current, users=users))
    answer = redeem(site, token)
    assert answer[0] == status
    if status == 400:
        assert answer[1]["error_codes"] == [50173]


@pytest.mark.parametrize(
    ("value", "date"),
    [
        (0, 0.0),
        (1_790_000_000, 1_790_000_000.0),
        (1_790_000_000.25, 1_790_000_000.25),
        ("1790000000", 1_790_000_000.0),
        ("0", 0.0),
        ("00000000001790000000", 1_790_000_000.0),
        (LAST_SECOND, float(LAST_SECOND)),
        (str(LAST_SECOND), float(LAST_SECOND)),
    ],
)
def test_a_date_is_a_number_or_its_digits(value, date):
    """Numbers may have fractions (MSAL for Python) or be in strings (MSAL.NET)."""
    assert read_date({"exp": value}, "exp") == date


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, "", "-1", "+1", "1.5", " 1", "1e9", "0x10", "\u0661", "1_790_000_000", [], {}, -1, -0.5,
        LAST_SECOND + 1, str(LAST_SECOND + 1), float("nan"), float("inf"), 10**400, "9" * 21,
        "000000000017900006000", "000000000017900006000000",
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused(value):
    """Nothing is cut, rounded or guessed: a text whose first 20 digits are a date is none."""
    with pytest.raises(JwtError, match=r"The claim 'exp' is (not a date|out of range)\."):
        read_date({"exp": value}, "exp")


def test_a_date_that_is_absent_is_none():
    """The caller decides whether a date is required."""
    assert read_date({"nbf": 1}, "exp") is None


@settings(max_examples=100)
@given(st.integers(0, 10**25) | st.text(alphabet="0123456789", min_size=1, max_size=30))
@example("0" * 20 + "1")
def test_digits_have_one_meaning(value):
    """A date is the whole number that its digits are, or it is refused."""
    try:
        date = read_date({"exp": value}, "exp")
    except JwtError:
        return
    assert date == float(int(value))
