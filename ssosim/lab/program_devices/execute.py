"""Run any program inside a running lab, on a device of its own: the command ``ssosim exec``.

Theory of operation
-------------------
A program's device consists of namespaces, files and routes. Two sides create it together: the processes of this module,
on the device's side, and ``ProgramDevices`` in the lab's process. They communicate over the control API's Unix socket.

Processes of this side, each the parent of the next:

========  ========================  ===================================================================================
process   namespaces                what it does
========  ========================  ===================================================================================
exec      user, net, uts, pid, mnt  ``execute`` joins the lab's namespaces, forks the joiner, and waits for it. Its
          of the lab                exit code is the program's.
joiner    net, mnt of its own       Creates the device: see below. Enforces the deadline. Reports the program's end.
init      pid of its own            Process 1 of the device: mounts its /proc, starts the program, reaps orphans, and
                                    ends with the program. The kernel then kills all other processes of the device.
watcher   as init                   Requests device codes from the lab, and starts the scripted user for each. Only if
                                    the scripted user responds to device codes.
program   user of its own           Has the user id that the user has outside, the device's environment, and default
                                    signal handlers.
========  ========================  ===================================================================================

How a device is created:

1. The joiner leaves the lab's network and mount namespace for new ones. The network has no link yet.
2. The joiner sends ``POST /v1/devices`` with its process id and the user's options.
3. The lab creates a veth pair and moves one end, ``eth0``, into the network namespace of that process. It chooses the
   address, registers it for the client's name, writes the ticket and the scripted user's files into the device's
   folder, and watches the joiner by a pidfd. It responds with the ``ip`` commands, the environment and the files.
4. The joiner runs the ``ip`` commands: address, link up, one route to each host. Only now can packets flow.
5. The joiner writes and mounts the files that this device has in place of the lab's /etc (``device_files``).
6. The joiner creates a pid namespace and forks the init, which starts the program.
7. When the program has ended, the joiner sends ``POST /v1/devices/ADDRESS/finished``. The lab records the exit code
   and removes the device's folder. If the joiner was killed, the pidfd tells the lab, which does the same.

Rules that always hold:

- The address is registered before the first packet can be sent, so no request of a program is without a client.
- Each process of the chain is made by ``linux.fork_dependent``: if one is killed, at any moment, all below it end.
- The lab runs ``ip`` in its own network namespace only, and the joiner in the device's only. Neither has to join the
  other's.
- Signals: SIGINT and SIGQUIT reach the program through the terminal, so the others ignore them. SIGTERM and SIGHUP are
  forwarded down the chain.
- Few imports: ``ssosim exec`` must start a program almost without delay.

What can go wrong: the lab's user namespace can be joined by its creator only, so another user's lab is refused
(LabError). Each fork of a process with threads would be unsafe; there are none here.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypedDict, Unpack

from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.program_devices.control_client import request_json
from ssosim.lab.program_devices.device_files import (
    find_nss_databases,
    lay_shared_memory,
    resolve_readable_folder,
    write_device_files,
)
from ssosim.output import one_line, print_error

if TYPE_CHECKING:
    from ssosim.lab.program_devices.recorded_output import RecordedOutput

__all__ = ["OWN_MISTAKE", "ExecOptions", "device_environment", "execute", "execute_here", "find_program_file"]

_Identity: TypeAlias = tuple[int, int] | None
"""User and group id of the lab's root outside of the lab's user namespace; None if it has none."""

_OF_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)
_HELD_BACK = (*_OF_TERMINAL, *_PASSED_ON)
_TIMED_OUT = 124
_KILLED = 128 + signal.SIGKILL
_END_OF_LAB_S = 1.0
"""So long after its programs a lab that ends is gone: the kernel kills all processes of its namespace first."""
OWN_MISTAKE = 125
"""The exit code of ``ssosim exec`` for a mistake of ssosim itself; all codes below are the program's."""
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")


