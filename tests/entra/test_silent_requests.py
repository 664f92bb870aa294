"""Requests without a page (``prompt=none``): how old a sign-in may be, and whose session is meant.

Sources: OpenID Connect Core, sections 2 and 3.1.2.1; azure-docs issue 51307 (Entra keeps ``max_age``); MSAL Python pull
request 389 and MSAL.js pull request 5125 (``auth_time`` is demanded then); MSAL.js pull request 2030 (``sid``).
"""

from __future__ import annotations

from typing import Any

import pytest

from ssosim.entra.core.browser_sessions import session_id_of

NOBODY = ("login_required", 50058)


def ask_silently(browser: Any, **changes: Any) -> tuple[str, int | None]:
    """``code`` or the error, and its number."""
    reply = browser.open(prompt="none", **changes)
    sent = browser.sent_back(reply)
    return ("code", None) if "code" in sent else (sent["error"], reply.code)


@pytest.mark.parametrize(
    ("age", "max_age", "answer"),
    [
        (100, None, ("code", None)),
        (100, "", ("code", None)),
        (100, "100", ("code", None)),
        (100, "101", ("code", None)),
        (101, "100", NOBODY),
        (100, "0", NOBODY),
        (0, "0", NOBODY),
        (0, "1", ("code", None)),
        (80_000, "86400", ("code", None)),
    ],
)
def test_a_sign_in_may_be_as_old_as_the_request_says(site, browser, age, max_age, answer):
    """Nobody can be asked, so an older sign-in is ``login_required``; ``max_age=0`` always asks for a new one."""
    browser.code()
    site.clock.advance(age)
    assert ask_silently(browser, max_age=max_age) == answer


@pytest.mark.parametrize("max_age", ["-1", "1.5", "x", "1e9", "\u0661", "9" * 10])
def test_an_age_that_is_no_number_is_refused(browser, max_age):
    """The application hears of it; no code is given for an age that nobody can keep."""
    browser.code()
    assert ask_silently(browser, max_age=max_age) == ("invalid_request", 9002313)


def test_a_use_of_the_session_does_not_make_the_sign_in_younger(site, browser):
    """The age is counted from when the user signed in, not from the last silent request."""
    browser.code()
    for _ in range(3):
        site.clock.advance(40)
        assert ask_silently(browser) == ("code", None)
    assert ask_silently(browser, max_age="100") == NOBODY
    browser.code()
    assert ask_silently(browser, max_age="100") == ("code", None)


@pytest.mark.parametrize("max_age", [None, "600"])
def test_the_id_token_says_when_the_user_signed_in(site, browser, max_age):
    """``auth_time`` is that of the sign-in, also after a later silent request; without ``max_age`` it is absent."""
    start = int(site.clock.now())
    first = browser.redeem(browser.code(max_age=max_age))[1]["id_token"]
    site.clock.advance(300)
    reply = browser.open(prompt="none", max_age=max_age)
    second = browser.redeem(browser.sent_back(reply)["code"])[1]["id_token"]
    assert [browser.claims(token).get("auth_time") for token in (first, second)] == [start if max_age else None] * 2


def test_a_session_is_named_by_its_id(site, browser, make_browser):
    """``sid`` of another browser, or of a session that is over, is no session here; an empty one names none."""
    browser.code()
    own = session_id_of(browser.cookie.partition("=")[2])
    other = make_browser(site)
    other.code()
    assert ask_silently(browser, sid=own) == ask_silently(browser, sid="") == ("code", None)
    assert ask_silently(browser, sid=session_id_of(other.cookie.partition("=")[2])) == NOBODY
    assert ask_silently(browser, sid=own.upper()) == NOBODY
    assert ask_silently(browser, sid=own, login_hint="bob@contoso.com") == NOBODY
