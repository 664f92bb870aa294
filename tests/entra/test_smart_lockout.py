"""Smart lockout: too many different wrong passwords lock the right one too, for a while."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from ssosim.entra.core.smart_lockout import SmartLockout, lockout_threshold_of
from ssosim.estate import EstateError, default_estate, parse_estate, shipped_estate_text
from ssosim.estate.model import Estate

from .conftest import ALICE, NOON, PASSWORD, Browser, Site

GOOD, WRONG, LOCKED = 200, 50126, 50053
BOB = "bob@contoso.com"

Ask = Callable[[Site, str, str], int]


def by_password_grant(site: Site, user: str, password: str) -> int:
    """The code of a token request with a password; 200 if there is none."""
    form = {
        "client_id": site.CLI,
        "grant_type": "password",
        "username": user,
        "password": password,
        "scope": "openid offline_access https://graph.microsoft.com/User.Read.All",
    }
    status, body = site.token(form)
    return GOOD if status == GOOD else int(body["error_codes"][0])


def by_sign_in_page(site: Site, user: str, password: str) -> int:
    """The code on the sign-in page; 200 for a redirect with a code."""
    browser: Any = Browser(site)  # type: ignore[no-untyped-call]
    answer = browser.sign_in(login=user, passwd=password)
    return GOOD if answer.status == 302 else int(browser.config(answer)["sErrorCode"])


def by_username_mixed(site: Site, user: str, password: str) -> int:
    """The code in the SOAP fault of the autologon host; 200 for an assertion."""
    answer = site.mixed(user, password)
    found = re.search(rb"AADSTS(\d+)", answer.body)
    return int(found[1]) if found else answer.status


WAYS: dict[str, Ask] = {"grant": by_password_grant, "page": by_sign_in_page, "usernamemixed": by_username_mixed}


def guess(site: Site, count: int, ask: Ask = by_password_grant, first: int = 0, user: str = ALICE) -> list[int]:
    """The codes of ``count`` different wrong passwords."""
    return [ask(site, user, f"wrong-{number}") for number in range(first, first + count)]


def with_tenant(**changes: Any) -> Estate:
    """Contoso with these settings of its tenants."""
    estate = default_estate()
    return replace(estate, tenants=tuple(replace(each, **changes) for each in estate.tenants))


@pytest.mark.parametrize("way", WAYS)
def test_ten_different_wrong_passwords_lock_the_right_one(site: Site, way: str) -> None:
    """Ten failures, then 50053 for the right password by every way; a minute later it is good again."""
    assert guess(site, 10, WAYS[way]) == [WRONG] * 10
    assert {name: ask(site, ALICE, PASSWORD) for name, ask in WAYS.items()} == dict.fromkeys(WAYS, LOCKED)
    assert WAYS[way](site, ALICE, "wrong-10") == LOCKED
    site.clock.advance(59)
    assert WAYS[way](site, ALICE, PASSWORD) == LOCKED
    site.clock.advance(1)
    assert WAYS[way](site, ALICE, PASSWORD) == GOOD


def test_nine_failures_lock_nothing_and_the_right_password_ends_the_count(site: Site) -> None:
    """Nine and nine with the right one between are not eighteen."""
    for first in (0, 9):
        assert guess(site, 9, first=first) == [WRONG] * 9
        assert by_password_grant(site, ALICE, PASSWORD) == GOOD


def test_the_ways_share_one_count(site: Site) -> None:
    """Four failures at each of three endpoints are more than ten."""
    codes = [code for index, ask in enumerate(WAYS.values()) for code in guess(site, 4, ask, first=4 * index)]
    assert codes == [WRONG] * 10 + [LOCKED] * 2


def test_one_of_the_last_three_wrong_passwords_is_not_counted_again(site: Site) -> None:
    """A program with an old password locks nobody; a fourth password makes the first one count again."""
    assert [by_password_grant(site, ALICE, "old") for _ in range(50)] == [WRONG] * 50
    assert [by_password_grant(site, ALICE, f"old-{each % 3}") for each in range(30)] == [WRONG] * 30
    assert by_password_grant(site, ALICE, PASSWORD) == GOOD
    assert [by_password_grant(site, ALICE, f"old-{each % 4}") for each in range(12)] == [WRONG] * 10 + [LOCKED] * 2


def test_each_failure_after_a_lockout_locks_for_longer(site: Site) -> None:
    """The first failure after a lockout locks again: two minutes, then four. The same password does not."""
    guess(site, 10)
    for number, length in enumerate((60, 120, 240)):
        site.clock.advance(length - 1)
        assert by_password_grant(site, ALICE, PASSWORD) == LOCKED
        site.clock.advance(1)
        last = f"more-{number - 1}" if number else "wrong-9"
        assert [by_password_grant(site, ALICE, last) for _ in range(2)] == [WRONG, WRONG]
        assert by_password_grant(site, ALICE, f"more-{number}") == WRONG
    assert by_password_grant(site, ALICE, PASSWORD) == LOCKED


@pytest.mark.parametrize("password", [" outer-space-1", "outer-space-1 ", "outer-space-1\n"])
def test_white_space_around_a_password_is_for_the_page_only(make_site: Callable[..., Site], password: str) -> None:
    """The password grant refuses such a password, which is right on the sign-in page (azure-docs issue 93193)."""
    estate = default_estate()
    users = tuple(replace(each, password=password) if each.upn == ALICE else each for each in estate.users)
    site = make_site(estate=replace(estate, users=users))
    assert by_password_grant(site, ALICE, password) == WRONG
    assert by_password_grant(site, ALICE, password.strip()) == WRONG
    assert by_sign_in_page(site, ALICE, password) == GOOD


def test_the_lockout_of_one_user_is_not_that_of_another(site: Site) -> None:
    """Only the password of the user is locked; failures of unknown users lock nobody."""
    guess(site, 10)
    bob = next(each for each in site.provider.estate.users if each.upn == BOB)
    assert by_password_grant(site, ALICE, PASSWORD) == LOCKED
    assert by_password_grant(site, BOB, bob.password) == GOOD
    assert guess(site, 12, user="nobody@contoso.com") == [50034] * 12


def test_what_needs_no_password_is_not_locked(site: Site) -> None:
    """A ticket and a refresh token are good while the password is locked."""
    form = {"client_id": site.CLI, "grant_type": "password", "username": ALICE, "password": PASSWORD}
    scope = {"scope": "openid offline_access https://graph.microsoft.com/User.Read.All"}
    token = site.token({**form, **scope})[1]["refresh_token"]
    guess(site, 10)
    assert by_password_grant(site, ALICE, PASSWORD) == LOCKED
    assert site.windows(site.ALICE).status == GOOD
    assert site.token({"client_id": site.CLI, "grant_type": "refresh_token", "refresh_token": token})[0] == GOOD


def test_a_new_password_ends_the_lockout(site: Site) -> None:
    """A password reset sets the lockout to nothing."""
    guess(site, 10)
    users = tuple(replace(u, password="New-1") if u.upn == ALICE else u for u in site.provider.estate.users)
    site.provider.set_estate(replace(site.provider.estate, users=users))
    assert by_password_grant(site, ALICE, "New-1") == GOOD


def test_threshold_and_duration_are_settings_of_the_tenant(make_site: Callable[..., Site]) -> None:
    """Two failures and ten minutes, as the tenant says."""
    site = make_site(with_tenant(lockout_threshold=2, lockout_duration_in_seconds=600))
    assert guess(site, 3) == [WRONG, WRONG, LOCKED]
    site.clock.advance(599)
    assert by_password_grant(site, ALICE, PASSWORD) == LOCKED
    site.clock.advance(1)
    assert by_password_grant(site, ALICE, PASSWORD) == GOOD


def test_the_threshold_of_the_clouds() -> None:
    """Ten in the public cloud and in China, three in US Government, unless the tenant has its own."""
    tenant = default_estate().tenants[0]
    clouds = {"microsoftonline.com": 10, "partner.microsoftonline.cn": 10, "microsoftonline.us": 3}
    assert {cloud: lockout_threshold_of(tenant, cloud) for cloud in clouds} == clouds
    own = replace(tenant, lockout_threshold=5)
    assert {lockout_threshold_of(own, cloud) for cloud in clouds} == {5}


@pytest.mark.parametrize(
    "line", ["lockout_threshold = 0", "lockout_duration_in_seconds = 0", "lockout_threshold = 'x'"]
)
def test_a_wrong_setting_is_a_mistake_of_the_file(line: str) -> None:
    """The message names the key."""
    text = shipped_estate_text("contoso").replace("[[tenants]]", f"[[tenants]]\n{line}", 1)
    with pytest.raises(EstateError, match=line.split(maxsplit=1)[0]):
        parse_estate(text, "mine.toml")


def test_memory_is_bounded() -> None:
    """Beyond the capacity the user whose last failure is oldest is forgotten; passwords are not stored."""
    lockout = SmartLockout(capacity=2)
    user = default_estate().users[0]
    for number in (1, 2, 1, 3):
        lockout.note_failure(replace(user, object_id=str(number)), "secret-x", NOON, threshold=1, duration=60)
    locked = [each for each in (1, 2, 3) if lockout.is_locked(replace(user, object_id=str(each)), NOON)]
    assert (len(lockout), locked) == (2, [1, 3])
    assert "secret-x" not in repr(lockout._failures)


def test_a_duration_is_finite_and_never_shorter_than_the_first(site: Site) -> None:
    """Half an hour at most, but not less than the tenant's own duration."""
    lockout, user = SmartLockout(), site.provider.estate.users[0]
    for number in range(100):
        lockout.note_failure(user, str(number), NOON, threshold=1, duration=60)
    assert lockout.is_locked(user, NOON + 1799)
    assert not lockout.is_locked(user, NOON + 1800)
    lockout.note_failure(user, "again", NOON, threshold=1, duration=7200)
    assert lockout.is_locked(user, NOON + 7199)
