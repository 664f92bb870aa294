"""Run any program inside a running lab, on a device of its own.

The program gets a network namespace behind a veth pair (its address is how the trace knows it), a pid namespace (so
that nothing it starts outlives it), an IPC namespace, the device's name and /etc, the signed-on user's Kerberos ticket,
and the uid it would have had outside. Processes: this one waits; a *joiner* enters the lab; an *init* of the new pid
namespace reaps; the program.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypedDict, Unpack

from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.program_devices.control_client import call
from ssosim.lab.program_devices.device_files import lay_files, lay_shared_memory, nss_places, readable_folder
from ssosim.output import one_line, print_error

__all__ = ["ExecOptions", "device_environment", "execute", "execute_here"]

_OF_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)
_HELD_BACK = (*_OF_TERMINAL, *_PASSED_ON)
_TOO_LATE = 124
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")


class ExecOptions(TypedDict, total=False):
    """What may be asked of a device.

    ``device`` is one of the estate's (the first), ``label`` the name under which the trace shows the program,
    ``person`` what the person there does, ``etc`` a folder whose files appear in the device's ``/etc``, ``ipv6``
    whether it has IPv6 (as the estate says). After ``deadline`` seconds the program is killed with all that it started,
    and the exit code is 124, as timeout(1) has it.
    """

    device: str | None
    label: str | None
    person: str | None
    etc: str | None
    ipv6: bool | None
    deadline: float | None


def execute(folder: LabFolder, command: Sequence[str], **wishes: Unpack[ExecOptions]) -> int:
    """Run ``command`` in the lab of ``folder`` as the user of a device; the program's exit code.

    Raises LabInputError when the lab is not up.
    """
    wishes = _checked(wishes)
    facts = folder.facts()
    if facts is None or not folder.is_running():
        raise LabInputError(f'no lab "{folder.name}" is up; start it with: ssosim up --name {folder.name}')
    here = _working_directory()
    _join(facts["pid"], user_namespace=bool(facts["user_namespace"]))
    return _execute(folder, command, here, wishes)


def execute_here(folder: LabFolder, command: Sequence[str], **wishes: Unpack[ExecOptions]) -> int:
    """As ``execute``, for a process that is in the lab's namespaces already."""
    return _execute(folder, command, _working_directory(), _checked(wishes))


def _checked(wishes: ExecOptions) -> ExecOptions:
    """With the folder by its whole name, which holds in another directory as well."""
    etc = wishes.get("etc")
    return wishes if etc is None else {**wishes, "etc": str(readable_folder(etc))}


