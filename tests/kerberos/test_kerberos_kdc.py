from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from ssosim.estate import Estate
from ssosim.kerberos import (
    ClientOptions,
    Kdc,
    KdcEndedError,
    KdcStartError,
    KinitError,
    KinitErrorKind,
    PreparedRealm,
    prepare_realm,
    write_krb5_conf,
)
from ssosim.kerberos.free_ports import Address, bind_pair, find_free_address, list_udp_inodes
from ssosim.kerberos.kinit import kinit
from tests.processes import is_running, list_commands

NewRealm = Callable[[], PreparedRealm]
PASSWORD = "Alice-lab-password-1"


def gone_within(pid: int, seconds: float) -> bool:
    """Whether ``pid`` ends in time."""
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(pid)


async def test_ready_means_both_transports(new_realm: NewRealm, tmp_path: Path) -> None:
    """When start returns, kinit succeeds at once over UDP and over TCP."""
    realm = new_realm()
    async with Kdc(realm) as kdc:
        for limit in (None, 1):
            conf = tmp_path / f"{limit}.conf"
            options = ClientOptions(udp_preference_limit=limit)
            write_krb5_conf(conf, realm.name, realm.domain, (kdc.address,), options)
            await kinit("alice", PASSWORD, conf, tmp_path / "ccache")


async def test_stop_leaves_nothing(new_realm: NewRealm) -> None:
    """After stop neither the process nor its sockets exist, and a second stop does nothing."""
    kdc = Kdc(new_realm())
    address = await kdc.start()
    pid = kdc.pid
    assert pid is not None
    await kdc.stop()
    assert not is_running(pid)
    assert list_udp_inodes(address) == set()
    assert kdc.pid is None
    await kdc.stop()


async def test_work_ends_with_a_kdc_that_is_killed(new_realm: NewRealm) -> None:
    """Work under ``run_while_alive`` is cancelled, and the error says how krb5kdc ended, whatever the work raised."""
    kdc = Kdc(new_realm())
    with pytest.raises(KdcStartError, match="has not been started"):
        await kdc.run_while_alive(asyncio.sleep(0))
    await kdc.start()
    assert await kdc.run_while_alive(asyncio.sleep(0, "result")) == "result"
    ended = asyncio.Event()

    async def work() -> None:
        try:
            assert kdc.pid is not None
            os.kill(kdc.pid, signal.SIGKILL)
            await asyncio.Event().wait()
        finally:
            ended.set()
            raise ValueError("misleading")

    with pytest.raises(KdcEndedError, match=r"krb5kdc was killed \(SIGKILL\)"):
        await kdc.run_while_alive(work())
    assert ended.is_set()
    with pytest.raises(KdcEndedError):
        kdc.check_alive()
    await kdc.stop()


async def test_a_kdc_that_is_stopped_has_not_failed(new_realm: NewRealm) -> None:
    """``stop`` is no failure: the work goes on."""
    kdc = Kdc(new_realm())
    await kdc.start()

    async def work() -> str:
        await kdc.stop()
        await asyncio.sleep(0)
        return "result"

    assert await kdc.run_while_alive(work()) == "result"
    kdc.check_alive()


async def test_a_cancelled_kinit_leaves_no_process(tmp_path: Path) -> None:
    """A kinit that waits for a KDC that does not answer is killed at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        conf = tmp_path / "krb5.conf"
        write_krb5_conf(conf, "SILENT.EXAMPLE", "silent.example", (Address(*silent.getsockname()),))
        task = asyncio.create_task(kinit("alice", PASSWORD, conf, tmp_path / "ccache"))
        await asyncio.get_running_loop().sock_recv(silent, 65536)  # kinit runs, and has asked
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(1000):
            if not any_process_names(str(tmp_path)):
                break
            await asyncio.sleep(0.01)
        assert not any_process_names(str(tmp_path))


def any_process_names(text: str) -> bool:
    """Whether a process has ``text`` in its command line."""
    return any(text.encode() in command for command in list_commands())


async def test_start_again_on_the_same_address(new_realm: NewRealm) -> None:
    """A KDC can be stopped and started again at the same address."""
    kdc = Kdc(new_realm())
    address = await kdc.start()
    await kdc.stop()
    assert await kdc.start(*address) == address
    with pytest.raises(KdcStartError, match="already running"):
        await kdc.start()
    await kdc.stop()


async def test_two_kdcs_do_not_meet(new_realm: NewRealm, tmp_path: Path) -> None:
    """KDCs that run at once are on addresses of their own, and each answers from its own database."""
    realms = [new_realm() for _ in range(4)]
    kdcs = [Kdc(realm) for realm in realms]
    addresses = await asyncio.gather(*(kdc.start() for kdc in kdcs))
    try:
        assert len(set(addresses)) == len(kdcs)
        for number, kdc in enumerate(kdcs):
            await kdc.run_kadmin(f"addprinc -clearpolicy -pw secret only-{number}\n")
        for number, realm in enumerate(realms):
            conf = realm.directory / "krb5.conf"
            await kinit(f"only-{number}", "secret", conf, tmp_path / "ccache")
            with pytest.raises(KinitError) as caught:
                await kinit(f"only-{(number + 1) % 4}", "secret", conf, tmp_path / "ccache")
            assert caught.value.kind is KinitErrorKind.CLIENT_UNKNOWN
    finally:
        for kdc in kdcs:
            await kdc.stop()


@pytest.mark.parametrize("transport", ["udp", "tcp", "kdc"])
async def test_taken_port_is_refused(new_realm: NewRealm, transport: str) -> None:
    """A port that another program (a KDC included) holds on either transport is a clear error, not a shared port."""
    other = Kdc(new_realm())
    udp, tcp = bind_pair(None, 0)
    address = Address(*udp.getsockname())
    if transport == "udp":
        tcp.close()
    elif transport == "tcp":
        udp.close()
    else:
        udp.close()
        tcp.close()
        await other.start(*address)
    kdc = Kdc(new_realm())
    with pytest.raises(KdcStartError, match="cannot be used"):
        await kdc.start(*address)
    assert kdc.pid is None
    udp.close()
    tcp.close()
    await other.stop()


async def test_another_listener_is_noticed(new_realm: NewRealm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that shares the UDP port, as a second krb5kdc would, is detected before start returns."""
    address = find_free_address(None, 0)
    monkeypatch.setattr("ssosim.kerberos.kdc.find_free_address", lambda _host, _port: address)
    kdc = Kdc(new_realm())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(address)
        with pytest.raises(KdcStartError, match="another program listens"):
            await kdc.start()
    assert kdc.pid is None


