"""The commands for kadmin.local that make the principals of an estate: names, keys, trusts, and nothing injected."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.estate import Estate, Realm, ServiceAccount
from ssosim.kerberos.enctypes import AES128, AES256, DEFAULT_ENCTYPES, RC4, SUPPORTED
from ssosim.kerberos.errors import RealmError
from ssosim.kerberos.principals import (
    build_key_commands,
    build_keytab_name,
    build_principals_batch,
    check_account_name,
    check_service_principal,
    derive_password,
    is_service_principal,
    list_tgt_session_enctypes,
)

PARTNER = Realm(
    name="PARTNER.TEST",
    domain="partner.test",
    service_account=ServiceAccount(name="SSO$"),
    services=("HTTP/x.partner.test",),
)


def two_realms(estate: Estate, **more: Any) -> Estate:
    """The estate with a second realm, in which Bob has his account."""
    users = [replace(each, realm=PARTNER.name) if each.sam_account == "bob" else each for each in estate.users]
    return replace(estate, realms=(estate.default_realm, replace(PARTNER, **more)), users=tuple(users))


def added(batch: str) -> list[str]:
    """The principals that a batch adds, in its order."""
    return [shlex.split(line)[-1] for line in batch.splitlines() if line.startswith("addprinc ")]


def lines_of(batch: str, *words: str) -> list[str]:
    """The lines with all of these words."""
    return [line for line in batch.splitlines() if all(word in line for word in words)]


def test_each_realm_has_the_accounts_of_its_members(estate: Estate) -> None:
    """A user is in one realm; a service is where it is listed; the cloud's account only where it has SPNs."""
    both = two_realms(estate)
    first, second = (added(build_principals_batch(both, "seed", each)) for each in both.realms)
    assert second == ["bob", "HTTP/x.partner.test"]
    assert "alice" in first
    assert not {"bob", "HTTP/x.partner.test"} & set(first)
    realm = estate.default_realm
    assert {realm.service_account.name, *realm.service_account.spns, *realm.services} <= set(first)


def test_a_trust_has_one_key_in_both_realms(estate: Estate) -> None:
    """krbtgt/TRUSTING@TRUSTED in both databases, with the key of the estate's secret; the other direction has none."""
    both = two_realms(estate, trusts=(estate.default_realm.name,))
    batches = [build_principals_batch(both, f"seed-{at}", each, "secret") for at, each in enumerate(both.realms)]
    name = f"krbtgt/PARTNER.TEST@{estate.default_realm.name}"
    commands = [lines_of(batch, "krbtgt/", "@") for batch in batches]
    assert commands[0] == commands[1] == [f"addprinc -clearpolicy -pw {derive_password('secret', name, 1)} {name}"]


def test_domains_of_a_forest_have_the_keys_of_both_directions(estate: Estate) -> None:
    """A parent and its child trust each other."""
    both = two_realms(estate, parent=estate.default_realm.name)
    first = estate.default_realm.name
    found = added(build_principals_batch(both, "seed", both.realms[1], "secret"))
    assert {name for name in found if "@" in name} == {f"krbtgt/PARTNER.TEST@{first}", f"krbtgt/{first}@PARTNER.TEST"}


def test_without_a_secret_of_the_estate_that_of_the_realm_counts(estate: Estate) -> None:
    """The key of a trust is never random: two realms could not share it."""
    both = two_realms(estate, trusts=(estate.default_realm.name,))
    name = f"krbtgt/PARTNER.TEST@{estate.default_realm.name}"
    batch = build_principals_batch(both, "seed")
    assert lines_of(batch, name) == [f"addprinc -clearpolicy -pw {derive_password('seed', name, 1)} {name}"]


def test_users_need_preauthentication_and_services_do_not(estate: Estate) -> None:
    """Active Directory requires it of users by default (userAccountControl, DONT_REQ_PREAUTH)."""
    batch = build_principals_batch(estate, "seed")
    users = {user.sam_account for user in estate.users if user.sam_account}
    with_it = {shlex.split(line)[-1] for line in lines_of(batch, "+requires_preauth")}
    assert with_it == users
    assert all("-clearpolicy" in line for line in lines_of(batch, "addprinc"))


@pytest.mark.parametrize(
    ("types", "written"),
    [
        (DEFAULT_ENCTYPES, ""),
        ((RC4,), f'-e "{RC4}:normal"'),
        ((AES128, AES256, RC4), f'-e "{AES256}:normal {AES128}:normal {RC4}:normal"'),
    ],
)
def test_the_keys_of_a_user(estate: Estate, types: tuple[Any, ...], written: str) -> None:
    """Other types than those of the database are written; RC4 lets ticket-granting tickets have RC4 sessions."""
    changed = replace(estate, users=(replace(estate.users[0], enctypes=types), *estate.users[1:]))
    batch = build_principals_batch(changed, "seed")
    (line,) = lines_of(batch, "addprinc", f" {estate.users[0].sam_account}")
    assert ("-e " in line) == bool(written)
    assert written in line
    assert bool(lines_of(batch, "setstr krbtgt/", RC4)) is (RC4 in types)
    expected = SUPPORTED if RC4 in types else DEFAULT_ENCTYPES
    assert list_tgt_session_enctypes(changed, changed.default_realm) == expected


