"""Users whose account is disabled, locked or expired, over real Kerberos and in memory: no ticket, as in AD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ssosim_clients.ports import Device

from ssosim.estate import Estate, parse_estate
from ssosim.faults import Fault, fault_from
from tests.realm_estates import EUROPE, TEXT, other_realm, two_kdcs

from .calls import Act, Seen, Step, in_memory, over_sockets
from .test_kdc_faults import ticket

SPN, INTRANET = "HTTP/autologon.microsoftazuread-sso.com", "HTTP/intranet.corp.contoso.com"
ALICE, TGT = "alice@contoso.com", "krbtgt/CORP.CONTOSO.COM"
REVOKED, EXPIRED = "KDC_ERR_CLIENT_REVOKED", "KDC_ERR_KEY_EXPIRED"
MINUTES = 60.0


def fault(name: str, **fields: Any) -> Fault:
    """A fault of alice's account."""
    return fault_from({"fault": name, "user": ALICE, **fields})


def wait(minutes: float) -> Act:
    """Let time pass at the device."""

    async def act(device: Device) -> None:
        await device.clock.sleep(minutes * MINUTES)

    return act


def account(change: str) -> Estate:
    """The default estate with keys added to alice's account."""
    return parse_estate(TEXT.replace(f'upn = "{ALICE}"', f'upn = "{ALICE}"\n{change}', 1), "account.toml")


def answers(seen: Seen) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """Each exchange with a KDC: the kind, the service, the outcome and the faults behind it."""
    exchanges = [event for _, _, records in seen for kind, event in records if kind == "KdcExchange"]
    return [(event["request"], event["service"], event["outcome"], event["faults"]) for event in exchanges]


def asked(spn: str, outcome: str, *faults: int) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """What the trace has of a request for a service ticket: libkrb5 repeats one that is refused."""
    return [("TGS", spn, outcome, faults)] * (1 if outcome == "issued" else 2)


def signed_on(outcome: str, *faults: int) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """What the trace has of a refused sign-on."""
    return [("AS", TGT, outcome, faults)]


LAG = fault_from({"fault": "kdc-replica-lag", "kdcs": ["dc1.corp.contoso.com"]})
DISABLED, LOCKED = fault("user-disabled"), fault("user-locked")
OLD = fault("password-expired")
LATER = "account_expires = 2025-02-19T21:30:00Z"  # half an hour after the begin

CASES: dict[str, tuple[Estate, list[Step], list[tuple[str, str, str, tuple[int, ...]]]]] = {
    "healthy": (account(""), [ticket(SPN)], asked(SPN, "issued")),
    "disabled-from-the-start": (account("enabled = false"), [ticket(SPN)], signed_on(REVOKED)),
    "locked-from-the-start": (account("locked = true"), [ticket(SPN)], signed_on(REVOKED)),
    "password-expired-from-the-start": (account("password_expired = true"), [ticket(SPN)], signed_on(EXPIRED)),
    "must-change-from-the-start": (
        account("force_change_password_next_sign_in = true"), [ticket(SPN)], signed_on(EXPIRED),
    ),
    "disabled-and-password-expired": (
        account("enabled = false\npassword_expired = true"), [ticket(SPN)], signed_on(REVOKED),
    ),
    # ropnop/kerbrute#27, SSSD/sssd#3965: Active Directory does not say KDC_ERR_NAME_EXP, as MIT's KDC does.
    "account-expired-from-the-start": (
        account("account_expires = 2020-01-01T00:00:00Z"), [ticket(SPN)], signed_on(REVOKED),
    ),
    "account-expires-later": (
        account(LATER), [ticket(SPN), wait(40), ticket(SPN), ticket(INTRANET)],
        asked(SPN, "issued") + asked(INTRANET, REVOKED),
    ),
    "disabled-a-fresh-ticket": (account(""), [DISABLED, ticket(SPN)], asked(SPN, "issued")),
    "disabled-an-old-ticket": (account(""), [wait(21), DISABLED, ticket(SPN)], asked(SPN, REVOKED, 1)),
    "locked-an-old-ticket": (account(""), [LOCKED, wait(21), ticket(SPN)], asked(SPN, REVOKED, 1)),
    "password-expired-an-old-ticket": (account(""), [OLD, wait(21), ticket(SPN)], asked(SPN, "issued")),
    "disabled-a-service-ticket-of-before": (
        account(""), [ticket(SPN), wait(21), DISABLED, ticket(SPN)], asked(SPN, "issued"),
    ),
    "disabled-until-the-ticket-expires": (
        account(""), [OLD, wait(601), ticket(SPN), None, ticket(SPN)], signed_on(EXPIRED, 1) + asked(SPN, "issued"),
    ),
    "enabled-again": (
        account(""), [wait(21), DISABLED, ticket(SPN), None, ticket(SPN)],
        asked(SPN, REVOKED, 1) + asked(SPN, "issued"),
    ),
    "not-replicated-yet": (
        parse_estate(two_kdcs(), "two.toml"), [LAG, DISABLED, wait(21), ticket(SPN)], asked(SPN, "issued"),
    ),
    "replicated-before-the-lag": (
        parse_estate(two_kdcs(), "two.toml"), [DISABLED, LAG, wait(21), ticket(SPN)], asked(SPN, REVOKED, 1),
    ),
    "of-another-realm": (
        parse_estate(other_realm(EUROPE, user="erik", more='parent = "CORP.CONTOSO.COM"'), "child.toml"),
        [fault_from({"fault": "user-disabled", "user": "erik@contoso.com"}), wait(21), ticket(INTRANET)],
        [("TGS", "krbtgt/CORP.CONTOSO.COM", REVOKED, (1,))],
    ),
    "another-user": (
        account(""), [fault_from({"fault": "user-disabled", "user": "bob@contoso.com"}), wait(21), ticket(SPN)],
        asked(SPN, "issued"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_state_of_an_account(prepared: Path, name: str) -> None:
    """The KDC refuses the sign-on to a bad account, and a service ticket 20 minutes after it (MS-KILE 3.3.5.7.1)."""
    estate, steps, expected = CASES[name]
    device = "desk-erik" if name == "of-another-realm" else "desk-1"
    there = in_memory(steps, estate, [], device)
    assert answers(there) == expected
    assert over_sockets(steps, estate, [], prepared, device) == there
