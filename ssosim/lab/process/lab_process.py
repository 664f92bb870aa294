"""Run a lab until it is stopped: the first process of the pid namespace that ``ssosim up`` creates."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import json
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ssosim.estate import EstateError
from ssosim.files.opening import printable_path
from ssosim.kerberos import KdcEndedError, KerberosError, KerberosMissingError, RealmError
from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabError, LabInputError, PrerequisiteError
from ssosim.lab.base.estate_option import locate_mistake, read_estate
from ssosim.lab.base.folder import LabFolder, cache_path
from ssosim.lab.base.free_memory import trim_when_grown
from ssosim.lab.base.garbage import collect_rarely
from ssosim.lab.base.sandbox import explain_refusal
from ssosim.lab.base.shortage import explain_os_error, find_full_disk
from ssosim.lab.network.networks import PrivateNetwork
from ssosim.lab.process.control_extensions import ControlExtensions
from ssosim.lab.process.status_messages import encode_failure, send_line
from ssosim.lab.program_devices.private_lab import PrivateLab
from ssosim.output import print_error

__all__ = ["encode_start_error", "run_lab"]

_REMOVAL_POLL_S = 1.0
_STOP_TIMEOUT_S = 15.0
"""Longer than the supervisor waits, which says that it killed the lab; so this is for a lab without one."""

_FULL_FOR_KERBEROS = 512 * 1024
"""Free octets below which a failure of a Kerberos program is taken for one of the disk."""


def encode_start_error(error: Exception, estate_file: Path | None, folders: Sequence[Path] = ()) -> bytes:
    """Encode an error that kept a lab from starting, with its exit code, as the line for the launcher.

    ``folders``: where the lab writes. If a disk of them is full, or descriptors are few, the text says so (code 3).
    """
    code = getattr(error, "exit_code", LabError.exit_code)
    text = str(error)
    shortage = explain_os_error(error, *folders) if isinstance(error, OSError) else ""
    is_of_program = isinstance(error, KerberosError) and not isinstance(error, KerberosMissingError)
    if is_of_program and (full := find_full_disk(*folders, needed=_FULL_FOR_KERBEROS)):
        shortage = f"{full} ({text})"  # kinit and kdb5_util report a full disk by the call that failed
    if shortage:
        return encode_failure(f"the lab could not be started: {shortage}", PrerequisiteError.exit_code)
    if isinstance(error, linux.SystemCallRefusedError):
        call = (error.strerror or "").partition(":")[0]
        text, code = explain_refusal(error.errno or 0, call), PrerequisiteError.exit_code
    elif isinstance(error, OSError):
        text = f"the lab could not be started: {text}"
    elif isinstance(error, KerberosMissingError):
        code = PrerequisiteError.exit_code
    elif isinstance(error, RealmError):
        code = LabInputError.exit_code
    elif isinstance(
        error, EstateError
    ):  # from a part with a stricter check than the estate's; its text starts with the key
        code = LabInputError.exit_code
        if estate_file is not None:
            text = locate_mistake(error, estate_file)
    return encode_failure(text, code)


def run_lab(
    folder: LabFolder,
    estate_file: Path | None,
    *,
    outer_pid: int,
    began: float,
    ready: int,
    extensions: ControlExtensions | None = None,
) -> int:
    """Run the lab until it is stopped; return the exit code.

    Sends one line through the descriptor ``ready``: the status when the lab is ready, or the error of its start.
    ``outer_pid``: this process's id outside of the pid namespace. ``began``: the monotonic time of the command's start.
    """
    has_reported = False

    def report(line: bytes) -> None:
        nonlocal has_reported
        has_reported = True
        send_line(ready, line)

    try:
        estate = read_estate(estate_file)
        linux.raise_file_limit()
        import uvloop  # noqa: PLC0415 - only here, so that tests can run the parts on any event loop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(
                _run_lab(PrivateLab(folder, estate, PrivateNetwork()), outer_pid, began, report, extensions)
            )
    except (LabError, KerberosError, EstateError, OSError) as error:
        if has_reported and isinstance(error, KdcEndedError):
            print_error(f"{error}, and ends")
            return LabError.exit_code
        if has_reported:  # the launcher no longer reads the pipe: the traceback goes to the log
            raise
        report(encode_start_error(error, estate_file, (folder.path, cache_path())))
        return 0
    finally:
        folder.remove_run_files()


async def _run_lab(
    private: PrivateLab,
    outer_pid: int,
    began: float,
    report: Callable[[bytes], None],
    extensions: ControlExtensions | None,
) -> int:
    folder = private.folder
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # If a part hangs, and the supervisor is gone, nobody else would end this process.
        faulthandler.dump_traceback_later(_STOP_TIMEOUT_S, exit=True)
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    linux.set_death_signal(signal.SIGTERM)  # from here on the loop can stop in order if the supervisor is killed
    await private.start()
    from ssosim.lab.control.api import ControlApi  # noqa: PLC0415 - ``start`` has imported its dependencies
    from ssosim.lab.core.trace_writer import record_to_file  # noqa: PLC0415

    async with contextlib.AsyncExitStack() as cleanup:
        cleanup.push_async_callback(private.stop)
        cleanup.enter_context(record_to_file(private.lab.trace, folder.trace))

        extensions = extensions or ControlExtensions()
        control = ControlApi(private, ended.set, extensions.make_handlers)
        recovered = control.recover()
        await control.start(folder.socket, extensions.listener)
        cleanup.push_async_callback(control.stop)
        folder.write_facts({"pid": outer_pid, "name": folder.name})
        private.ready_s = time.monotonic() - began
        private.pid = outer_pid
        report(json.dumps({"status": control.status(), "recovered": recovered}).encode())
        collect_rarely()
        watch = asyncio.create_task(_wait_for_removal(folder))
        watch.add_done_callback(lambda _: ended.set())
        trimming = asyncio.create_task(trim_when_grown())
        try:
            await private.lab.run_while_healthy(ended.wait())
        finally:
            watch.cancel()
            trimming.cancel()
    return 0


async def _wait_for_removal(folder: LabFolder) -> None:
    """Return when the lock file of this lab is gone, or is another lab's: nobody can stop this lab any more."""
    lock = folder.path / "lock"
    own = lock.stat()
    while True:
        await asyncio.sleep(_REMOVAL_POLL_S)
        try:
            now = lock.stat()
        except FileNotFoundError:
            break
        if (now.st_dev, now.st_ino) != (own.st_dev, own.st_ino):
            break
    print_error(f"the folder {printable_path(folder.path)} was removed: the lab ends")
