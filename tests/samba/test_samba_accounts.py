"""Disabled, locked and expired accounts of a realm whose KDC is Samba's: the same answers as with krb5kdc."""

from __future__ import annotations

import msgspec
import pytest

from ssosim.estate import Estate
from ssosim.testing.hosted_lab import host_lab
from tests.lab.test_account_states import PASSWORD, REVOKED, SPN, apply, run

from .domains import needs_samba, with_samba

pytestmark = needs_samba


def with_account(**changes: object) -> Estate:
    """The estate with Samba, in which alice's account is changed."""
    estate = with_samba()
    users = tuple(
        msgspec.structs.replace(user, **changes) if user.sam_account == "alice" else user for user in estate.users
    )
    return msgspec.structs.replace(estate, users=users)


@pytest.mark.parametrize(
    ("change", "words"), [("enabled", REVOKED), ("locked", REVOKED), ("password_expired", "Password expired")]
)
def test_no_sign_on_to_a_bad_account(change: str, words: str) -> None:
    """MS-KILE 3.3.5.6.3: the sign-on is refused, at the device and for kinit; another user has a ticket."""
    with host_lab(with_account(**{change: change != "enabled"})) as lab:
        environment = lab.environment("desk-1")
        assert run(environment, "kvno", SPN)[0] == 1
        done, said = run(environment, "kinit", "alice", given=PASSWORD)
        assert (done, words in said) == (1, True), said
        assert run(lab.environment("desk-2"), "kvno", SPN)[0] == 0


def test_an_account_that_is_disabled_while_the_lab_runs() -> None:
    """MS-KILE 3.3.5.6.3: a new sign-on is refused, and accepted again when the fault is undone."""
    with host_lab(with_account()) as lab:
        environment = lab.environment("desk-1")
        undo = apply(lab, "user-disabled")
        assert run(environment, "kinit", "alice", given=PASSWORD)[0] == 1
        undo()
        assert run(environment, "kinit", "alice", given=PASSWORD)[0] == 0