async def test_failed_start_shows_the_log(new_realm: NewRealm) -> None:
    """The error for a KDC that ends at once has its log, and no process remains."""
    realm = new_realm()
    (realm.directory / "stash").unlink()
    kdc = Kdc(realm)
    with pytest.raises(KdcStartError, match=r"(?s)ended at once.*master key"):
        await kdc.start()
    assert kdc.pid is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_dies_with_its_parent(prepared: PreparedRealm, tmp_path: Path, number: signal.Signals) -> None:
    """However the parent ends, also by kill -9, no krb5kdc remains."""
    code = (
        "import asyncio, sys, pathlib\n"
        "from ssosim.estate import default_estate\n"
        "from ssosim.kerberos import Kdc, prepare_realm\n"
        "async def main():\n"
        "    realm = prepare_realm(default_estate(), pathlib.Path(sys.argv[1]))\n"
        "    kdc = Kdc(realm.copy_to(pathlib.Path(sys.argv[2])))\n"
        "    await kdc.start()\n"
        "    print(kdc.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(prepared.directory.parent), str(tmp_path / "copy")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.send_signal(number)
    parent.wait()
    parent.stdout.close()
    assert gone_within(pid, 2.0)


async def test_cancelled_start_leaves_nothing(new_realm: NewRealm) -> None:
    """A cancelled start ends its process."""
    kdc = Kdc(new_realm())
    task = asyncio.create_task(kdc.start())
    while kdc.pid is None:  # noqa: ASYNC110 - the state half way has no event
        await asyncio.sleep(0)
    pid = kdc.pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone_within(pid, 2.0)


@pytest.mark.parametrize(
    ("user", "password", "kind"),
    [
        ("alice", "wrong", KinitErrorKind.WRONG_PASSWORD),
        ("nobody", "any", KinitErrorKind.CLIENT_UNKNOWN),
    ],
)
async def test_kinit_says_why(
    new_realm: NewRealm, tmp_path: Path, user: str, password: str, kind: KinitErrorKind
) -> None:
    """A refused sign-on has a kind."""
    async with Kdc(new_realm()) as kdc:
        with pytest.raises(KinitError) as caught:
            await kinit(user, password, kdc.realm.directory / "krb5.conf", tmp_path / "ccache")
    assert caught.value.kind is kind


async def test_kinit_without_kdc(new_realm: NewRealm, tmp_path: Path) -> None:
    """No KDC at the address: unreachable."""
    realm = new_realm()
    async with Kdc(realm):
        pass
    with pytest.raises(KinitError) as caught:
        await kinit("alice", PASSWORD, realm.directory / "krb5.conf", tmp_path / "ccache")
    assert caught.value.kind is KinitErrorKind.KDC_UNREACHABLE


async def test_password_is_not_on_a_command_line(new_realm: NewRealm, tmp_path: Path) -> None:
    """While kinit waits for a silent KDC, no process shows the password in its arguments."""
    udp, tcp = bind_pair(None, 0)
    realm = new_realm()
    conf = tmp_path / "krb5.conf"
    write_krb5_conf(conf, realm.name, realm.domain, (Address(*udp.getsockname()),))
    task = asyncio.create_task(kinit("alice", "s3cret-word", conf, tmp_path / "cc"))
    udp.setblocking(False)
    await asyncio.get_running_loop().sock_recv(udp, 65536)  # it runs, and has asked
    lines = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                lines.append((Path(entry.path) / "cmdline").read_bytes())
            except OSError:
                continue
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(KinitError) as caught:
        await kinit("alice", "s3cret-word", conf, tmp_path / "cc", timeout=0.3)
    udp.close()
    tcp.close()
    assert caught.value.kind is KinitErrorKind.TIMEOUT
    assert any(b"kinit" in line for line in lines)
    assert not any(b"s3cret-word" in line for line in lines)


@pytest.mark.parametrize("password", ['a"b', '"', '""x"" y', 'it\'s \\ "fine" #1'])
async def test_a_password_may_have_quotes(estate: Estate, tmp_path: Path, password: str) -> None:
    """ADAL4J issue 68: the KDC knows the password of the estate as it is written there, and no other."""
    users = tuple(replace(each, password=password) if each.sam_account == "alice" else each for each in estate.users)
    realm = prepare_realm(replace(estate, users=users), tmp_path / "realms").copy_to(tmp_path / "realm")
    async with Kdc(realm) as kdc:
        conf = tmp_path / "client.conf"
        write_krb5_conf(conf, realm.name, realm.domain, (kdc.address,), None)
        await kinit("alice", password, conf, tmp_path / "ccache")
        with pytest.raises(KinitError):
            await kinit("alice", password.replace('"', ""), conf, tmp_path / "ccache")