def test_rc4_of_another_realm_is_no_matter_of_this_one(estate: Estate) -> None:
    """The session keys of a realm's ticket-granting tickets depend on its own users."""
    both = two_realms(estate)
    users = [replace(each, enctypes=(RC4,)) if each.sam_account == "bob" else each for each in both.users]
    changed = replace(both, users=tuple(users))
    assert [list_tgt_session_enctypes(changed, each) for each in changed.realms] == [DEFAULT_ENCTYPES, SUPPORTED]


def test_all_names_of_an_account_have_one_key(estate: Estate) -> None:
    """The same password and the salt of the realm; without a seed the keys are random (kdc-lab)."""
    account = estate.default_realm.service_account
    batch = build_principals_batch(estate, "seed")
    own = [line for line in lines_of(batch, "addprinc") if shlex.split(line)[-1] in (account.name, *account.spns)]
    password = derive_password("seed", account.name, 1)
    assert len(own) == 1 + len(account.spns)
    assert {line.rpartition(" ")[0] for line in own} == {
        f'addprinc -clearpolicy -pw {password} -e "{AES256}:onlyrealm {AES128}:onlyrealm"'
    }
    assert not lines_of(build_principals_batch(estate), "-pw", account.spns[0])


@settings(max_examples=50)
@given(password=st.text("ab \"'\\$;#\u00e9\u017e\t\n", min_size=1, max_size=8))
def test_a_password_is_one_word_of_its_command(estate: Estate, password: str) -> None:
    """Quotes are doubled, as kadmin's parser reads them (krb5, ss_parse); nothing follows as a command."""
    changed = replace(estate, users=(replace(estate.users[0], password=password),))
    if not password.isprintable():
        with pytest.raises(RealmError):
            build_principals_batch(changed, "seed")
        return
    (line,) = lines_of(build_principals_batch(changed, "seed"), f" {estate.users[0].sam_account}")
    quoted = line.partition(' -pw "')[2].rpartition('" ')[0]
    assert quoted.count('"') == 2 * password.count('"')
    assert quoted.replace('""', '"') == password


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("HTTP/web.corp.test", True), ("MSSQLSvc/db:1433", True), ("LDAP/dc.corp.test/CORP", True), ("HTTP/WEB$", True),
        ("HTTP", False), ("HTTP/", False), ("/web", False), ("HTTP/a b", False), ("HTTP/a@R", False),
        ("HTTP/a\n", False), ("HTTP/a/b/c", False), ("krbtgt/R", False), ("Krbtgt/R", False), ("kadmin/admin", False),
        ("K/M", False), ("", False),
    ],
)  # fmt: skip
def test_what_a_service_may_be_called(name: str, is_one: bool) -> None:
    """Two or three components of the characters of names; what belongs to the KDC is no service."""
    assert is_service_principal(name) is is_one
    if is_one:
        check_service_principal(name)
    else:
        with pytest.raises(ValueError, match="expected is one like HTTP/host"):
            check_service_principal(name)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("WEB01$", True), ("svc_a.b-c", True), ("a b", False), ("a/b", False), ("", False), ("a\n", False)],
)
def test_what_an_account_may_be_called(name: str, is_one: bool) -> None:
    """Letters, digits and a few marks, without a component of its own."""
    if is_one:
        check_account_name(name)
    else:
        with pytest.raises(ValueError, match="expected is one like WEB01"):
            check_account_name(name)


def test_a_service_of_the_kdc_never_reaches_kadmin(estate: Estate) -> None:
    """Also where an estate was made in Python, without the checks of the file."""
    realm = replace(estate.default_realm, services=("krbtgt/PARTNER.TEST",))
    with pytest.raises(RealmError, match="is a principal of the KDC itself"):
        build_principals_batch(replace(estate, realms=(realm,)))


def test_keys_differ_by_realm_account_and_version() -> None:
    """A key is given again for the same three; any other makes another (a fault that is undone gives the old one)."""
    keys = [
        derive_password(*each) for each in (("a", "b", 1), ("a", "b", 2), ("a", "c", 1), ("b", "b", 1), ("a", "b 1", 1))
    ]
    assert len(set(keys)) == 5
    assert derive_password("a", "b", 1) == keys[0]
    assert all(len(each) == 64 and each.isalnum() for each in keys)


def test_the_commands_for_a_new_key() -> None:
    """The password first, which counts the version up, then the version that it shall have."""
    assert list(build_key_commands(["HTTP/a", "A$"], "pw", (AES256, RC4), 7)) == [
        f'cpw -pw pw -e "{AES256}:onlyrealm {RC4}:onlyrealm" HTTP/a',
        "modprinc -kvno 7 HTTP/a",
        f'cpw -pw pw -e "{AES256}:onlyrealm {RC4}:onlyrealm" A$',
        "modprinc -kvno 7 A$",
    ]


@pytest.mark.parametrize(
    ("spn", "file"),
    [
        ("HTTP/web.corp.test", "HTTP_web.corp.test.keytab"),
        ("MSSQLSvc/db.corp.test:1433", "MSSQLSvc_db.corp.test_1433.keytab"),
    ],
)
def test_the_file_of_a_key_table(spn: str, file: str) -> None:
    """No slash, and no colon, which separates the type of a key table from its name."""
    assert build_keytab_name(spn) == file
