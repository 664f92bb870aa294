"""kinit, kvno and curl of a user whose account is disabled, locked or expired, at the real KDC."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ssosim.estate import default_estate, parse_estate
from ssosim.faults import fault_from
from ssosim.kerberos import account_policy
from ssosim.kerberos.principals import build_keytab_name
from ssosim.kerberos.ticket_ages import TicketAges
from ssosim.lab.core.lab import Lab
from ssosim.testing.hosted_lab import HostedLab, host_lab
from ssosim.trace import KdcExchange
from tests.realm_estates import TEXT

SPN, OTHER = "HTTP/autologon.microsoftazuread-sso.com", "HTTP/sts.fabrikam.com"
INTRANET = "HTTP/intranet.corp.contoso.com"
REVOKED, EXPIRED = "credentials have been revoked", "Password expired"
PASSWORD = "Alice-lab-password-1\n"


def run(environment: dict[str, str], *command: str, given: str = "") -> tuple[int, str]:
    """Run a program of the user; its exit code and output."""
    done = subprocess.run(
        command,
        env=environment | {"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def outcomes(lab: HostedLab, kind: str) -> list[str]:
    """The outcomes of the requests of this kind, without the first reply to each sign-on."""
    events = [record.event for record in lab.records() if isinstance(record.event, KdcExchange)]
    # For an expired password kinit gets a ticket for kadmin/changepw.
    events = [each for each in events if each.request == kind and each.service.startswith("krbtgt/")]
    return [each.outcome for each in events if each.outcome != "KDC_ERR_PREAUTH_REQUIRED"]


def apply(lab: HostedLab, name: str) -> Callable[[], None]:
    """Apply a fault to alice's account; the result undoes it."""

    async def act(there: object) -> Callable[[], None]:
        return fault_from({"fault": name, "user": "alice@contoso.com"}).apply(there)  # type: ignore[arg-type]

    undo = lab.call(act)

    async def undo_it(_: object) -> None:
        undo()

    return lambda: lab.call(undo_it)


@pytest.mark.parametrize(
    ("line", "words", "code"),
    [
        ("enabled = false", REVOKED, "KDC_ERR_CLIENT_REVOKED"),
        ("locked = true", REVOKED, "KDC_ERR_CLIENT_REVOKED"),
        ("account_expires = 2020-01-01T00:00:00Z", REVOKED, "KDC_ERR_CLIENT_REVOKED"),
        ("password_expired = true", EXPIRED, "KDC_ERR_KEY_EXPIRED"),
        ("force_change_password_next_sign_in = true", EXPIRED, "KDC_ERR_KEY_EXPIRED"),
        ("enabled = false\npassword_expired = true", REVOKED, "KDC_ERR_CLIENT_REVOKED"),
        ("account_expires = 2020-01-01T00:00:00Z\npassword_expired = true", REVOKED, "KDC_ERR_CLIENT_REVOKED"),
    ],
)
def test_no_sign_on_to_a_bad_account(line: str, words: str, code: str) -> None:
    """MS-KILE 3.3.5.6.3: no ticket-granting ticket, neither at the device's sign-on nor for kinit."""
    user = 'upn = "alice@contoso.com"'
    with host_lab(parse_estate(TEXT.replace(user, f"{user}\n{line}", 1), "account.toml")) as lab:
        environment = lab.environment("desk-1")
        assert not Path(environment["KRB5CCNAME"].removeprefix("FILE:")).exists()
        done, said = run(environment, "kinit", "alice", given=PASSWORD)
        assert (done, words in said) == (1, True), said
        assert set(outcomes(lab, "AS")) == {code}
        assert run(environment, "kvno", SPN)[0] == 1
        other = lab.environment("desk-2")
        assert run(other, "kvno", SPN)[0] == 0


