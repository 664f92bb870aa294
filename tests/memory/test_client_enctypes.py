"""Encryption types of device, user account and KDC: what none has in common is refused, over Kerberos and in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssosim.estate import Estate, parse_estate
from ssosim.faults import Fault, fault_from
from tests.realm_estates import TEXT

from .calls import Step, in_memory, over_sockets
from .test_account_states import answers, asked, signed_on
from .test_key_faults import SPN, present

A256, A128, RC4 = "aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96", "rc4-hmac"
NO_TYPE = "KDC_ERR_ETYPE_NOSUPP"
Answers = list[tuple[str, str, str, tuple[int, ...]]]


def with_types(device: tuple[str, ...] = (), user: tuple[str, ...] = ()) -> Estate:
    """The default estate with encryption types of desk-1 and of alice."""
    text = TEXT
    for line, key, types in (
        ('name = "desk-1"', "permitted_enctypes", device),
        ('upn = "alice@contoso.com"', "enctypes", user),
    ):
        if types:
            text = text.replace(line, f"{line}\n{key} = [{', '.join(repr(each) for each in types)}]", 1)
    return parse_estate(text, "types.toml")


def account(types: str, *, aes: bool = False) -> Fault:
    """The account of the cloud has keys of these types only."""
    return fault_from({"fault": "account-encryption-types", "enctypes": [types], "aes_session_keys": aes})


KDC_AES256 = fault_from({"fault": "kdc-encryption-types", "enctypes": [A256]})
KDC_RC4 = fault_from({"fault": "kdc-encryption-types", "enctypes": [RC4]})

CASES: dict[str, tuple[Estate, list[Step], Answers, list[tuple[bool, str, str]]]] = {
    "defaults": (with_types(), [present()], asked(SPN, "issued"), [(True, A256, A256)]),
    "aes128-device": (with_types((A128,)), [present()], asked(SPN, "issued"), [(True, A256, A128)]),
    "order-of-the-device": (with_types((A128, A256)), [present()], asked(SPN, "issued"), [(True, A256, A128)]),
    "rc4-device": (with_types((RC4,)), [present()], signed_on(NO_TYPE), []),
    "rc4-device-aes-user-and-fallback": (
        with_types((RC4, A128)), [present()], asked(SPN, "issued"), [(True, A256, A128)],
    ),
    # fortra/impacket#2235: the sign-on with RC4 is granted, and the ticket for an account without RC4 is not.
    "rc4-device-rc4-user": (with_types((RC4,), (A256, RC4)), [present()], asked(SPN, NO_TYPE), []),
    "rc4-device-rc4-user-rc4-account": (
        with_types((RC4,), (A256, RC4)), [account(RC4), present()], asked(SPN, "issued"), [(True, RC4, RC4)],
    ),
    "aes-device-rc4-account": (
        with_types((A256,)), [account(RC4), present()], asked(SPN, NO_TYPE, 1), [],
    ),
    "aes-device-rc4-account-with-aes-sessions": (
        with_types((A256,)), [account(RC4, aes=True), present()], asked(SPN, "issued"), [(True, RC4, A256)],
    ),
    "aes-device-rc4-user": (with_types((A256,), (RC4,)), [present()], signed_on(NO_TYPE), []),
    "rc4-user": (with_types((), (RC4,)), [present()], asked(SPN, "issued"), [(True, A256, A256)]),
    "aes128-device-at-a-kdc-of-aes256": (
        with_types((A128,)), [KDC_AES256, present()], asked(SPN, NO_TYPE, 1), [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_types_in_common(prepared: Path, name: str) -> None:
    """RFC 4120, 3.1.3: without a type that client, account and KDC have there is no ticket (KDC_ERR_ETYPE_NOSUPP)."""
    estate, steps, expected, keys = CASES[name]
    there = in_memory(steps, estate, [])
    assert answers(there) == expected
    checks = [event for _, _, records in there for kind, event in records if kind == "TicketChecked"]
    assert [(each["accepted"], each["etype"], each["session_etype"]) for each in checks] == keys
    assert over_sockets(steps, estate, [], prepared) == there
