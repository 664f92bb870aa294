from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ssosim.estate import Estate
from ssosim.kerberos import (
    KerberosMissingError,
    PreparedRealm,
    RealmError,
    compute_realm_digest,
    prepare_realm,
    programs,
)
from ssosim.kerberos.realm import run_kadmin

AUTOLOGON = "HTTP/autologon.microsoftazuread-sso.com"
INTRANET = "HTTP/intranet.corp.contoso.com"


def klist(keytab: Path) -> str:
    """The output of klist for ``keytab``."""
    return subprocess.run(["klist", "-kt", str(keytab)], capture_output=True, text=True, check=True).stdout


def test_keytabs_hold_their_own_services(prepared: PreparedRealm) -> None:
    """The service account's keytab has its SPNs and no other service's; each other service has a keytab."""
    assert AUTOLOGON in klist(prepared.keytab)
    assert INTRANET not in klist(prepared.keytab)
    assert INTRANET in klist(prepared.service_keytab(INTRANET))
    assert AUTOLOGON not in klist(prepared.service_keytab(INTRANET))


def test_second_prepare_makes_nothing(estate: Estate, tmp_path: Path) -> None:
    """A realm is created once per estate; another estate gets another directory."""
    first = prepare_realm(estate, tmp_path)
    made = first.keytab.read_bytes()
    assert prepare_realm(estate, tmp_path) == first
    assert first.keytab.read_bytes() == made
    other = msgspec.structs.replace(estate, realms=(msgspec.structs.replace(estate.default_realm, ticket_lifetime=60),))
    assert prepare_realm(other, tmp_path).directory != first.directory


def test_digest_knows_every_input(estate: Estate) -> None:
    """A changed password or SPN changes the digest; a value that the realm does not use does not."""

    def digest(**changes: object) -> str:
        return compute_realm_digest(msgspec.structs.replace(estate, **changes))

    user = msgspec.structs.replace(estate.users[0], password="other")
    account = msgspec.structs.replace(estate.default_realm.service_account, spns=())
    assert digest(users=(user, *estate.users[1:])) != digest()
    assert digest(realms=(msgspec.structs.replace(estate.default_realm, service_account=account),)) != digest()
    assert digest(applications=(), name="elsewhere") == digest()


def test_two_processes_at_once(estate: Estate, tmp_path: Path) -> None:
    """Processes that prepare one realm at once end with the same complete realm, and leave no other files."""
    code = (
        "import sys, pathlib; from ssosim.estate import default_estate; from ssosim.kerberos import prepare_realm;"
        "print(prepare_realm(default_estate(), pathlib.Path(sys.argv[1])).directory)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {child.communicate()[0].strip() for child in children}
    assert answers == {str(tmp_path / compute_realm_digest(estate))}
    assert [entry.name for entry in tmp_path.iterdir()] == [compute_realm_digest(estate)]
    assert AUTOLOGON in klist(prepare_realm(estate, tmp_path).keytab)


def test_keys_are_for_the_owner_only(prepared: PreparedRealm, tmp_path: Path) -> None:
    """Nobody else can enter the directory of a realm, prepared or copied."""
    copy = prepared.copy_to(tmp_path / "copy")
    for directory in (prepared.directory, copy.directory):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_failed_prepare_leaves_nothing(estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a program fails, its message is the error and no incomplete realm remains."""
    monkeypatch.setattr("ssosim.kerberos.realm.build_principals_batch", lambda *_: "addprinc -nonsense x\n")
    with pytest.raises(RealmError, match=r"kadmin\.local"):
        prepare_realm(estate, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_batch_errors_are_not_lost(new_realm: Callable[[], PreparedRealm]) -> None:
    """kadmin.local exits with 0 after a failed command; the failure is reported all the same."""
    with pytest.raises(RealmError, match="does not exist"):
        run_kadmin(new_realm(), "cpw -randkey HTTP/nobody\n")


def test_missing_program_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error on a machine without the KDC has the package to install."""
    programs.find_program.cache_clear()
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(programs, "SYSTEM_DIRECTORIES", ())
    with pytest.raises(KerberosMissingError, match="install the package krb5-kdc") as caught:
        programs.find_program("krb5kdc")
    assert caught.value.package == "krb5-kdc"


def test_copy_is_quick_and_apart(new_realm: Callable[[], PreparedRealm], monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy starts no program, as making a database does; a change to it is not in the original."""
    with monkeypatch.context() as forbidding:
        forbidding.setattr(subprocess, "Popen", lambda *words, **_: pytest.fail(f"{words} was started"))
        copy = new_realm()
    run_kadmin(copy, "addprinc -clearpolicy -randkey HTTP/only.here\n")
    assert "HTTP/only.here" in run_kadmin(copy, "listprincs\n")
    assert "HTTP/only.here" not in run_kadmin(new_realm(), "listprincs\n")


def test_machine_configuration_is_not_used(new_realm: Callable[[], PreparedRealm]) -> None:
    """Every path in the realm's configuration is in the realm's own directory."""
    realm = new_realm()
    lines = (realm.directory / "kdc.conf").read_text().splitlines()
    paths = [line.split("=")[1].strip() for line in lines if "/" in line and "=" in line]
    assert len(paths) >= 4
    assert all(path.removeprefix("FILE:").startswith(str(realm.directory)) for path in paths)


@pytest.mark.parametrize("kind", ["folder", "link", "link to a realm", "file"])
def test_what_is_no_realm_of_ours_is_not_used(estate: Estate, tmp_path: Path, kind: str) -> None:
    """A folder without the mark, a link or a file at the path of a realm is refused by name and not changed."""
    cache, own = tmp_path / "cache", tmp_path / "own"
    place = cache / compute_realm_digest(estate)
    cache.mkdir(mode=0o700)
    own.mkdir()
    (own / "thesis.txt").write_text("kept")
    match kind:
        case "folder":
            own.rename(place)
        case "link":
            place.symlink_to(own)
        case "link to a realm":
            place.symlink_to(prepare_realm(estate, tmp_path / "elsewhere").directory)
        case "file":
            place.write_text("kept")
    with pytest.raises(RealmError, match=str(place)):
        prepare_realm(estate, cache)
    assert [path.name for path in cache.iterdir()] == [place.name]
    kept = {"file": place, "folder": place / "thesis.txt"}.get(kind, own / "thesis.txt")
    assert kept.read_text() == "kept"


def test_only_half_made_realms_of_ours_are_swept(estate: Estate, tmp_path: Path) -> None:
    """An old draft of a killed process is removed; a user's folder or link with such a name is not."""
    realm = prepare_realm(estate, tmp_path / "cache")
    ours = realm.directory.rename(f"{realm.directory}.making-0123")
    mine = tmp_path / "cache" / "thesis.making-of"
    mine.mkdir()
    (mine / "thesis.txt").write_text("kept")
    (tmp_path / "cache" / "x.making-y").symlink_to(mine)
    for path in (ours, mine):
        os.utime(path, (1, 1))
    prepare_realm(estate, tmp_path / "cache")
    names = {path.name for path in (tmp_path / "cache").iterdir()}
    assert names == {realm.digest, "thesis.making-of", "x.making-y"}
    assert (mine / "thesis.txt").read_text() == "kept"


def test_a_cache_that_others_can_write_to_is_refused(estate: Estate, tmp_path: Path) -> None:
    """A realm in a folder that others can write to is refused: they could replace its keys."""
    tmp_path.chmod(0o770)
    with pytest.raises(RealmError, match=rf"{tmp_path}: has mode 0770"):
        prepare_realm(estate, tmp_path)
