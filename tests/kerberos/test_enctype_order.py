"""The encryption types of accounts are a set: in whatever order a file has them, the strongest comes first."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from ssosim.estate import Estate, EstateError, parse_estate
from ssosim.estate.loader import shipped_estate_text
from ssosim.kerberos.enctypes import (
    AES128,
    AES256,
    ENCTYPES,
    RC4,
    SUPPORTED,
    enctype_name,
    enctype_numbers,
    sort_enctypes,
)
from ssosim.kerberos.gss import Initiator
from ssosim.kerberos.key_database import list_accounts
from ssosim.kerberos.principals import build_principals_batch
from ssosim.kerberos.realm import prepare_realm
from ssosim.trace import KdcExchange

from .conftest import make_site


def with_types(estate: Estate, *types: Any) -> Estate:
    """The estate whose cloud account, and whose first user, have keys of these types."""
    realm = estate.default_realm
    realms = (replace(realm, service_account=replace(realm.service_account, enctypes=types)),)
    return replace(estate, realms=realms, users=(replace(estate.users[0], enctypes=types), *estate.users[1:]))


@pytest.mark.parametrize("types", [(AES256, AES128), (AES128, RC4), (AES256, AES128, RC4), (RC4,), (AES128, AES128)])
def test_the_order_in_the_file_has_no_meaning(estate: Estate, types: tuple[str, ...]) -> None:
    """Each order gives the same keys, in the database and in memory (MS-KILE section 2.2.7: bits)."""
    made = [with_types(estate, *order) for order in itertools.permutations(types)]
    assert len({build_principals_batch(each, "seed") for each in made}) == 1
    assert len({list_accounts(each).accounts[0].enctypes for each in made}) == 1
    account = list_accounts(made[0]).accounts[0]
    assert account.enctypes == account.service_enctypes == sort_enctypes(types)


def test_the_strongest_type_comes_first() -> None:
    """AES before RC4 and the longer key before the shorter, each once; a type that no realm has is left out."""
    assert sort_enctypes((RC4, AES128, AES256, RC4)) == (AES256, AES128, RC4) == SUPPORTED
    assert sort_enctypes(("des-cbc-crc", RC4)) == (RC4,)
    assert sort_enctypes(()) == ()


async def test_a_kdc_seals_a_ticket_with_the_strongest_key(estate: Estate, tmp_path: Any) -> None:
    """An account whose types are written weakest first gets tickets of the strongest, as a domain controller gives."""
    realm = prepare_realm(with_types(estate, AES128, AES256), tmp_path / "realms")
    site = await make_site(realm.copy_to(tmp_path / "realm"))
    try:
        await site.sign_on()
        spn = estate.default_realm.service_account.spns[0]
        await Initiator(site.krb5_conf, site.ccache).request_token(spn)
        exchanges = [record.event for record in site.trace if isinstance(record.event, KdcExchange)]
        assert [each.etype for each in exchanges if each.service == spn] == [AES256]
    finally:
        await site.gateway.stop()
        await site.kdc.stop()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('["aes256-cts"]', "did you mean 'aes256-cts-hmac-sha1-96'"),
        ('["des-cbc-crc"]', "invalid enum value 'des-cbc-crc'; expected one of: aes128"),
        ('["AES256-CTS-HMAC-SHA1-96"]', "service_account.enctypes[0]"),
        ("[]", "length >= 1"),
        ('"rc4-hmac"', "expected `array`"),
    ],
)
def test_a_type_that_no_account_has_is_refused(value: str, words: str) -> None:
    """An unknown type, or none, would be a realm that no client gets a ticket from."""
    with pytest.raises(EstateError) as caught:
        parse_estate(_with_enctypes(value), "f.toml")
    assert words in str(caught.value)


def _with_enctypes(value: str) -> str:
    text = shipped_estate_text("contoso")
    return text.replace("[realms.service_account]\n", f"[realms.service_account]\nenctypes = {value}\n", 1)


def test_names_and_numbers_of_the_registry() -> None:
    """The IANA numbers of RFC 3961, 3962, 4757 and 8009, both ways; a number without a name keeps its number."""
    registry = {
        1: "des-cbc-crc",
        3: "des-cbc-md5",
        16: "des3-cbc-sha1",
        17: AES128,
        18: AES256,
        23: RC4,
        24: "rc4-hmac-exp",
    }
    registry |= {19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192"}
    registry |= {25: "camellia128-cts-cmac", 26: "camellia256-cts-cmac"}
    assert dict(ENCTYPES) == registry
    assert enctype_numbers(registry.values()) == tuple(registry)
    assert [enctype_name(each) for each in (18, 2, -128, 0)] == [AES256, "etype-2", "etype--128", "etype-0"]
    with pytest.raises(KeyError):
        enctype_numbers(["aes256-cts"])
