"""The life of a key: tickets that were issued before and after it is rolled, over real Kerberos and in memory."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ssosim_clients.ports import Device

from ssosim.estate import default_estate
from ssosim.faults import Fault, FaultError, fault_from
from ssosim.memory import Engine, MemoryLab

from .calls import START, Act, Seen, Step, in_memory, over_sockets

AUTOLOGON = "autologon.microsoftazuread-sso.com"
SPN, STS = f"HTTP/{AUTOLOGON}", "sts.fabrikam.com"
GOOD, BAD = True, False


def roll(**fields: Any) -> Fault:
    """The fault ``key-rolled``."""
    return fault_from({"fault": "key-rolled", **fields})


def present(host: str = AUTOLOGON, path: str = "contoso.com/winauth/sso") -> Act:
    """Send a ticket for the service at ``host``, from the cache where there is one."""

    async def act(device: Device) -> Any:
        token = await device.kerberos.negotiate_token(f"HTTP/{host}")
        header = {"Authorization": f"Negotiate {base64.b64encode(token).decode()}"}
        response = await device.http.request("GET", f"https://{host}/{path}", header, b"")
        return response.status

    return act


def checks(seen: Seen) -> list[dict[str, Any]]:
    """The checks of tickets."""
    return [fields for _, _, records in seen for kind, fields in records if kind == "TicketChecked"]


CASES: dict[str, tuple[list[Step], list[tuple[bool, int, tuple[int, ...]]]]] = {
    "once": ([present(), roll(), present()], [(GOOD, 1, ()), (GOOD, 1, ())]),
    "once-new-ticket": ([roll(), present()], [(GOOD, 2, ())]),
    "twice-old-ticket": ([present(), roll(times=2), present()], [(GOOD, 1, ()), (BAD, 1, (1,))]),
    "twice-new-ticket": ([roll(times=2), present()], [(GOOD, 3, ())]),
    "kdc-only-old-ticket": ([present(), roll(at="kdc"), present()], [(GOOD, 1, ()), (GOOD, 1, ())]),
    "kdc-only-new-ticket": ([roll(at="kdc"), present()], [(BAD, 2, (1,))]),
    "kdc-then-service": ([roll(at="kdc"), present(), roll(at="service"), present()], [(BAD, 2, (1,)), (GOOD, 2, ())]),
    "service-only": ([roll(at="service"), present()], [(GOOD, 1, ())]),
    "service-only-new-keytab": ([roll(at="service", previous_keys=0), present()], [(BAD, 1, (1,))]),
    "service-twice": ([roll(at="service", times=2), present()], [(BAD, 1, (1,))]),
    "undone": ([roll(at="kdc"), present(), None, present()], [(BAD, 2, (1,)), (BAD, 2, ())]),
    "undone-old-ticket": ([present(), roll(times=2), None, present()], [(GOOD, 1, ()), (GOOD, 1, ())]),
    "two-faults-one-to-blame": (
        [roll(), roll(account=f"HTTP/{STS}"), roll(at="kdc"), present()],
        [(BAD, 3, (3,))],
    ),
}


def account(*enctypes: str, **fields: Any) -> Fault:
    """The fault ``account-encryption-types``."""
    return fault_from({"fault": "account-encryption-types", "enctypes": list(enctypes), **fields})


def kdc(*enctypes: str) -> Fault:
    """The fault ``kdc-encryption-types``."""
    return fault_from({"fault": "kdc-encryption-types", "enctypes": list(enctypes)})


AES, RC4 = "aes256-cts-hmac-sha1-96", "rc4-hmac"
NONE = ("KDC_ERR_ETYPE_NOSUPP", "")
ENCTYPES: dict[str, tuple[list[Step], list[tuple[str, str]], list[tuple[bool, str, tuple[int, ...]]]]] = {
    "rc4-only": ([account(RC4), present()], [("issued", RC4)], [(GOOD, RC4, ())]),
    "rc4-with-aes-session": (
        [account(RC4, aes_session_keys=True), present()],
        [("issued", RC4)],
        [(GOOD, AES, ())],
    ),
    "old-keytab": ([account(RC4, at="service"), present()], [("issued", AES)], [(BAD, AES, (1,))]),
    "new-keytab-without-rc4": (
        [account(AES, at="service"), account(RC4, at="kdc"), present()],
        [("issued", RC4)],
        [(BAD, RC4, (2,))],
    ),
    "rc4-retired": ([account(RC4), kdc(AES), present()], [NONE, NONE], []),
    "rc4-retired-old-ticket": (
        [account(RC4), present(), kdc(AES), present()],
        [("issued", RC4)],
        [(GOOD, RC4, ())] * 2,
    ),
    "rc4-retired-aes-sessions": ([account(RC4, aes_session_keys=True), kdc(AES), present()], [NONE, NONE], []),
    "rc4-retired-both-types": ([account(RC4, AES), kdc(AES), present()], [("issued", AES)], [(GOOD, AES, ())]),
    "aes-again": (
        [account(RC4), kdc(AES), present(), account(AES), present()],
        [NONE, NONE, ("issued", AES)],
        [(GOOD, AES, ())],
    ),
    "aes128": (
        [account("aes128-cts-hmac-sha1-96"), present()],
        [("issued", "aes128-cts-hmac-sha1-96")],
        [(GOOD, "aes128-cts-hmac-sha1-96", ())],
    ),
    "rc4-and-rolled": (
        [account(RC4), roll(at="kdc"), present()],
        [("issued", RC4)],
        [(BAD, RC4, (2,))],
    ),
}


def named(fault: str, **fields: Any) -> Fault:
    """Any fault."""
    return fault_from({"fault": fault, **fields})


def ask(spn: str) -> Act:
    """Ask for a ticket and present it to the autologon host, whatever it is for."""

    async def act(device: Device) -> Any:
        token = await device.kerberos.negotiate_token(spn)
        header = {"Authorization": f"Negotiate {base64.b64encode(token).decode()}"}
        response = await device.http.request("GET", f"https://{AUTOLOGON}/contoso.com/winauth/sso", header, b"")
        return response.status

    return act


UNKNOWN, WEB = "KDC_ERR_S_PRINCIPAL_UNKNOWN", "web01.corp.contoso.com"
ACCOUNTS: dict[str, tuple[list[Step], list[str], list[tuple[bool, str, tuple[int, ...]]]]] = {
    "moved": (
        [named("spn-moved", spn=SPN), present()],
        ["issued"],
        [(BAD, "wrong-key: KRB_AP_ERR_BAD_INTEGRITY", (1,))],
    ),
    "moved-old-ticket": ([present(), named("spn-moved", spn=SPN), present()], ["issued"], [(GOOD, "", ())] * 2),
    "moved-and-back": (
        [named("spn-moved", spn=SPN), named("spn-moved", spn=SPN, account="AZUREADSSOACC$"), present()],
        ["issued"],
        [(GOOD, "", ())],
    ),
    "moved-and-undone": ([named("spn-moved", spn=SPN), None, present()], ["issued"], [(GOOD, "", ())]),
    "moved-and-undone-old-ticket": (
        [named("spn-moved", spn=SPN), present(), None, present()],
        ["issued"],
        [(BAD, "wrong-key: KRB_AP_ERR_BAD_INTEGRITY", (1,)), (BAD, "wrong-key: KRB_AP_ERR_BAD_INTEGRITY", ())],
    ),
    "moved-and-rolled": (
        [named("spn-moved", spn=SPN), roll(account="WEB01$", at="kdc"), present()],
        ["issued"],
        [(BAD, "wrong-key: KRB_AP_ERR_BADKEYVER", (1,))],
    ),
    "on-no-account": ([ask(f"HTTP/{WEB}")], [UNKNOWN, UNKNOWN], []),
    "computer-account": (
        [named("host-spn-registered", host=WEB), ask(f"HTTP/{WEB}")],
        ["issued"],
        [(BAD, "wrong-service: KRB_AP_ERR_NOT_US", (1,))],
    ),
    "computer-account-undone": ([named("host-spn-registered", host=WEB), None, ask(f"HTTP/{WEB}")], [UNKNOWN] * 2, []),
    "host-does-not-precede": ([named("host-spn-registered", host=AUTOLOGON), present()], ["issued"], [(GOOD, "", ())]),
    "another-name-of-the-account": (
        [named("spn-moved", spn=f"HTTP/{WEB}", account="azureadssoacc$"), ask(f"HTTP/{WEB}")],
        ["issued"],
        [(GOOD, "", ())],
    ),
    "moved-to-a-service": (
        [named("spn-moved", spn=SPN, account=f"HTTP/{STS}"), present()],
        ["issued"],
        [(BAD, "wrong-key: KRB_AP_ERR_BAD_INTEGRITY", (1,))],
    ),
    "duplicate": ([named("spn-duplicate", spn=SPN), present()], [UNKNOWN] * 2, []),
    "duplicate-named": (
        [named("spn-duplicate", spn=SPN, error="KDC_ERR_PRINCIPAL_NOT_UNIQUE"), present()],
        ["KDC_ERR_PRINCIPAL_NOT_UNIQUE"] * 2,
        [],
    ),
    "duplicate-old-ticket": ([present(), named("spn-duplicate", spn=SPN), present()], ["issued"], [(GOOD, "", ())] * 2),
}


@pytest.mark.parametrize("name", ACCOUNTS)
def test_accounts_and_their_names(name: str, prepared: Path) -> None:
    """The account that has a service principal name decides which key its tickets are encrypted with."""
    acts, outcomes, checked = ACCOUNTS[name]
    there = in_memory(acts, default_estate(), [])
    records = [record for _, _, some in there for record in some]
    assert [e["outcome"] for kind, e in records if kind == "KdcExchange"] == outcomes
    seen = [(each["accepted"], ":".join(each["reason"].split(":")[:2]), each["faults"]) for each in checks(there)]
    assert seen == checked
    assert over_sockets(acts, default_estate(), [], prepared) == there


def test_a_fault_whose_account_is_gone_changes_nothing(prepared: Path) -> None:
    """Undone in any order: the key of an account that another fault made is rolled, and that fault is undone first."""
    move, rolled = named("spn-moved", spn=SPN), roll(account="WEB01$", at="kdc")
    engine = Engine(START)
    lab = MemoryLab(engine, default_estate())
    with pytest.raises(FaultError, match=r"no account or service principal name 'WEB01\$'"):
        lab.faults.apply(rolled)
    first, second = lab.faults.apply(move), lab.faults.apply(rolled)
    assert lab.faults.undo(first.id)
    assert lab.faults.undo(second.id)
    acts: list[Step] = [move, rolled, None, present()]
    there = in_memory(acts, default_estate(), [])
    assert [each["accepted"] for each in checks(there)] == [GOOD]
    assert over_sockets(acts, default_estate(), [], prepared) == there


@pytest.mark.parametrize("text", ["HTTP", "HTTP/a b", "HTTP/a\ndelprinc alice", "HTTP/a@R", 'HTTP/"'])
def test_a_name_that_is_none_is_refused(text: str) -> None:
    """What cannot be a service principal name, or would be a command to kadmin, is refused before it is used."""
    for fault in ("spn-moved", "spn-duplicate"):
        with pytest.raises(FaultError, match="no service principal name"):
            named(fault, spn=text)
    with pytest.raises(FaultError, match="no name of an account"):
        named("spn-moved", spn=SPN, account="a b")


@pytest.mark.parametrize("name", ENCTYPES)
def test_encryption_types(name: str, prepared: Path) -> None:
    """The types of accounts and KDC decide which ticket and session there is, and whether the service can read it."""
    acts, issued, checked = ENCTYPES[name]
    there = in_memory(acts, default_estate(), [])
    records = [record for _, _, some in there for record in some]
    assert [(e["outcome"], e["etype"]) for kind, e in records if kind == "KdcExchange"] == issued
    assert [(each["accepted"], each["session_etype"], each["faults"]) for each in checks(there)] == checked
    assert over_sockets(acts, default_estate(), [], prepared) == there


@pytest.mark.parametrize("name", CASES)
def test_the_life_of_a_key(name: str, prepared: Path) -> None:
    """Each ticket is accepted or refused by the version of its key, and the fault behind a refusal is named."""
    acts, expected = CASES[name]
    there = in_memory(acts, default_estate(), [])
    assert [(each["accepted"], each["kvno"], each["faults"]) for each in checks(there)] == expected
    assert over_sockets(acts, default_estate(), [], prepared) == there


def test_a_service_with_several_accounts(prepared: Path) -> None:
    """The key of one service is rolled; that of another service is not touched."""
    acts: list[Step] = [roll(account=f"http/{STS.upper()}", at="kdc"), present(), present(STS, "adfs/ls/wia")]
    there = in_memory(acts, default_estate(), [])
    assert over_sockets(acts, default_estate(), [], prepared) == there
    assert next((each["accepted"], each["kvno"]) for each in checks(there)) == (True, 1)
