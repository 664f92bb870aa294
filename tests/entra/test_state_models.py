"""The bounded stores of the provider against plain models of their rules: what is remembered, and until when."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssosim.entra.core.authentication import PASSWORD, Authentication, authenticate_by, fingerprint_of, list_amr
from ssosim.entra.core.browser_sessions import SESSION_LIFETIME, BrowserSessions, session_id_of
from ssosim.entra.core.device_codes import DEVICE_CODE_LIFETIME, DeviceCode, DeviceCodeStore
from ssosim.entra.core.loop_detector import LoopDetector
from ssosim.entra.core.replay_cache import ReplayCache
from ssosim.entra.core.sealed_tokens import DesktopSsoClaims, RefreshTokenClaims, SealedTokenError, TokenSealer
from ssosim.estate import default_estate

from .conftest import NOON

TIMES = st.integers(0, 30)
BY_PASSWORD = Authentication(PASSWORD, NOON)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "x" * 65, "x" * 64]), TIMES, st.integers(1, 10))))
def test_an_id_is_used_once_until_it_expires(uses: list[tuple[str, int, int]]) -> None:
    """With room enough an id is refused from its first use to its end, and good again after it."""
    cache, ends = ReplayCache(100), dict[str, int]()
    for name, now, lives in sorted(uses, key=lambda each: each[1]):
        free = ends.get(name, -1) <= now
        assert (name in cache) or free
        assert cache.record_use(name, now + lives, now) == free
        assert name in cache
        if free:
            ends[name] = now + lives
    assert cache.evictions == 0
    assert len(cache) <= len(ends)


@settings(max_examples=60)
@given(st.integers(0, 4), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=20))
def test_a_full_cache_forgets_what_expires_first(capacity: int, uses: list[tuple[int, int]]) -> None:
    """It never has more ids than its capacity (at least one), and keeps those that live longest."""
    cache, kept = ReplayCache(capacity), list[tuple[int, str]]()
    for name, expires in uses:
        if cache.record_use(str(name), expires, 0):
            if len(kept) >= max(1, capacity):
                kept.remove(min(kept))
            kept.append((expires, str(name)))
        assert len(cache) <= max(1, capacity)
    assert {name for _, name in kept} == {str(name) for name in range(10) if str(name) in cache}


def test_long_ids_are_told_apart() -> None:
    """An id of any length is remembered as a whole: one that differs at its end is another."""
    cache = ReplayCache(10)
    assert [cache.record_use("a" * 5000 + end, 10, 0) for end in ("1", "2", "1", "\ud800")] == [True, True, False, True]


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from("ab"), TIMES), max_size=25), st.integers(1, 4), st.integers(1, 12))
def test_one_more_than_the_limit_within_the_window_is_a_loop(
    requests: list[tuple[str, int]], limit: int, window: int
) -> None:
    """Equal requests are counted, each kind by itself, refused ones too; older ones than the window are not."""
    detector, seen = LoopDetector(), list[tuple[str, int]]()
    for name, now in sorted(requests, key=lambda each: each[1]):
        seen.append((name, now))
        recent = [at for each, at in seen if each == name and now - at < window]
        assert detector.is_loop((name,), now, limit=limit, window=window) == (len(recent) > limit)


def test_the_limit_of_loops_can_change_while_it_counts() -> None:
    """A lower limit counts from what is remembered, a higher one allows more."""
    detector = LoopDetector()
    assert [detector.is_loop(("a",), now, limit=3, window=100) for now in range(4)] == [False, False, False, True]
    assert detector.is_loop(("a",), 4, limit=1, window=100)
    assert not detector.is_loop(("a",), 5, limit=9, window=100)


def test_the_kinds_of_requests_that_are_remembered_are_bounded() -> None:
    """The kind that was seen longest ago is forgotten first; being seen again counts."""
    detector = LoopDetector(2)

    def ask(name: str) -> bool:
        return detector.is_loop((name,), 0, limit=1, window=10)

    assert [ask(name) for name in "abac"] == [False, False, True, False]
    assert [ask(name) for name in "ab"] == [True, False]


def issue(store: DeviceCodeStore, now: float = 0) -> DeviceCode:
    """One more code."""
    return store.issue(client_id="c", authority="a", version="2.0", resource="r", scopes=("s",), now=now)


def test_device_codes_are_found_by_both_codes_and_bounded() -> None:
    """A store of two codes forgets the oldest with both names; a user may type blanks, dashes and small letters."""
    store = DeviceCodeStore(2)
    first, second, third = (issue(store, now) for now in (1, 2, 3))
    assert store.find_by_device_code(first.device_code) is store.find_by_user_code(first.user_code) is None
    for code, now in ((second, 2), (third, 3)):
        typed = f" {code.user_code[:4].lower()}-{code.user_code[4:]} "
        assert store.find_by_device_code(code.device_code) is store.find_by_user_code(typed) is code
        assert code.not_on_or_after == now + DEVICE_CODE_LIFETIME
        assert (code.state, len(code.user_code), len(code.device_code) > 100) == ("pending", 9, True)
    assert store.find_by_device_code(second.user_code) is None
    assert store.find_by_user_code(second.device_code) is None


def test_user_codes_have_no_letters_that_look_alike() -> None:
    """RFC 8628, section 6.1: no vowels, so no words, and nothing that is read wrongly."""
    store = DeviceCodeStore()
    letters = {letter for _ in range(60) for letter in issue(store).user_code}
    assert not letters & set("AEIOU01")
    assert len(letters) > 20


@pytest.fixture
def sessions() -> BrowserSessions:
    """Sessions of two browsers at most."""
    return BrowserSessions(2)


def test_a_session_lives_a_day_after_its_last_use(sessions: BrowserSessions) -> None:
    """A sign-in begins the day anew; the last user and how that one signed in are those of the session."""
    sessions.record_sign_in("b", "app-1", "alice", BY_PASSWORD, 0)
    sessions.record_sign_in("b", "app-2", "bob", Authentication("w", 5), 1000)
    found = sessions.find("b", 1000 + SESSION_LIFETIME - 1)
    assert found is not None
    assert (found.subject, found.authentication, found.client_ids) == (
        "bob",
        Authentication("w", 5),
        ["app-1", "app-2"],
    )
    assert sessions.find("b", 1000 + SESSION_LIFETIME) is None
    assert sessions.find("other", 0) is None
    assert (sessions.end("b"), sessions.end("b"), sessions.find("b", 1000)) == (("app-1", "app-2"), (), None)


def test_browsers_and_their_applications_are_bounded(sessions: BrowserSessions) -> None:
    """The browser that signed in longest ago is forgotten; an application is listed once, and fifty at most."""
    for name in "abac":
        sessions.record_sign_in(name, "app", "alice", BY_PASSWORD, 0)
    assert [sessions.find(name, 0) is not None for name in "abc"] == [True, False, True]
    for number in range(60):
        sessions.record_sign_in("a", f"app-{number}", "alice", BY_PASSWORD, 0)
    assert len(sessions.end("a")) == 50
    assert sessions.end("c") == ("app",)


def test_the_id_of_a_session_does_not_show_the_cookie() -> None:
    """``sid`` is the same for a browser, another for another one, and has nothing of the cookie."""
    one = "0a1f5c1e-6f0d-4a6c-9a1d-111111111111"
    assert session_id_of(one) == session_id_of(one) != session_id_of(one[:-1] + "2")
    assert one not in session_id_of(one)


_CLAIMS = st.builds(
    DesktopSsoClaims,
    st.text(),
    st.text(),
    st.text(),
    st.text(),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.text(),
)


@settings(max_examples=60)
@given(_CLAIMS, st.text(max_size=5), st.text(max_size=5))
@example(DesktopSsoClaims("", "", "", "", 0, 0, ""), "", "")
def test_a_sealed_token_opens_for_its_purpose_only(claims: Any, purpose: str, other: str) -> None:
    """What was sealed comes back; another purpose, kind or secret opens nothing (AES-GCM, associated data)."""
    sealer, text = TokenSealer(b"a" * 32), ""
    try:
        text = sealer.seal(purpose, claims)
    except UnicodeEncodeError:  # a purpose or claim with half a surrogate pair is never sealed
        return
    assert sealer.open(purpose, text, DesktopSsoClaims) == claims
    assert len(text) >= 208, "a shorter text is looked at by no search for sealed tokens"
    assert sealer.find_purpose(text, (other, purpose)) == (other if other == purpose else purpose)
    assert sealer.seal(purpose, claims) != text
    for opened in (TokenSealer(b"b" * 32), sealer):
        wrong = purpose if opened is not sealer else f"{purpose}x"
        assert opened.find_purpose(text, (wrong,)) is None
        with pytest.raises(SealedTokenError):
            opened.open(wrong, text, DesktopSsoClaims)
    with pytest.raises(SealedTokenError):
        sealer.open(purpose, text, RefreshTokenClaims)


@pytest.mark.parametrize(
    "text", ["", "A", "AAAA", "A" * 36, "A" * 38, "A" * 16_385, "\u00e9" * 40, "A" * 37 + "=", " " * 40]
)
def test_what_was_never_sealed_is_refused(text: str) -> None:
    """Too short, too long, no base64: the documented error, and no purpose."""
    sealer = TokenSealer(b"a" * 32)
    assert sealer.find_purpose(text, ("x",)) is None
    with pytest.raises(SealedTokenError):
        sealer.open("x", text, DesktopSsoClaims)


@settings(max_examples=40)
@given(st.data())
def test_a_changed_sealed_token_does_not_open(data: st.DataObject) -> None:
    """A letter that is another one, added or left out breaks the seal, unless the octets are the same."""
    sealer = TokenSealer(b"a" * 32)
    text = sealer.seal("p", DesktopSsoClaims("i", "t", "s", "a", 1, 2, data.draw(st.text("m", max_size=2))))
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_+/= \n"))
    for changed in (text[:at] + letter + text[at + 1 :], text[:at] + letter + text[at:], text[:at] + text[at + 1 :]):
        if base64.urlsafe_b64decode(_pad(changed)) == base64.urlsafe_b64decode(_pad(text)):
            continue  # bits that carry nothing, or letters that a lenient decoder skips: the same octets
        assert sealer.find_purpose(changed, ("p",)) is None


def _pad(text: str) -> bytes:
    same = text.translate(str.maketrans("+/", "-_"))  # of the other alphabet (RFC 4648, section 5)
    plain = "".join(each for each in same if each.isalnum() or each in "-_")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    return (plain + "=" * (-len(plain) % 4)).encode()


def test_a_fingerprint_changes_with_the_password_and_the_user() -> None:
    """A sign-in remembers which password it used, and only that of a password; two users with one password differ."""
    alice, bob = default_estate().users[:2]
    assert fingerprint_of(alice) != fingerprint_of(msgspec.structs.replace(alice, password="another"))
    assert fingerprint_of(alice) != fingerprint_of(msgspec.structs.replace(bob, password=alice.password))
    by_password, by_ticket = (authenticate_by(method, alice, 1.5) for method in (PASSWORD, "urn:x:windows"))
    assert (by_password.password, by_ticket.password) == (fingerprint_of(alice), "")
    assert (by_password.time, by_password.mfa, by_ticket.method) == (1.5, False, "urn:x:windows")


@pytest.mark.parametrize(
    ("method", "mfa", "amr"),
    [
        (PASSWORD, False, ["pwd"]),
        (PASSWORD, True, ["pwd", "mfa"]),
        ("urn:federation:authentication:windows", False, ["wia"]),
        ("urn:federation:authentication:windows", True, ["wia", "mfa"]),
        ("urn:windows:other", False, ["pwd"]),
    ],
)
def test_the_methods_of_an_authentication(method: str, mfa: bool, amr: list[str]) -> None:
    """``amr`` has ``wia`` for a ticket, else ``pwd``, and ``mfa`` for a second factor (``amr``)."""
    assert list_amr(method, mfa=mfa) == amr