@pytest.mark.parametrize("name", ["user-disabled", "user-locked"])
def test_an_account_that_is_disabled_while_the_user_works(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """MS-KILE 3.3.5.7.1: tickets go on for 20 minutes after the sign-on; a new sign-on is refused at once."""
    with host_lab(default_estate()) as lab:
        environment = lab.environment("desk-1")
        undo = apply(lab, name)
        assert run(environment, "kvno", SPN)[0] == 0
        monkeypatch.setattr(account_policy, "TICKET_AGE_S", 0.0)
        done, said = run(environment, "kvno", OTHER)
        assert (done, REVOKED in said) == (1, True), said
        assert run(environment, "kvno", SPN)[0] == 0  # the ticket of before is in its cache
        done, said = run(
            environment, "kinit", "-c", "FILE:" + environment["KRB5CCNAME"][5:] + "-2", "alice", given=PASSWORD
        )
        assert (done, REVOKED in said) == (1, True), said
        renewed, said = run(environment, "kinit", "-R")
        assert renewed == 1, said
        undo()
        assert run(environment, "kvno", OTHER)[0] == 0
        assert outcomes(lab, "AS")[-1] == "KDC_ERR_CLIENT_REVOKED"
        exchanges = [record.event for record in lab.records() if isinstance(record.event, KdcExchange)]
        assert {each.faults for each in exchanges if each.outcome == "KDC_ERR_CLIENT_REVOKED"} == {(1,)}


def test_a_ticket_of_another_run_of_the_lab() -> None:
    """MS-KILE 3.3.5.7.1: a ticket-granting ticket that this lab has not seen issued counts as older than 20 minutes."""
    with host_lab(default_estate()) as lab:
        environment, other = lab.environment("desk-1"), lab.environment("desk-2")

        async def forget(there: Lab) -> None:
            there._account_checks._ages = TicketAges()

        lab.call(forget)
        apply(lab, "user-disabled")
        done, said = run(environment, "kvno", SPN)
        assert (done, REVOKED in said) == (1, True), said
        assert run(other, "kvno", SPN)[0] == 0


def test_a_service_gets_no_ticket_for_a_disabled_user() -> None:
    """MS-SFU 3.2.5.1.1: the KDC checks the account of the user whom a service names (S4U2Self)."""
    with host_lab(default_estate()) as lab:
        environment = lab.environment("desk-1")
        keytab = str(Path(lab.folder) / "kdc" / build_keytab_name(INTRANET))
        assert run(environment, "kinit", "-f", "-k", "-t", keytab, INTRANET)[0] == 0
        undo = apply(lab, "user-disabled")
        done, said = run(environment, "kvno", "-U", "alice", INTRANET)
        assert (done, REVOKED in said) == (1, True), said
        undo()
        assert run(environment, "kvno", "-U", "alice", INTRANET)[0] == 0


def test_a_password_that_expires_while_the_user_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """MS-KILE 3.3.5.7.1 does not name the password: the user's tickets go on, and only a new sign-on is refused."""
    with host_lab(default_estate()) as lab:
        environment = lab.environment("desk-1")
        undo = apply(lab, "password-expired")
        monkeypatch.setattr(account_policy, "TICKET_AGE_S", 0.0)
        assert run(environment, "kvno", OTHER)[0] == 0
        done, said = run(environment, "kinit", "alice", given=PASSWORD)
        assert (done, EXPIRED in said) == (1, True), said
        undo()
        assert run(environment, "kinit", "alice", given=PASSWORD)[0] == 0


@pytest.mark.parametrize(("lifetime", "renews"), [(7 * 86400, True), (0, False)])
def test_a_ticket_is_renewed_as_long_as_the_realm_lets_it(lifetime: int, renews: bool) -> None:
    """RFC 4120, 2.3: kinit -R gets a new ticket; where the realm lets nothing be renewed, that has expired already."""
    realm = 'name = "CORP.CONTOSO.COM"'
    estate = parse_estate(TEXT.replace(realm, f"{realm}\nrenewable_lifetime = {lifetime}", 1), "renewable.toml")
    with host_lab(estate) as lab:
        environment = lab.environment("desk-1")
        assert run(environment, "kinit", "-r", "2d", "alice", given=PASSWORD)[0] == 0
        assert run(environment, "kinit", "-R")[0] == 0
        assert outcomes(lab, "TGS") == ["issued"]
        assert (run(environment, "klist", "-s")[0] == 0) is renews
