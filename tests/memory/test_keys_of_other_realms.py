"""Realms other than the first: their accounts have names in any letters and types of keys, on both labs alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ssosim.estate import Estate, parse_estate
from tests.realm_estates import PARTNER, other_realm

from .calls import Act, Seen, in_memory, over_sockets
from .test_kdc_faults import ticket
from .test_key_faults import SPN, present
from .test_realms import ACCOUNT, DC, ONE_WAY, PARTNER_DC, TWO_WAY

AES, RC4 = "aes256-cts-hmac-sha1-96", "rc4-hmac"
WRITTEN, ASKED = "HTTP/Web.Partner.Test", "HTTP/web.partner.test"


def partner(more: str = TWO_WAY, services: str = f'"{WRITTEN}"') -> Estate:
    """A realm of another forest, which trusts the first one and is trusted by it."""
    text = other_realm(PARTNER, user="petra", more=more, trusts=ONE_WAY, services=services)
    return parse_estate(text, "partner.toml")


def exchanges(seen: Seen) -> list[tuple[str, str, str, str]]:
    """Each request: the KDC, the service, what came of it, and the type of the ticket's key."""
    events: list[dict[str, Any]] = [event for _, _, records in seen for kind, event in records if kind == "KdcExchange"]
    return [(each["kdc"], each["service"], each["outcome"], each["etype"]) for each in events]


CASES: dict[str, tuple[Estate, str, Act, list[tuple[str, str, str, str]]]] = {
    "a-name-in-other-letters": (  # MS-KILE section 3.3.5.1.1, in each domain
        partner(), "desk-1", ticket(ASKED),
        [(DC, f"krbtgt/{PARTNER}", "issued", AES), (PARTNER_DC, ASKED, "issued", AES)],
    ),
    "an-account-with-rc4-alone": (
        partner(f'{TWO_WAY}{ACCOUNT}\nenctypes = ["{RC4}"]'), "desk-petra", present(),
        [(PARTNER_DC, SPN, "issued", RC4)],
    ),
    "an-account-that-the-realm-has-not": (
        partner(), "desk-1", ticket(f"AZUREADSSOACC$@{PARTNER}"),
        [
            (DC, f"krbtgt/{PARTNER}", "issued", AES),
            *[(PARTNER_DC, "AZUREADSSOACC$", "KDC_ERR_S_PRINCIPAL_UNKNOWN", "")] * 2,
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_accounts_of_another_realm(prepared: Path, name: str) -> None:
    """The KDC of a further realm finds and seals as that of the first does."""
    estate, device, act, requests = CASES[name]
    there = in_memory([act], estate, [], device)
    assert exchanges(there) == requests
    assert over_sockets([act], estate, [], prepared, device) == there
