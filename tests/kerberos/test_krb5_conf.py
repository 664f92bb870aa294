"""The krb5.conf of a client: each setting as krb5.conf(5) has it, and none where MIT's default shall apply."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssosim.kerberos import Address
from ssosim.kerberos.enctypes import AES128, AES256, RC4
from ssosim.kerberos.kinit import (
    ClientOptions,
    KinitError,
    KinitErrorKind,
    OtherRealms,
    restrict_enctypes,
    write_krb5_conf,
)

REALM, DOMAIN = "CORP.TEST", "corp.test"


def write(
    folder: Path, *kdcs: Address | str, options: ClientOptions | None = None, others: OtherRealms | None = None
) -> str:
    """The text of a krb5.conf with these settings."""
    path = folder / "krb5.conf"
    write_krb5_conf(path, REALM, DOMAIN, kdcs, options, others)
    return path.read_text(encoding="utf-8")


def sections(text: str) -> dict[str, list[str]]:
    """The lines of each section, without comments and blanks."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            name = stripped[1:-1]
            assert name not in found, "a section is there once"
            found[name] = []
        elif stripped and not stripped.startswith("#"):
            found[name].append(stripped)
    return found


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (ClientOptions(), []),
        (ClientOptions(dns_canonicalize_hostname="fallback"), ["dns_canonicalize_hostname = fallback"]),
        (ClientOptions(rdns=False), ["rdns = false"]),
        (ClientOptions(rdns=True), ["rdns = true"]),
        (ClientOptions(qualify_shortname=""), ['qualify_shortname = ""']),
        (ClientOptions(qualify_shortname="corp.test"), ['qualify_shortname = "corp.test"']),
        (ClientOptions(udp_preference_limit=1), ["udp_preference_limit = 1"]),
        (ClientOptions(clockskew=0), ["clockskew = 0"]),
        (ClientOptions(allow_rc4=False), ["allow_rc4 = false"]),
        (ClientOptions(permitted_enctypes=(RC4, AES256)), [f"permitted_enctypes = {RC4} {AES256}"]),
    ],
)
def test_an_option_is_one_line_and_none_is_no_line(tmp_path: Path, options: ClientOptions, lines: list[str]) -> None:
    """A setting that is not given is not written: the library's own default applies, whatever it is."""
    plain = sections(write(tmp_path))["libdefaults"]
    changed = sections(write(tmp_path, options=options))["libdefaults"]
    assert [line for line in changed if line not in plain] == lines
    assert set(plain) <= set(changed)


def test_the_kdcs_are_in_their_order(tmp_path: Path) -> None:
    """libkrb5 asks them in the order of the file; an IPv6 address is in brackets, and a proxy is a URL."""
    text = write(tmp_path, Address("10.0.0.2", 88), Address("2001:db8::1", 88), "https://proxy.test/KdcProxy")
    kdcs = [line for line in sections(text)["realms"] if line.startswith("kdc")]
    assert kdcs == ["kdc = 10.0.0.2:88", "kdc = [2001:db8::1]:88", "kdc = https://proxy.test/KdcProxy"]


def test_other_realms_have_blocks_of_their_own(tmp_path: Path) -> None:
    """Each with its KDCs, also one that is found by DNS; their hosts come after those of the own domain."""
    others = OtherRealms(
        kdcs={"B.TEST": [Address("10.0.0.3", 88)], "C.TEST": []},
        hosts=((".b.test", "B.TEST"), ("b.test", "B.TEST"), (f".{DOMAIN}", REALM), (DOMAIN, REALM)),
    )
    found = sections(write(tmp_path, Address("10.0.0.2", 88), others=others))
    realms = found["realms"]
    assert [line for line in realms if line.endswith("{")] == [f"{REALM} = {{", "B.TEST = {", "C.TEST = {"]
    assert realms.count("}") == 3
    assert realms.index("kdc = 10.0.0.2:88") < realms.index("B.TEST = {") < realms.index("kdc = 10.0.0.3:88")
    assert found["domain_realm"] == [
        f".{DOMAIN} = {REALM}",
        f"{DOMAIN} = {REALM}",
        ".b.test = B.TEST",
        "b.test = B.TEST",
    ]


@pytest.mark.parametrize(("kdc", "realm"), [(False, False), (True, False), (False, True), (True, True)])
def test_dns_is_asked_only_where_it_shall_be(tmp_path: Path, kdc: bool, realm: bool) -> None:
    """By default no look-up leaves the file; a mapping in it would come before the TXT records."""
    found = sections(write(tmp_path, options=ClientOptions(dns_lookup_kdc=kdc, dns_lookup_realm=realm)))
    assert f"dns_lookup_kdc = {str(kdc).lower()}" in found["libdefaults"]
    assert f"dns_lookup_realm = {str(realm).lower()}" in found["libdefaults"]
    assert bool(found.get("domain_realm")) is not realm


@pytest.mark.parametrize(
    ("types", "before", "allow_rc4"),
    [
        ((AES256,), None, None),
        ((RC4,), None, True),
        ((AES128, RC4), ClientOptions(allow_rc4=False), True),
        ((AES256,), ClientOptions(allow_rc4=True), True),
        ((AES256,), ClientOptions(allow_rc4=False), False),
        ((), None, None),
    ],
)
def test_a_client_that_offers_rc4_may_use_it(
    types: tuple[str, ...], before: ClientOptions | None, allow_rc4: bool | None
) -> None:
    """krb5 1.21 and later drop RC4 from permitted_enctypes without allow_rc4; other options stay."""
    options = restrict_enctypes(types, before)
    assert options.permitted_enctypes == types
    assert bool(options.allow_rc4) is bool(allow_rc4)
    kept = restrict_enctypes(types, ClientOptions(rdns=False, clockskew=5))
    assert (kept.rdns, kept.clockskew) == (False, 5)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (KinitErrorKind.REVOKED, "KDC_ERR_CLIENT_REVOKED"),
        (KinitErrorKind.PASSWORD_EXPIRED, "KDC_ERR_KEY_EXPIRED"),
        (KinitErrorKind.NO_COMMON_ENCTYPE, "KDC_ERR_ETYPE_NOSUPP"),
        (KinitErrorKind.WRONG_PASSWORD, None),
        (KinitErrorKind.KDC_UNREACHABLE, None),
        (KinitErrorKind.TIMEOUT, None),
    ],
)
def test_a_refused_account_has_the_error_of_the_kdc(kind: KinitErrorKind, code: str | None) -> None:
    """Only what is about the account and its keys; a wrong password of an estate is a mistake of the lab."""
    found = KinitError(kind, "kinit: no").code
    assert (None if found is None else found.name) == code
