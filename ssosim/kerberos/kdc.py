"""Start and stop krb5kdc, and wait until it answers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ssosim.kerberos.errors import KdcEndedError, KdcStartError
from ssosim.kerberos.free_ports import Address, find_free_address, list_socket_inodes, list_udp_inodes
from ssosim.kerberos.messages import Unreadable, build_as_request, read_message
from ssosim.kerberos.programs import build_tool_environment, describe_end, find_program
from ssosim.kerberos.realm import PreparedRealm, run_kadmin
from ssosim.kerberos.samba_realm import SAMBA_FOLDER

__all__ = ["Kdc"]

START_TIMEOUT = 10.0
SAMBA_START_TIMEOUT = 60.0
STOP_TIMEOUT = 2.0
POLL = 0.001

SAMBA_OPTIONS = ("--foreground", "--model=single", "--debug-stdout", "--debuglevel=1")
"""One process, which stays a child and logs to standard output. Source: samba(8)."""

_SAMBA_CLOCK = 'Samba\'s KDC has no clock of its own; a KDC with another time needs directory = "mit"'

_T = TypeVar("_T")

# setpriv sets the parent-death signal in the child. The parent may have ended before that, so the shell checks again.
GUARD = 'test "$PPID" = "$1" || exit 1; shift; exec "$@"'


class Kdc:
    """A krb5kdc process, or Samba's KDC, for the realm in ``realm.directory``.

    No other KDC may use that directory (see ``copy_to``).

    ``clock_offset`` (seconds) sets the KDC's clock ahead of the machine's clock (``krb5kdc -T``; Samba has none). Use
    it as an async context manager, or call ``start`` and ``stop``. The kernel kills the process when the thread that
    started it ends, also after SIGKILL, so start it from a thread that lives long enough. Its output and log are in the
    file ``log``.

    It may be killed from outside, or crash. Work that needs it runs under ``run_while_alive``, which then ends.
    """

    def __init__(self, realm: PreparedRealm, *, clock_offset: int = 0) -> None:
        self.realm = realm
        self.log: Path = realm.directory / "kdc.log"
        self._clock_offset = clock_offset
        self._process: subprocess.Popen[bytes] | None = None
        self._address: Address | None = None
        self._ended: asyncio.Future[KdcEndedError] | None = None
        self._stop_watching: Callable[[], None] = lambda: None

    @property
    def address(self) -> Address:
        """The address that it listens on, UDP and TCP. Raises KdcStartError before ``start``."""
        if self._address is None:
            raise KdcStartError("krb5kdc has not been started")
        return self._address

    @property
    def pid(self) -> int | None:
        """The process id; None while krb5kdc is not running."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start(self, host: str | None = None, port: int = 0) -> Address:
        """Start krb5kdc, and return when it has answered an AS-REQ over UDP and one over TCP.

        ``host`` None chooses a random loopback address; port 0 chooses a free port. Raises KdcStartError,
        KerberosMissingError, RealmError.
        """
        if self._clock_offset and self.realm.samba is not None:
            raise KdcStartError(_SAMBA_CLOCK)
        if self.pid is not None:
            raise KdcStartError(f"krb5kdc is already running on {self.address}")
        try:
            address = find_free_address(host, port)
        except OSError as error:
            raise KdcStartError(f"{host}:{port} cannot be used for the KDC: {error.strerror}") from error
        self.realm.write_conf(address)
        # Not in a worker thread: the parent-death signal is sent when the *thread* that made the child ends.
        process = self._spawn()
        self._process, self._address = process, address
        self._watch(process)
        try:
            await asyncio.to_thread(self._wait_until_ready, process, address)
        except BaseException:
            await self.stop()
            raise
        return address

    async def stop(self) -> None:
        """Stop krb5kdc and its process group. Does nothing if it is not running."""
        process, self._process, self._address = self._process, None, None
        if process is None:
            return
        self._stop_watching()
        if self._ended is not None and not self._ended.done():
            self._ended.cancel()  # an end from here on is wanted
        _signal_group(process, signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def set_clock_offset(self, seconds: int) -> None:
        """Set the clock of a running KDC ``seconds`` ahead of the machine's: it is started again at the same address.

        That takes about 20 ms, in which the caller waits. Requests meanwhile get no reply. Call it in the thread that
        started the KDC. Raises KdcStartError, also for Samba.
        """
        if seconds == self._clock_offset:
            return
        if self.realm.samba is not None:
            raise KdcStartError(_SAMBA_CLOCK)
        address, before = self.address, self._clock_offset
        self._kill()
        self._clock_offset = seconds
        try:
            self._start_again(address)
        except KdcStartError:
            self._kill()
            self._clock_offset = before
            self._start_again(address)  # if it ends again, that is noticed: the lab has no KDC
            raise

    def _kill(self) -> None:
        self._stop_watching()
        if self._process is not None:
            _signal_group(self._process, signal.SIGKILL)
            self._process.wait()

    def _start_again(self, address: Address) -> None:
        self._process = process = self._spawn()
        self._watch(process)
        self._wait_until_ready(process, address)

    def check_alive(self) -> None:
        """Raise KdcEndedError if krb5kdc was started and has ended without ``stop``."""
        if self._ended is not None and self._ended.done() and not self._ended.cancelled():
            raise self._ended.result()

    async def run_while_alive(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run ``work`` to its end and return its result.

        If krb5kdc ends meanwhile without ``stop``, ``work`` is cancelled, and KdcEndedError is raised, also instead of
        an error of ``work``: without a KDC, its errors mislead. Raises KdcStartError before ``start``.
        """
        if self._ended is None:
            work.close()
            raise KdcStartError("krb5kdc has not been started")
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if self._ended.cancelled():  # it was stopped
                await asyncio.wait((task,))
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()  # if the next line raises, nobody else reads it
        self.check_alive()
        return task.result()

    async def run_kadmin(self, batch: str) -> str:
        """Change the realm while the KDC runs; see ``ssosim.kerberos.realm.run_kadmin``."""
        return await asyncio.to_thread(run_kadmin, self.realm, batch)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def _program(self) -> str:
        return "krb5kdc" if self.realm.samba is None else "samba"

    def _build_command(self) -> list[str]:
        samba = self.realm.samba
        if samba is not None:
            settings = str(self.realm.directory / SAMBA_FOLDER / "smb.conf")
            return samba.build_command(["/usr/sbin/samba", *SAMBA_OPTIONS, f"--configfile={settings}"])
        kdc = [find_program("krb5kdc"), "-n", "-r", self.realm.name]
        if self._clock_offset:
            kdc += ["-T", str(self._clock_offset)]
        guard = [find_program("setpriv"), "--pdeathsig", "KILL", find_program("sh"), "-c", GUARD, "sh"]
        return [*guard, str(os.getpid()), *kdc]

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the program was found by name, the arguments are fixed here
                self._build_command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.realm.directory,
                env=build_tool_environment(self.realm.directory),
                process_group=0,
            )

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Notice the end of ``process``. Source: pidfd_open(2)."""
        loop = asyncio.get_running_loop()
        if self._ended is None or self._ended.done():
            self._ended = loop.create_future()
        handle = os.pidfd_open(process.pid)
        loop.add_reader(handle, functools.partial(self._notice_end, process, self._ended))

        def stop_watching() -> None:
            self._stop_watching = lambda: None
            loop.remove_reader(handle)
            os.close(handle)

        self._stop_watching = stop_watching

    def _notice_end(self, process: subprocess.Popen[bytes], ended: asyncio.Future[KdcEndedError]) -> None:
        self._stop_watching()
        if not ended.done():
            how = describe_end(process.wait())
            ended.set_result(
                KdcEndedError(f"{self._program} {how} although nobody stopped it: the lab has no KDC any more")
            )

    def _wait_until_ready(self, process: subprocess.Popen[bytes], address: Address) -> None:
        timeout = START_TIMEOUT if self.realm.samba is None else SAMBA_START_TIMEOUT
        deadline = time.monotonic() + timeout
        request = build_as_request(self.realm.name, "ready")
        # TCP first: krb5kdc opens it last, and a refused connection is detected sooner than a missing UDP reply.
        for is_answered in (_is_answered_over_tcp, _is_answered_over_udp):
            while not is_answered(address, request):
                if process.poll() is not None:
                    raise KdcStartError(
                        f"{self._program} ended at once, exit code {process.returncode}:\n{self._read_log_end()}"
                    )
                if time.monotonic() > deadline:
                    raise KdcStartError(f"{self._program} gave no answer in {timeout:.0f} s:\n{self._read_log_end()}")
                time.sleep(POLL)
        # If /proc belongs to an outer pid namespace (in containers that forbid a mount of it), the check is impossible.
        proc_is_of_this_namespace = Path("/proc/self").readlink().name == str(os.getpid())
        if proc_is_of_this_namespace and not list_udp_inodes(address) <= set(list_socket_inodes(process.pid)):
            raise KdcStartError(
                f"another program listens on {address} as well; {self._program} would share its requests"
            )

    def _read_log_end(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
        return "(no log)"


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # Until the process has been waited for, no other process can get its process id and group.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def _is_answered_over_udp(address: Address, request: bytes) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.25)
        try:
            client.connect(address)
            client.send(request)
            answer = client.recv(65536)
        except OSError:
            return False
    return not isinstance(read_message(answer), Unreadable)


def _is_answered_over_tcp(address: Address, request: bytes) -> bool:
    try:
        with socket.create_connection(address, timeout=0.25) as client, client.makefile("rb") as stream:
            client.sendall(len(request).to_bytes(4, "big") + request)
            answer = stream.read(int.from_bytes(stream.read(4), "big") & 0xFFFF)
    except OSError:
        return False
    return not isinstance(read_message(answer), Unreadable)
