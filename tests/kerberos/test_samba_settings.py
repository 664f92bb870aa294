"""Realms of Samba on a machine without Samba: what is refused, and the values that its directory is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssosim.estate import Delegation, Estate, EstateError, default_estate, parse_estate
from ssosim.kerberos import RealmError
from ssosim.kerberos.enctypes import AES128, AES256, RC4
from ssosim.kerberos.key_database import Account, list_accounts
from ssosim.kerberos.keytab import build_entry, read_keytab, rename_entry, write_keytab
from ssosim.kerberos.samba_keys import list_samba_state
from ssosim.kerberos.samba_programs import SAMBA_VARIABLE, SambaMissingError, find_samba
from ssosim.kerberos.samba_realm import build_account_name, build_enctype_mask, list_samba_accounts, write_samba_conf

CONTOSO = (Path(__file__).parents[2] / "ssosim" / "estate" / "contoso.toml").read_text(encoding="utf-8")


def contoso(*lines: str) -> str:
    """The default estate as text, with ``lines`` in its realm."""
    return CONTOSO.replace("[[realms]]\n", "[[realms]]\n" + "".join(f"{line}\n" for line in lines), 1)


DELEGATION = """
[[realms.delegations]]
service = "HTTP/intranet.corp.contoso.com"
allowed_to_delegate_to = ["HTTP/sts.fabrikam.com"]
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (contoso() + DELEGATION, ["delegations", 'directory = "samba"', "KDC_ERR_BADOPTION"]),
        (contoso('directory = "samba"') + DELEGATION.replace("sts", "sto"), ["HTTP/sto.fabrikam.com", "known:"]),
        (contoso('directory = "samba"') + DELEGATION * 2, ["has an entry already"]),
        (contoso('directory = "samba"', "ticket_lifetime = 5400"), ["ticket_lifetime", "whole hours"]),
        (contoso('directory = "samba"', 'netbios_name = "A-NAME-TOO-LONG-16"'), ["NetBIOS", "netbios_name"]),
        (contoso('directory = "samba"').replace('"alice"\n', '"guest"\n'), ["sam_account", "Samba has itself"]),
        (contoso('directory = "heimdal"'), ["directory", "heimdal"]),
    ],
    ids=["mit", "unknown-target", "twice", "lifetime", "netbios", "built-in", "unknown-directory"],
)
def test_what_a_directory_cannot_have_is_refused(text: str, words: list[str]) -> None:
    """A key that the directory cannot honour is a mistake of the estate with its place."""
    with pytest.raises(EstateError) as caught:
        parse_estate(text, "own.toml")
    assert [word for word in words if word not in str(caught.value)] == []


def test_up_without_samba_names_the_packages(tmp_path: Path) -> None:
    """``ssosim up`` ends with 3 and one line that says what to install, and how without root."""
    estate = tmp_path / "own.toml"
    estate.write_text(contoso('directory = "samba"'), encoding="utf-8")
    folder = tmp_path / "nothing"
    environment = os.environ | {"SSOSIM_HOME": str(tmp_path / "home"), SAMBA_VARIABLE: str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "ssosim", "up", "--detach", "--estate", str(estate)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr
    assert f"python -m ssosim.kerberos.samba_programs {folder}" in done.stderr


def test_a_path_that_an_overlay_cannot_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A colon separates the layers of an overlay, so a folder with one is refused before a lab starts."""
    root = tmp_path / "a:b"
    for name in (
        "usr/sbin/samba",
        "usr/share/samba/setup/provision.ldif",
        "usr/lib/python3/dist-packages/samba/provision/__init__.py",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    monkeypatch.setenv(SAMBA_VARIABLE, str(root))
    with pytest.raises(SambaMissingError, match="colons"):
        find_samba()


def test_a_path_that_samba_cannot_have_is_refused(tmp_path: Path) -> None:
    """Samba takes what precedes a colon for the kind of a database, and would not start."""
    with pytest.raises(RealmError, match="colon"):
        write_samba_conf(tmp_path / "a:b", "R", "R", None, 3600, 3600)


def test_names_of_accounts() -> None:
    """A sAMAccountName has no slash and 20 characters; two services never share one."""
    names = [
        build_account_name(spn) for spn in ("HTTP/a.corp.contoso.com", "HTTP/a.corp.contoso.net", "HTTP/" + "a" * 60)
    ]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 20 and "/" not in name for name in names)
    assert build_account_name("http/A.corp.contoso.com") == build_account_name("HTTP/a.corp.contoso.com")
    assert build_account_name("WEB01$") == "WEB01$"


@pytest.mark.parametrize(
    ("enctypes", "sessions", "mask"),
    [
        ((AES256, AES128), None, 0x18),
        ((RC4,), (RC4,), 0x04),
        ((RC4,), (AES256, RC4), 0x24),
        ((AES256, AES128, RC4), None, 0x1C),
        ((AES256,), (AES256,), 0x10),
    ],
)
def test_supported_encryption_types(enctypes: tuple[str, ...], sessions: tuple[str, ...] | None, mask: int) -> None:
    """MS-KILE 2.2.7: one bit for each type; AES256-SK (0x20) where only session keys may be AES (KB5021131)."""
    assert build_enctype_mask(enctypes, sessions) == mask


def test_an_entry_of_a_key_table(tmp_path: Path) -> None:
    """An entry that is built is read as written, and is that of krb5 after a change of the name and back."""
    entry = build_entry("CORP.CONTOSO.COM", "HTTP/host", 300, 18, bytes(32))
    write_keytab(tmp_path / "table", [entry])
    (read,) = read_keytab(tmp_path / "table")
    assert (read.kvno, read.enctype, read.data) == (300, 18, entry.data)
    assert rename_entry(rename_entry(entry, "a"), "HTTP/host") == entry
    shown = subprocess.run(
        ["klist", "-ke", str(tmp_path / "table")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"LC_ALL": "C"},
    )
    assert "300 HTTP/host@CORP.CONTOSO.COM (aes256-cts-hmac-sha1-96)" in shown.stdout


def test_rights_are_those_of_the_account() -> None:
    """The rights of a service are on its account: those of the cloud's, too; another account has none."""
    realm = default_estate().default_realm
    cloud = realm.service_account.spns[0]
    right = Delegation(service=cloud, allowed_to_delegate_to=(realm.services[0],), trusted_to_auth_for_delegation=True)
    estate = with_realm(directory="samba", delegations=(right,))
    found = {each.name: each for each in list_samba_accounts(estate, estate.default_realm, "")}
    assert (found["AZUREADSSOACC$"].delegate_to, found["AZUREADSSOACC$"].any_protocol) == ((realm.services[0],), True)
    assert [each.name for each in found.values() if each.delegate_to] == ["AZUREADSSOACC$"]


def with_realm(**fields: Any) -> Estate:
    """The default estate with other ``fields`` of its realm."""
    estate = default_estate()
    return msgspec.structs.replace(estate, realms=(msgspec.structs.replace(estate.realms[0], **fields),))


def test_host_covers_http() -> None:
    """HTTP/host is not written beside HOST/host of the same account: Samba's own mapping is played (sPNMappings)."""
    database = list_accounts(default_estate()).register(["HOST/web", "HTTP/web", "HTTP/other"], "WEB01$")
    assert isinstance(database.find("WEB01$"), Account)
    (state,) = [data for name, data, _ in list_samba_state(database) if name == "WEB01$"]
    assert state["spns"] == ["HOST/web", "HTTP/other"]
