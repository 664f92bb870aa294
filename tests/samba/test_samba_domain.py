"""What the directory takes over from an estate: passwords, names, lifetimes; and what ends with the lab."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from ssosim.estate import Estate, default_estate
from ssosim.kerberos import Kdc, KdcStartError, KinitError, RealmError, prepare_realm
from ssosim.kerberos.kinit import kinit
from ssosim.kerberos.samba_editor import SambaEditor
from ssosim.kerberos.samba_programs import find_samba
from ssosim.kerberos.samba_realm import SAMBA_FOLDER

from .domains import needs_samba, with_samba

pytestmark = needs_samba

USERS = {"alice": "p", "bob": "Gr\u00fc\u00dfe \u20ac \U0001f511", "frank": 'a"b\\c %u $(x)', "o.l-d_x": "x" * 120}


def with_users() -> Estate:
    """Contoso with Samba, and users with unusual passwords and names."""
    estate = default_estate()
    first = next(user for user in estate.users if user.sam_account == "alice")
    users = tuple(
        msgspec.structs.replace(first, upn=f"{name}@contoso.com", sam_account=name, password=password, sid=None)
        for name, password in USERS.items()
    )
    return with_samba(msgspec.structs.replace(estate, users=users), ticket_lifetime=7200, netbios_name="LAB-1")


def list_tickets(ccache: Path) -> str:
    """Return what klist says of a credential cache."""
    command = ["klist", "-c", str(ccache)]
    done = subprocess.run(command, env=os.environ | {"LC_ALL": "C"}, capture_output=True, text=True, check=True)
    return done.stdout


async def test_users_sign_on(domains: Path, tmp_path: Path) -> None:
    """Any password of an estate is that of the account, and no other is; a ticket lives as long as the realm says."""
    realm = prepare_realm(with_users(), domains).copy_to(tmp_path / "a folder, with 100% odd; name")
    async with Kdc(realm):
        conf = realm.directory / "krb5.conf"
        for name, password in USERS.items():
            await kinit(name, password, conf, tmp_path / "ccache")
            with pytest.raises(KinitError, match="Password incorrect"):
                await kinit(name, f"{password}x", conf, tmp_path / "other")
    shown = list_tickets(tmp_path / "ccache")
    (ticket,) = [line.split() for line in shown.splitlines() if "krbtgt/" in line]
    hours = [int(ticket[number].partition(":")[0]) for number in (1, 3)]
    assert (hours[1] - hours[0]) % 24 == 2, shown


async def test_a_clock_of_its_own_is_refused(domains: Path, tmp_path: Path) -> None:
    """Samba has no option for another time, so a KDC with an offset is not started in silence without it."""
    realm = prepare_realm(with_samba(), domains).copy_to(tmp_path / "realm")
    with pytest.raises(KdcStartError, match="no clock of its own"):
        await Kdc(realm, clock_offset=60).start()


async def test_nothing_is_left(domains: Path, tmp_path: Path) -> None:
    """When the KDC is stopped, no process of Samba is left."""
    realm = prepare_realm(with_samba(), domains).copy_to(tmp_path / "realm")
    kdc = Kdc(realm)
    await kdc.start()
    assert kdc.pid is not None
    group = os.getpgid(kdc.pid)
    await kdc.stop()
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


def test_a_mistake_of_the_directory_is_told(domains: Path, tmp_path: Path) -> None:
    """A request that Samba refuses is an error with its words, and the next request is answered."""
    realm = prepare_realm(with_samba(), domains).copy_to(tmp_path / "realm")
    place = realm.directory / SAMBA_FOLDER
    with SambaEditor(find_samba(), tmp_path) as editor:
        bad = {"name": "a" * 300, "password": "p", "spns": []}
        with pytest.raises(RealmError, match="Samba's directory: write: LdbError"):
            editor.ask("write", place, accounts=[bad], removed=[])
        assert editor.ask("write", place, accounts=[], removed=["nobody"]) == {}


async def test_two_processes_provision_at_once(tmp_path: Path) -> None:
    """Both get the same realm, whole: one of the two results is kept."""
    cache = tmp_path / "cache"
    first, second = await asyncio.gather(*(asyncio.to_thread(prepare_realm, with_samba(), cache) for _ in range(2)))
    assert first == second
    assert [path.name for path in cache.iterdir()] == [first.digest]
