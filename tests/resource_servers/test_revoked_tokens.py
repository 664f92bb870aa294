"""Continuous access evaluation and the second factor: whose token is refused at once, and with which challenge.

Sources: Entra documents "Continuous access evaluation" (clients that declare ``cp1`` are told at once, others keep the
token until it ends), "Claims challenges"; azure-dev issue 5425 (``acrs``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from ssosim.resource_servers.access_tokens import Requirements

from .checked_tokens import ALICE, API, check, check_text, sign
from .conftest import NOW, Servers
from .estates import BACK_END

ISSUED = NOW  # nbf and iat lie five minutes before the time of issue


def change_user(servers: Servers, **changes: Any) -> None:
    """Change Alice; without changes she is deleted."""
    provider = servers.lab.provider
    others = tuple(each for each in provider.estate.users if each.upn != ALICE)
    alice = tuple(replace(each, **changes) for each in provider.estate.users if each.upn == ALICE and changes)
    provider.set_estate(replace(provider.estate, users=others + alice))


def at(seconds: float) -> datetime:
    """A moment so many seconds after the token was issued."""
    return datetime.fromtimestamp(ISSUED + seconds, UTC)


def demand(since: float) -> dict[str, Any]:
    """The challenge for a token that must be issued after a moment."""
    return {"access_token": {"nbf": {"essential": True, "value": str(int(since))}}}


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (["cp1"], True),
        (["CP1"], True),
        (["llt", "cp1"], True),
        ("cp1", True),
        (["llt"], False),
        ([], False),
        (None, False),
        ("cp10", False),
        ({"cp1": True}, False),
    ],
)
def test_only_a_client_that_declared_it_is_told_at_once(servers: Servers, declared: Any, told: bool) -> None:
    """A token of a disabled user is refused with a challenge for clients with ``cp1``; for others it is still good."""
    change_user(servers, enabled=False)
    found = check(servers, xms_cc=declared)
    assert found.reason == ("revoked" if told else "")
    if told:
        assert found.challenge == demand(ISSUED + 1)
        assert found.event.reason == "the sessions of the user were revoked after it was issued"


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ({"display_name": "Alice"}, None),
        ({"enabled": False}, ISSUED + 1),
        ({}, ISSUED + 1),
        ({"sign_in_sessions_valid_from": at(60)}, ISSUED + 60),
        ({"sign_in_sessions_valid_from": at(0.5)}, ISSUED),
        ({"sign_in_sessions_valid_from": at(0)}, None),
        ({"sign_in_sessions_valid_from": at(-60)}, None),
    ],
)
def test_what_revokes_the_token_of_a_user(servers: Servers, changes: dict[str, Any], since: float | None) -> None:
    """A user who is disabled, deleted or signed out has no good token from before; the challenge says since when."""
    token = sign(servers, xms_cc=["cp1"])
    change_user(servers, **changes)
    found = check_text(servers, token, now=ISSUED + 120)
    assert found.reason == ("" if since is None else "revoked")
    if since is not None:
        assert found.challenge == demand(since)


@pytest.mark.parametrize(("issued", "revoked"), [(ISSUED - 60, True), (ISSUED, False), (ISSUED + 60, False)])
def test_a_new_password_revokes_what_was_issued_before(servers: Servers, issued: float, revoked: bool) -> None:
    """The moment of the change counts, and the later one of change and revocation."""
    change_user(servers, password="Alice-new-lab-password-9")
    provider = servers.lab.provider
    user = provider.directory.find_user(ALICE)
    assert user is not None
    assert provider.password_changed_at(user, 0.0) == ISSUED
    for earlier in (None, at(-3600)):
        change_user(servers, sign_in_sessions_valid_from=earlier)
        found = check(servers, xms_cc=["cp1"], nbf=issued - 300, now=ISSUED + 120)
        assert found.reason == ("revoked" if revoked else "")
        if revoked:
            assert found.challenge == demand(ISSUED)


@pytest.mark.parametrize(
    ("change", "revoked"), [({"enabled": False}, True), ({"name": "Another"}, False), (None, True)]
)
def test_the_token_of_an_application_that_is_gone(
    servers: Servers, change: dict[str, Any] | None, revoked: bool
) -> None:
    """An application that was disabled or deleted is told so; sessions of users do not concern it."""
    provider = servers.lab.provider
    claims = servers.claims(BACK_END)  # while the estate has it
    kept = tuple(each for each in provider.estate.applications if each.client_id != BACK_END)
    changed = tuple(
        replace(each, **(change or {})) for each in provider.estate.applications if each.client_id == BACK_END
    )
    provider.set_estate(replace(provider.estate, applications=kept if change is None else kept + changed))
    found = check(servers, appid=BACK_END, oid=claims["oid"], scp=None, amr=None, xms_cc=["cp1"])
    assert found.reason == ("revoked" if revoked else "")
    if revoked:
        assert found.challenge == demand(ISSUED + 1)


@pytest.mark.parametrize(
    ("rule", "methods", "reason", "noted"),
    [
        ("", ["pwd"], "", ()),
        ("required", ["pwd", "mfa"], "", ()),
        ("required", ["pwd"], "second_factor", ()),
        ("required", [], "second_factor", ()),
        ("required", None, "second_factor", ()),
        ("not_checked", ["pwd", "mfa"], "", ()),
        ("not_checked", ["pwd"], "", ("resource_manager.mandatory_mfa",)),
    ],
)
def test_a_second_factor_is_demanded_of_users(
    servers: Servers, rule: Any, methods: list[str] | None, reason: str, noted: tuple[str, ...]
) -> None:
    """``mfa`` in ``amr`` satisfies it; the challenge names the authentication context; applications are not asked."""
    wanted = Requirements((API,), second_factor=rule)
    found = check(servers, wanted=wanted, amr=methods)
    assert (found.reason, found.event.not_checked) == (reason, noted)
    if reason:
        assert found.challenge == {"access_token": {"acrs": {"essential": True, "values": ["p1"]}}}
        assert found.event.reason == "the user has signed in without a second factor"
    application = check(servers, BACK_END, wanted=wanted)
    assert (application.reason, application.event.not_checked) == ("", ())


def test_revocation_comes_before_the_second_factor(servers: Servers) -> None:
    """A user who is gone is not asked for a second factor."""
    change_user(servers, enabled=False)
    found = check(servers, wanted=Requirements((API,), second_factor="required"), amr=["pwd"], xms_cc=["cp1"])
    assert found.reason == "revoked"
