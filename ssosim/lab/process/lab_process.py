"""Be a lab until asked to stop: the first process of the world that ``ssosim up`` makes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ssosim.estate import EstateError
from ssosim.estate.toml import format_mistake, read_text
from ssosim.estate.toml_lines import parse_path
from ssosim.kerberos import KerberosError, KerberosMissingError, RealmError
from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabError, LabInputError, MachineLacksError
from ssosim.lab.base.estate_option import read_estate
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.network.networks import PrivateNetwork
from ssosim.lab.process.control_extensions import ControlExtensions
from ssosim.lab.process.status_messages import failure, tell
from ssosim.lab.program_devices.private_lab import PrivateLab

__all__ = ["refusal", "serve"]


def refusal(error: Exception, estate_file: Path | None) -> bytes:
    """The line by which the front is told of an error that kept a lab from starting."""
    code = getattr(error, "exit_code", LabError.exit_code)
    text = str(error)
    if isinstance(error, OSError):
        text = f"the lab could not be started: {text}"
    elif isinstance(error, KerberosMissingError):
        code = MachineLacksError.exit_code
    elif isinstance(error, RealmError):
        code = LabInputError.exit_code
    elif isinstance(error, EstateError):  # by a part that looked closer than the estate's own check; it names the key
        code = LabInputError.exit_code
        where, _, what = text.partition(": ")
        if estate_file is not None:
            text = format_mistake(read_text(estate_file), str(estate_file), parse_path(f"$.{where.split()[0]}"), what)
    return failure(text, code)


def serve(
    folder: LabFolder,
    estate_file: Path | None,
    *,
    outer_pid: int,
    began: float,
    ready: int,
    extras: ControlExtensions | None = None,
) -> int:
    """Be the lab until asked to stop; the exit code. Tells readiness, or what went wrong, through ``ready``."""
    told = False

    def say(line: bytes) -> None:
        nonlocal told
        told = True
        tell(ready, line)

    try:
        estate = read_estate(estate_file)
        linux.raise_file_limit()
        import uvloop  # noqa: PLC0415 - only here, so that a loop of another kind can run the parts in tests

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(PrivateLab(folder, estate, PrivateNetwork()), outer_pid, began, say, extras))
    except (LabError, KerberosError, EstateError, OSError) as error:
        if told:  # the lab ran, and the front no longer listens: it is for the log
            raise
        say(refusal(error, estate_file))
        return 0
    finally:
        folder.sweep()


async def _serve(
    private: PrivateLab, outer_pid: int, began: float, say: Callable[[bytes], None], extras: ControlExtensions | None
) -> int:
    folder = private.folder
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    linux.die_with_parent(0, signal.SIGTERM)  # from here on the loop can end in order when the supervisor is killed
    await private.start()
    from ssosim.lab.control.api import ControlApi  # noqa: PLC0415 - the parts that it needs are imported by now
    from ssosim.lab.core.trace_writer import recording  # noqa: PLC0415

    async with contextlib.AsyncExitStack() as cleanup:
        cleanup.push_async_callback(private.stop)
        cleanup.enter_context(recording(private.lab.trace, folder.trace))

        extras = extras or ControlExtensions()
        control = ControlApi(private, ended.set, extras.upstairs)
        recovered = control.recover()
        await control.start(folder.socket, extras.listener)
        cleanup.push_async_callback(control.stop)
        in_user_namespace = outer_pid != os.getpid() and _is_mapped()
        folder.write_facts({"pid": outer_pid, "user_namespace": in_user_namespace, "name": folder.name})
        private.ready_s = time.monotonic() - began
        private.pid = outer_pid
        say(json.dumps({"status": control.status(), "recovered": recovered}).encode())
        # What a running lab keeps is its trace, which holds no cycles: looking through all of it again and again cost
        # a twentieth of its time under load.
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        await ended.wait()
    return 0


def _is_mapped() -> bool:
    fields = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    return fields[2] == "1"
