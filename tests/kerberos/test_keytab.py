"""Keytab files as krb5 writes them are read entry by entry, and written again without change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ssosim.estate import Estate
from ssosim.kerberos import PreparedRealm
from ssosim.kerberos.key_database import list_accounts
from ssosim.kerberos.keytab import read_keytab, write_keytab
from ssosim.kerberos.realm import run_kadmin
from ssosim.kerberos.realm_keys import RealmKeys

AES256, RC4 = 18, 23


def test_a_key_version_above_255_is_read_whole(new_realm: Callable[[], PreparedRealm]) -> None:
    """The old field of the version has eight bits; the whole number is at the end of the entry."""
    realm = new_realm()
    commands = "addprinc -clearpolicy -randkey HTTP/a\nmodprinc -kvno 300 HTTP/a\n"
    run_kadmin(realm, f"{commands}ktadd -q -k FILE:big.keytab -norandkey HTTP/a\n")
    assert {entry.kvno for entry in read_keytab(realm.directory / "big.keytab")} == {300}


def test_a_removed_entry_is_no_entry(new_realm: Callable[[], PreparedRealm]) -> None:
    """The hole of an entry that ktrem removed is skipped; what is written again has the same keys."""
    realm = new_realm()
    commands = "addprinc -clearpolicy -randkey HTTP/a\naddprinc -clearpolicy -randkey HTTP/b\n"
    run_kadmin(
        realm, f"{commands}ktadd -q -k FILE:t.keytab -norandkey HTTP/a HTTP/b\nktrem -q -k FILE:t.keytab HTTP/a\n"
    )
    entries = read_keytab(realm.directory / "t.keytab")
    assert {entry.enctype for entry in entries} == {AES256, 17}
    assert all(b"HTTP\x00\x01b" in entry.data for entry in entries)
    write_keytab(realm.directory / "again.keytab", entries)
    assert read_keytab(realm.directory / "again.keytab") == entries
    assert (realm.directory / "again.keytab").stat().st_mode & 0o777 == 0o600


def test_what_is_no_keytab_is_refused(tmp_path: Path) -> None:
    """A file of another format is an error that names it."""
    (tmp_path / "x").write_bytes(b"\x05\x01rubbish")
    with pytest.raises(ValueError, match="no keytab of version 0x0502"):
        read_keytab(tmp_path / "x")


def test_the_principals_of_an_account_have_one_key(prepared: PreparedRealm) -> None:
    """As in Active Directory: every service principal name of the cloud's account has the account's key."""
    keys = {(entry.enctype, entry.data[-20:-4]) for entry in read_keytab(prepared.keytab)}
    assert len(keys) == 2


def test_the_former_key_comes_back(new_realm: Callable[[], PreparedRealm], estate: Estate) -> None:
    """After rolling the key and undoing it, database and keytab have the keys of before."""
    realm, healthy = new_realm(), list_accounts(estate)
    keys = RealmKeys(realm, healthy)
    before = {entry.data[-20:] for entry in read_keytab(realm.keytab)}
    cloud = healthy.accounts[0]
    keys.show(healthy.with_account(cloud.roll(at_kdc=True, at_service=True, previous_keys=0)))
    assert before.isdisjoint(entry.data[-20:] for entry in read_keytab(realm.keytab))
    keys.show(healthy)
    assert {entry.data[-20:] for entry in read_keytab(realm.keytab)} == before
    assert "vno 1," in run_kadmin(realm, f"getprinc {cloud.principals[-1]}\n")
