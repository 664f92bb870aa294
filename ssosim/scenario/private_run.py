"""Play a scenario in a private network of its own, unmodified programs included."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Coroutine, Iterable
from pathlib import Path

from ssosim_clients.policies.registry import PolicyLoadError

from ssosim.clock import VirtualClock
from ssosim.estate import Estate, EstateError
from ssosim.faults import FaultError
from ssosim.kerberos import KerberosError
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.estate_option import read_estate
from ssosim.lab.base.folder import LabFolder, cache_path
from ssosim.lab.base.garbage import collect_rarely
from ssosim.lab.base.shortage import is_shortage
from ssosim.lab.control.api import ControlApi
from ssosim.lab.core.trace_writer import record_to_file
from ssosim.lab.network.networks import PrivateNetwork
from ssosim.lab.process.lab_process import encode_start_error
from ssosim.lab.process.status_messages import encode_failure, send_line
from ssosim.lab.program_devices.device_clocks import check_program_clock
from ssosim.lab.program_devices.execute import find_program_file
from ssosim.lab.program_devices.private_lab import PrivateLab
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.fitting import fit_scenario
from ssosim.scenario.model import Client, Scenario
from ssosim.scenario.phases import Playback
from ssosim.scenario.player import play
from ssosim.scenario.results import run_result
from ssosim.trace import ClientFinished, ClientMessage, redact
from ssosim.trace.redact import shorten_output
from ssosim.verdict.result import RunResult, encode_result

__all__ = ["run_in_namespaces"]

_DEVICE_START_S = 10.0  # for making a device on a busy machine


def run_in_namespaces(
    folder: LabFolder, scenario: Scenario, estate_file: Path | None, status_fd: int, *, at_once: int | None = None
) -> int:
    """Start a lab in the private network of this process, play ``scenario``, stop, and return the exit code 0.

    The result, or the error, is written as one line to the descriptor ``status_fd``. ``at_once`` is the number of
    programs that run in parallel.
    """
    try:
        line = encode_result(_run_in_uvloop(_run(folder, scenario, scenario.estate(read_estate(estate_file)), at_once)))
    except asyncio.CancelledError:
        line = encode_failure("stopped before the end", LabError.exit_code)
    except FaultError as error:
        line = encode_failure(f"{scenario.name}: {error}", LabInputError.exit_code)
    except (LabError, KerberosError, EstateError, OSError) as error:
        if isinstance(error, OSError) and not is_shortage(error):
            raise  # a fault of ssosim's own: the traceback goes to the log
        line = encode_start_error(error, estate_file, (folder.path, cache_path()))
    finally:
        folder.remove_run_files()
    send_line(status_fd, line)
    return 0


def _run_in_uvloop(work: Coroutine[object, None, RunResult]) -> RunResult:
    import uvloop  # noqa: PLC0415 - only here, so that a loop of another kind can run the parts in tests

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def _run(folder: LabFolder, scenario: Scenario, estate: Estate, at_once: int | None) -> RunResult:
    task: asyncio.Task[RunResult] | None = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run makes one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        models = {client.name: model_of(client) for client in scenario.clients if client.model is not None}
    except (LookupError, PolicyLoadError) as error:
        raise LabInputError(str(error)) from error
    fitted = fit_scenario(scenario, estate)  # a scenario that does not fit is refused before anything starts
    clock = VirtualClock(scenario.phases[0].start.timestamp())
    private = PrivateLab(folder, estate, PrivateNetwork())
    await private.start(clock)
    collect_rarely()
    async with contextlib.AsyncExitStack() as cleanup:
        cleanup.push_async_callback(private.stop)
        cleanup.enter_context(record_to_file(private.lab.trace, folder.trace, max_octets=None))
        control = ControlApi(private, lambda: _cancel(task))
        await control.start(folder.socket)
        cleanup.push_async_callback(control.stop)
        programs = _Programs(private)

        async def sign_on_and_play() -> Playback:
            await programs.sign_on(fitted.scenario.clients)
            return await play(scenario, private.lab, clock, models, programs.run, at_once)

        return run_result(await private.lab.run_while_healthy(sign_on_and_play()))


def _cancel(task: asyncio.Task[RunResult]) -> None:
    task.cancel()


class _Programs:
    """Runs the programs among the clients, each on its own device."""

    def __init__(self, private: PrivateLab) -> None:
        self._private = private

    async def sign_on(self, clients: Iterable[Client]) -> None:
        """Get the tickets of the programs' users before any fault is applied; each program gets a copy of a ticket."""
        for client in clients:
            try:
                device = self._private.lab.device_of(client.device_name)
            except LabInputError as error:
                raise LabInputError(f"client {client.name!r}: device: {error}") from error
            if client.run and device.user and self._private.lab.gets_ticket(device):
                await self._private.lab.find_ticket(self._private.lab.user_of(device), client.name, device)

    async def run(self, client: Client) -> None:
        """Run the client's program to its end or its deadline; record its output in the trace.

        Raises LabInputError for a program whose device has another clock, which the program cannot get.
        """
        check_program_clock(self._private.lab.clocks, client.name, find_program_file(client.run))
        device = self._private.lab.device_of(client.device_name).name
        options = {
            "device": device,
            "label": client.name,
            "person": client.behaviour,
            "etc": client.etc,
            "ipv6": client.ipv6 or None,
            "deadline": client.deadline,
        }
        command = [
            sys.executable,
            "-m",
            "ssosim.lab.program_devices.execute_inside",
            self._private.folder.name,
            json.dumps(options),
        ]
        # `env` sets the variables after the device has set its own.
        settings = [f"{name}={value}" for name, value in client.environment.items()]
        process = await asyncio.create_subprocess_exec(
            *command,
            *(["env", *settings] if settings else []),
            *client.run,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), client.deadline + _DEVICE_START_S)
        except TimeoutError:  # the device should have ended the program at the deadline, so the device itself hangs
            output = f"stopped after {client.deadline:.0f} s".encode()
            end = ClientFinished(
                program=client.run[0], exit_code=-signal.SIGKILL, stopped="deadline", running_s=client.deadline
            )
            self._private.lab.trace.record(client.name, end)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = output.decode("utf-8", "replace").strip()
        assert self._private.lab.provider is not None  # noqa: S101 - the lab has started
        secrets = self._private.lab.provider.directory.secrets
        self._private.lab.trace.record(client.name, ClientMessage(text=shorten_output(redact(text, secrets))))
