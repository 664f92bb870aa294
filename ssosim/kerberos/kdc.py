"""A running krb5kdc: started, known to answer, and certain to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ssosim.kerberos.errors import KdcStartError
from ssosim.kerberos.free_ports import Address, free_address, sockets_of, udp_holders
from ssosim.kerberos.messages import Unreadable, build_as_request, read_message
from ssosim.kerberos.programs import find_program, tool_environment
from ssosim.kerberos.realm import PreparedRealm, kadmin

__all__ = ["Kdc"]

START_TIMEOUT = 10.0
STOP_TIMEOUT = 2.0
POLL = 0.001

# The death signal is set in the child, by when the parent may be gone already: the shell looks once more.
GUARD = 'test "$PPID" = "$1" || exit 1; shift; exec "$@"'


class Kdc:
    """krb5kdc on the realm in ``realm.directory``, which it should have to itself (``PreparedRealm.copy_to``).

    ``clock_offset`` in seconds sets the KDC's clock ahead of the machine's (``krb5kdc -T``). An async context
    manager; or ``start`` and ``stop``. The process dies with the thread that started it, even at kill -9, so start
    it from a thread that lasts. What it prints and logs is in ``log``.
    """

    def __init__(self, realm: PreparedRealm, *, clock_offset: int = 0) -> None:
        self.realm = realm
        self.log: Path = realm.directory / "kdc.log"
        self._clock_offset = clock_offset
        self._process: subprocess.Popen[bytes] | None = None
        self._address: Address | None = None

    @property
    def address(self) -> Address:
        """Where it listens, UDP and TCP. Raises KdcStartError before ``start``."""
        if self._address is None:
            raise KdcStartError("krb5kdc has not been started")
        return self._address

    @property
    def pid(self) -> int | None:
        """Process id; None while it is not running."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start(self, host: str | None = None, port: int = 0) -> Address:
        """Start, and return once an AS exchange over UDP and one over TCP were answered.

        Without ``host`` a random loopback address is taken, with port 0 a free port. Raises KdcStartError,
        KerberosMissingError, RealmError.
        """
        if self.pid is not None:
            raise KdcStartError(f"krb5kdc is already running on {self.address}")
        try:
            address = free_address(host, port)
        except OSError as error:
            raise KdcStartError(f"{host}:{port} cannot be used for the KDC: {error.strerror}") from error
        self.realm.write_conf(address)
        # Not in a worker thread: the death signal comes when the *thread* that made the child ends.
        process = self._spawn()
        self._process, self._address = process, address
        try:
            await asyncio.to_thread(self._wait_until_ready, process, address)
        except BaseException:
            await self.stop()
            raise
        return address

    async def stop(self) -> None:
        """End krb5kdc with its process group; nothing happens if it is not running."""
        process, self._process, self._address = self._process, None, None
        if process is None:
            return
        _signal_group(process, signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _signal_group(process, signal.SIGKILL)
            process.wait()

    async def kadmin(self, batch: str) -> str:
        """Change the realm while it runs; see ``ssosim.kerberos.realm.kadmin``."""
        return await asyncio.to_thread(kadmin, self.realm, batch)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        kdc = [find_program("krb5kdc"), "-n", "-r", self.realm.name]
        if self._clock_offset:
            kdc += ["-T", str(self._clock_offset)]
        guard = [find_program("setpriv"), "--pdeathsig", "KILL", find_program("sh"), "-c", GUARD, "sh"]
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - a program found by name, arguments of our own
                [*guard, str(os.getpid()), *kdc],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.realm.directory,
                env=tool_environment(self.realm.directory),
                process_group=0,
            )

    def _wait_until_ready(self, process: subprocess.Popen[bytes], address: Address) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        request = build_as_request(self.realm.name, "ready")
        # TCP first: krb5kdc opens it last, and a refused connection is the cheaper question.
        for ask in (_ask_tcp, _ask_udp):
            while not ask(address, request):
                if process.poll() is not None:
                    raise KdcStartError(f"krb5kdc ended at once, exit code {process.returncode}:\n{self._last()}")
                if time.monotonic() > deadline:
                    raise KdcStartError(f"krb5kdc gave no answer in {START_TIMEOUT:.0f} s:\n{self._last()}")
                time.sleep(POLL)
        # Where /proc belongs to an outer pid namespace (containers that forbid mounting it), it cannot tell.
        proc_is_ours = Path("/proc/self").readlink().name == str(os.getpid())
        if proc_is_ours and not udp_holders(address) <= set(sockets_of(process.pid)):
            raise KdcStartError(f"another program listens on {address} as well; krb5kdc would share its requests")

    def _last(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
        return "(no log)"


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # Until the process is waited for, its number and group cannot belong to anyone else.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def _ask_udp(address: Address, request: bytes) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.25)
        try:
            client.connect(address)
            client.send(request)
            answer = client.recv(65536)
        except OSError:
            return False
    return not isinstance(read_message(answer), Unreadable)


def _ask_tcp(address: Address, request: bytes) -> bool:
    try:
        with socket.create_connection(address, timeout=0.25) as client, client.makefile("rb") as stream:
            client.sendall(len(request).to_bytes(4, "big") + request)
            answer = stream.read(int.from_bytes(stream.read(4), "big") & 0xFFFF)
    except OSError:
        return False
    return not isinstance(read_message(answer), Unreadable)