def _execute(folder: LabFolder, command: Sequence[str], here: Path, wishes: ExecOptions) -> int:
    parent = os.getpid()
    # The program may run, and a signal come, before this process is ready to ignore it or pass it on.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    joiner = os.fork()
    if joiner == 0:
        linux.die_with_parent(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
        deadline = wishes.pop("deadline", None)
        request = {**wishes, "program": Path(command[0]).name}
        _as_process(lambda: _joiner(folder, command, request, here, deadline))
    return _wait(joiner)


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was removed under us
        return Path("/")


def device_environment(plugged: dict[str, Any]) -> dict[str, str]:
    """The environment of a program on a device: this one's, with the device's settings and without proxies."""
    unset = plugged.get("unset", ())
    kept = {n: value for n, value in os.environ.items() if n.lower() not in _PROXY_VARIABLES and n not in unset}
    device: dict[str, str] = plugged["environment"]
    if first := plugged.get("path"):
        device = {**device, "PATH": f"{first}{os.pathsep}{kept.get('PATH', os.defpath)}"}
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


def _joiner(
    folder: LabFolder, command: Sequence[str], request: dict[str, Any], here: Path, deadline: float | None
) -> int:
    """In the lab: make the device's namespaces, have the lab plug the cable in, start the init."""
    uid, gid = _outer_identity()
    linux.unshare(linux.CLONE_NEWNET | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC)
    plugged = call(folder, "POST", "/v1/devices", {**request, "pid": os.getpid(), "nss": any(nss_places())})
    run_ip(plugged["commands"])
    socket.sethostname(plugged["host_name"])
    linux.unshare(linux.CLONE_NEWNS)  # only now, for the lab has made the device's /etc in its own
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    lay_shared_memory(folder.path, here)
    lay_files(folder.path / "devices" / plugged["device"], plugged, request.get("etc"))
    linux.unshare(linux.CLONE_NEWPID)  # the next child is its init: no other program may be started before that
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    init = os.fork()
    if init == 0:
        linux.die_with_parent(parent)
        _as_process(lambda: _init(folder, command, plugged, here, (uid, gid)))
    too_late = _kill_after(deadline, init) if deadline is not None else []
    stopped: list[int] = []
    code = _wait(init, stopped)  # which is when the kernel has killed all others of its namespace
    told = -signal.SIGKILL if too_late else -stopped[0] if stopped else code
    with contextlib.suppress(LabError):
        call(folder, "POST", f"/v1/devices/{plugged['device']}/finished", {"exit_code": told})
    if too_late:
        print_error(f"stopped after {deadline:g} s", "ssosim exec")
        return _TOO_LATE
    return code


def _init(
    folder: LabFolder, command: Sequence[str], plugged: dict[str, Any], here: Path, identity: tuple[int, int]
) -> int:
    """First process of the device's pid namespace: starts the program, reaps, and ends with the program."""
    environment = device_environment(plugged)
    with contextlib.suppress(OSError):
        linux.mount("proc", "/proc", "proc")
    parent = os.getpid()
    if plugged.get("person") and os.fork() == 0:
        linux.die_with_parent(parent)
        _as_process(lambda: _watch(folder, plugged, environment, identity))
    program = os.fork()
    if program == 0:
        linux.die_with_parent(parent)
        _as_process(lambda: _become(command, environment, here, identity))
    return _wait(program)


def _watch(folder: LabFolder, plugged: dict[str, Any], environment: dict[str, str], identity: tuple[int, int]) -> int:
    """The person's eyes: for each device code that the program gets, start the person. Ends with the device."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    with contextlib.suppress(LabError):
        while True:
            user_code = call(folder, "GET", f"/v1/devices/{plugged['device']}/device-code").get("user_code")
            if user_code is None:
                break
            if user_code:
                command = [*plugged["person"], "--background", "--device-code", user_code]
                child = os.fork()
                if child == 0:
                    _as_process(lambda: _become(command, environment, Path("/"), identity))  # noqa: B023 - runs now
                os.waitpid(child, 0)
    return 0


def _become(command: Sequence[str], environment: dict[str, str], here: Path, identity: tuple[int, int]) -> NoReturn:
    if identity[0] != 0:
        linux.unshare(linux.CLONE_NEWUSER)
        linux.map_identity(identity[0], identity[1], 0, 0)
    with contextlib.suppress(OSError):
        os.chdir(here)
    # What the lab's processes changed, and what Python ignores.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
    try:
        os.execvpe(command[0], list(command), environment)  # noqa: S606 - the user's own program
    except (OSError, ValueError) as error:
        reason = error.errno if isinstance(error, OSError) else errno.ENOENT  # ValueError: a name of no letters
        print_error(f"{one_line(command[0]) or repr('')}: {os.strerror(reason or 0)}", "ssosim exec")
        os._exit(_NOT_FOUND if reason == errno.ENOENT else _NOT_EXECUTABLE)


def _outer_identity() -> tuple[int, int]:
    """Who we are outside the lab's user namespace: root there stands for the user who started the lab."""
    fields = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    groups = Path("/proc/self/gid_map").read_text(encoding="ascii").split()
    return int(fields[1]), int(groups[1])


def _as_process(body: Callable[[], int]) -> NoReturn:
    """Run ``body`` in a forked child and end it: whatever is raised, nothing of the caller's goes on in the child."""
    code = LabError.exit_code
    try:
        code = body()
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except LabError as error:
        print_error(str(error), "ssosim exec")
        code = error.exit_code
    except OSError as error:
        print_error(f"the device could not be made: {error}", "ssosim exec")
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)


def _wait(child: int, passed_on: list[int] | None = None) -> int:
    """Wait for ``child``, reaping whatever else falls to us; its exit code as a shell gives it.

    Ctrl-C reaches the program through the terminal, so it is ignored here; other ends are passed on, which
    ``passed_on`` comes to hold.
    """

    def pass_on(number: int, _: object) -> None:
        if passed_on is not None:
            passed_on.append(number)
        _pass_on(child, number)

    for number in _OF_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    for number in _PASSED_ON:
        signal.signal(number, pass_on)
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
    """Kill ``child`` when this time is over; what is returned is empty until then."""
    late: list[int] = []

    def kill(number: int, _: object) -> None:
        late.append(number)
        _pass_on(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return late


def _pass_on(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)