class ExecOptions(TypedDict, total=False):
    """Options of a device. All may be missing.

    ``device``: the name of a device of the estate (default: the first). ``label``: the client's name in the trace
    (default: program and number). ``person``: the behaviour of the scripted user. ``etc``: a folder whose files replace
    those of the device's ``/etc``. ``ipv6``: whether the device has IPv6 (default: as in the estate). ``deadline``:
    seconds after which the program and its descendants are killed; the exit code is then 124, as for timeout(1).
    ``last_step``: the step that completes the sign-in, if that is not a token. ``record_output``: whether the trace
    gets what the program prints. ``identify`` gets, after the program's end, the client's name and the number of the
    last trace record before its start; it is not called if there was no device.
    """

    device: str | None
    label: str | None
    person: str | None
    etc: str | None
    ipv6: bool | None
    deadline: float | None
    last_step: str | None
    record_output: bool
    identify: Callable[[str, int], None] | None


def execute(folder: LabFolder, command: Sequence[str], **options: Unpack[ExecOptions]) -> int:
    """Run ``command`` on a device in the lab of ``folder``; return the program's exit code.

    Moves this process into the lab's namespaces. Raises LabInputError when the lab is not running or an option is
    invalid, LabError when the namespaces cannot be joined.
    """
    options = _resolve_etc(options)
    facts = folder.read_facts()
    if facts is None or not folder.is_running():
        raise LabInputError(f'no lab "{folder.name}" is up; start it with: ssosim up --name {folder.name}')
    directory = _working_directory()
    try:
        lab = os.pidfd_open(facts["pid"])
    except ProcessLookupError as error:
        raise LabError(f'lab "{folder.name}" has ended') from error
    _join(facts["pid"], user_namespace=folder.read_outer_identity() is not None)
    code = _execute(folder, command, directory, options)
    if code == _KILLED and select.select([lab], [], [], _END_OF_LAB_S)[0]:
        raise LabError(f'lab "{folder.name}" has ended, and the program with it')
    return code


def execute_here(folder: LabFolder, command: Sequence[str], **options: Unpack[ExecOptions]) -> int:
    """Do the same as ``execute``, for a process that is in the lab's namespaces already."""
    return _execute(folder, command, _working_directory(), _resolve_etc(options))


def _resolve_etc(options: ExecOptions) -> ExecOptions:
    """Return ``options`` with ``etc`` as an absolute path. Raises LabInputError if it is not a readable folder."""
    etc = options.get("etc")
    return options if etc is None else {**options, "etc": str(resolve_readable_folder(etc))}


def _execute(folder: LabFolder, command: Sequence[str], directory: Path, options: ExecOptions) -> int:
    # The program may run, and a signal come, before this process is ready to ignore it or pass it on.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    identify = options.pop("identify", None)
    identity, identity_fd = os.pipe()  # a program does not inherit them
    joiner = linux.fork_dependent()
    if joiner == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
        deadline = options.pop("deadline", None)
        record_output = options.pop("record_output", False)
        request = {**options, "program": Path(command[0]).name, "program_file": find_program_file(command)}
        _run_and_exit(lambda: _run_joiner(folder, command, request, directory, deadline, identity_fd, record_output))
    os.close(identity_fd)
    code = _wait_for_child(joiner)
    with os.fdopen(identity, "rb") as line:
        if identify is not None and (text := line.readline()):
            name, since = json.loads(text)
            identify(name, since)
    return code


def find_program_file(command: Sequence[str]) -> str | None:
    """Return the path of the program of ``command``, without ``env`` and its variables; None where there is none."""
    words = list(command)
    if Path(words[0]).name == "env":
        words = [word for number, word in enumerate(words) if number and "=" not in word and not word.startswith("-")]
    if not words:
        return None
    folders = [""] if os.sep in words[0] else os.get_exec_path()
    paths = (os.path.join(folder, words[0]) for folder in folders)  # noqa: PTH118 - no pathlib here
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # the directory was removed
        return Path("/")


def device_environment(attachment: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a program on a device: this process's, without proxies, with the device's variables."""
    unset = attachment.get("unset", ())
    kept = {n: value for n, value in os.environ.items() if n.lower() not in _PROXY_VARIABLES and n not in unset}
    device: dict[str, str] = attachment["environment"]
    if first := attachment.get("path"):
        device = {**device, "PATH": f"{first}{os.pathsep}{kept.get('PATH', os.defpath)}"}
    if (more := device.get("LD_PRELOAD")) and kept.get("LD_PRELOAD"):
        device = {**device, "LD_PRELOAD": f"{more} {kept['LD_PRELOAD']}"}
    return kept | device


def _join(pid: int, *, user_namespace: bool) -> None:
    kinds = [("user", linux.CLONE_NEWUSER)] if user_namespace else []
    kinds += [
        ("net", linux.CLONE_NEWNET),
        ("uts", linux.CLONE_NEWUTS),
        ("pid", linux.CLONE_NEWPID),
        ("mnt", linux.CLONE_NEWNS),
    ]
    try:
        handles = [(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC), flag) for kind, flag in kinds]
        for handle, flag in handles:
            linux.setns(handle, flag)
            os.close(handle)
    except OSError as error:
        raise LabError(
            f"the lab's network cannot be joined: {error.strerror}; was it started by another user?"
        ) from error


def _run_joiner(
    folder: LabFolder,
    command: Sequence[str],
    request: dict[str, Any],
    directory: Path,
    deadline: float | None,
    identity_fd: int,
    record_output: bool,
) -> int:
    """Create the device inside the lab, start its init, and report the program's end.

    ``identity_fd``: a descriptor that gets the client's name and the number of the last record before it, as a line of
    JSON.
    """
    identity = folder.read_outer_identity()
    linux.unshare(linux.CLONE_NEWNET | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC)
    attachment = request_json(
        folder, "POST", "/v1/devices", {**request, "pid": os.getpid(), "nss": any(find_nss_databases())}
    )
    os.write(identity_fd, json.dumps([attachment["client"], attachment["since"]]).encode() + b"\n")
    run_ip(attachment["commands"])
    socket.sethostname(attachment["host_name"])
    linux.unshare(linux.CLONE_NEWNS)  # only now, for the lab has made the device's /etc in its own
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    lay_shared_memory(folder.path, directory)
    write_device_files(folder.path / "devices" / attachment["device"], attachment, request.get("etc"))
    recorded = _start_recording() if record_output else None
    linux.unshare(linux.CLONE_NEWPID)  # the next child is its process 1: no other may be started before
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    init = linux.fork_dependent()
    if init == 0:
        _run_and_exit(lambda: _run_init(folder, command, attachment, directory, identity))
    timed_out = _kill_after(deadline, init) if deadline is not None else []
    stopped: list[int] = []
    code = _wait_for_child(init, stopped)  # by then the kernel has killed all other processes of the pid namespace
    reported = -signal.SIGKILL if timed_out else -stopped[0] if stopped else code
    why = "deadline" if timed_out else "request" if stopped else ""
    end = {"exit_code": reported, "stopped": why}
    if recorded is not None:
        end["output"] = recorded.stop()
    with contextlib.suppress(LabError):
        request_json(folder, "POST", f"/v1/devices/{attachment['device']}/finished", end)
    if timed_out:
        print_error(f"stopped after {deadline:g} s", "ssosim exec")
        return _TIMED_OUT
    return code


def _start_recording() -> RecordedOutput:
    from ssosim.lab.program_devices.recorded_output import RecordedOutput  # noqa: PLC0415 - few programs need it

    return RecordedOutput()


def _run_init(
    folder: LabFolder,
    command: Sequence[str],
    attachment: dict[str, Any],
    directory: Path,
    identity: _Identity,
) -> int:
    """Run process 1 of the device's pid namespace: start the program, reap orphans, and end with the program."""
    environment = device_environment(attachment)
    with contextlib.suppress(OSError):
        linux.mount("proc", "/proc", "proc")
    if attachment.get("person") and linux.fork_dependent() == 0:
        _run_and_exit(lambda: _watch_device_codes(folder, attachment, environment, identity))
    program = linux.fork_dependent()
    if program == 0:
        if attachment.get("obey_file_modes"):
            linux.obey_file_modes()
        _run_and_exit(lambda: _exec_program(command, environment, directory, identity))
    return _wait_for_child(program)


def _watch_device_codes(
    folder: LabFolder, attachment: dict[str, Any], environment: dict[str, str], identity: _Identity
) -> int:
    """Start the scripted user for each device code that the program gets. Ends with the device."""
    gc.enable()  # the command ssosim exec has disabled it, and this process may live for days
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
    devnull = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(devnull, descriptor)
    with contextlib.suppress(LabError):
        while True:
            user_code = request_json(folder, "GET", f"/v1/devices/{attachment['device']}/device-code").get("user_code")
            if user_code is None:
                break
            if user_code:
                command = [*attachment["person"], "--background", "--device-code", user_code]
                child = os.fork()
                if child == 0:
                    _run_and_exit(lambda: _exec_program(command, environment, Path("/"), identity))  # noqa: B023 - runs now
                os.waitpid(child, 0)
    return 0


def _exec_program(
    command: Sequence[str], environment: dict[str, str], directory: Path, identity: _Identity
) -> NoReturn:
    if identity is not None and identity[0] != 0:
        linux.unshare(linux.CLONE_NEWUSER)
        linux.map_identity(identity[0], identity[1], 0, 0)
    with contextlib.suppress(OSError):
        os.chdir(directory)
    # Reset the handlers of the lab's processes, and the signals that Python ignores.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
    try:
        os.execvpe(command[0], list(command), environment)  # noqa: S606 - the user's own program
    except (OSError, ValueError) as error:
        reason = error.errno if isinstance(error, OSError) else errno.ENOENT  # ValueError: a name of no letters
        if reason == errno.EACCES and not _exists(command[0], environment):
            reason = errno.ENOENT
        print_error(f"{one_line(command[0]) or repr('')}: {os.strerror(reason or 0)}", "ssosim exec")
        os._exit(_NOT_FOUND if reason == errno.ENOENT else _NOT_EXECUTABLE)


def _exists(program: str, environment: dict[str, str]) -> bool:
    """Return whether ``program`` is a file, in PATH if it is a name only.

    ``execvpe`` reports a folder of PATH that may not be entered as if the program were there and could not be executed.
    For a shell a program in no folder is not found (POSIX, Shell Command Language, section 2.9.1.1).
    """
    folders = [""] if os.sep in program else os.get_exec_path(environment)
    return any(os.path.lexists(os.path.join(folder, program)) for folder in folders)  # noqa: PTH118 - no pathlib here


def _run_and_exit(body: Callable[[], int]) -> NoReturn:
    """Run ``body`` in a forked child, then exit: after any exception, no code of the caller may run in the child."""
    code = OWN_MISTAKE
    try:
        code = body()
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except LabError as error:
        print_error(str(error), "ssosim exec")
    except OSError as error:
        print_error(f"the device could not be made: {error}", "ssosim exec")
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)


def _wait_for_child(child: int, forwarded: list[int] | None = None) -> int:
    """Wait for ``child`` and reap other children; return its exit code as a shell does (128 + signal number).

    SIGINT and SIGQUIT are ignored, because the terminal sends them to the program itself. SIGTERM and SIGHUP are
    forwarded to ``child``; their numbers are appended to ``forwarded``.
    """

    def forward(number: int, _: object) -> None:
        if forwarded is not None:
            forwarded.append(number)
        _send_signal(child, number)

    for number in _OF_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    for number in _PASSED_ON:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            return 1
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _kill_after(seconds: float, child: int) -> list[int]:
    """Kill ``child`` after ``seconds``. The returned list is empty until then."""
    late: list[int] = []

    def kill(number: int, _: object) -> None:
        late.append(number)
        _send_signal(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return late


def _send_signal(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)
