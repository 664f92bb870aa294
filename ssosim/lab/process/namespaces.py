"""Private namespaces for a lab: its own network, mounts, host name and processes, created without root.

Theory of operation
-------------------
Three processes take part, each the parent of the next:

- The *caller* is the command in the user's terminal (the launcher). It holds the writing end of a pipe, the *lifeline*.
- The *supervisor* creates the namespaces and waits for the lab. It holds the reading end of the lifeline.
- The *first process* is process 1 of the new pid namespace: the lab. All other processes of the lab descend from it.

Why three: unshare(2) with CLONE_NEWPID does not move the calling process, only its next child. And process 1 needs a
parent outside of its pid namespace that can signal it and clean up after it. The caller cannot be that parent, because
any signal may end it.

Why a user namespace: an ordinary user may create the other namespaces only as root of a new user namespace, where root
stands for the user outside. Root itself needs none. Root in a container without CAP_SYS_ADMIN tries with one.

How each end is noticed:

============================  ======================================================================================
what ends                     what follows
============================  ======================================================================================
the caller, by any signal     The kernel closes the lifeline. The supervisor sends SIGTERM to the lab, and SIGKILL
                              after 10 s.
the caller after ``detach``   Nothing: the byte in the lifeline tells the supervisor not to react to its end.
the supervisor                The kernel sends the parent-death signal to the lab: SIGKILL; SIGTERM once the lab has
                              an event loop (``lab_process``).
the lab                       The kernel kills all other processes of its pid namespace. The supervisor calls
                              ``on_end``, which removes files, and exits with the lab's exit code.
the last process              The kernel frees the network namespace with its links and addresses, and the mounts.
============================  ======================================================================================

Rules that always hold:

- The calls of fork(2) come before any thread and any event loop, and each child ends in ``os._exit``. So no child runs
  the caller's ``finally`` blocks, atexit functions or event loop.
- Nothing leaves a mark on the machine: no file below /run, no named namespace, no interface in the machine's network.
  Even if all processes are killed, the kernel frees everything except the files in the lab's folder.
- ``setsid`` takes the supervisor out of the terminal's process group: Ctrl-C reaches the caller only, so that there is
  one orderly way to stop.
- Mounts are private (MS_PRIVATE): no mount of the lab appears on the machine.

What can go wrong: the machine forbids user namespaces. ``check_namespaces`` finds out in a child process and returns
the reason with a remedy. Other processes join by the first process's id outside (``Outside``): see ``execute``.

Sources: user_namespaces(7), pid_namespaces(7), unshare(2), prctl(2).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ssosim.lab.base import linux
from ssosim.lab.base.errors import PrerequisiteError
from ssosim.lab.base.sandbox import explain_refusal
from ssosim.output import print_error

__all__ = ["Namespaces", "Outside", "check_namespaces", "start_in_namespaces"]

_STOP_TIMEOUT_S = 10.0
_EXIT_SOFTWARE = 70
_NAMESPACES = linux.CLONE_NEWNET | linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWUTS


@dataclass(frozen=True, slots=True)
class Outside:
    """What the first process of a lab is outside of its namespaces.

    ``pid``: its process id, by which others join the namespaces. ``identity``: user and group id of the lab's root,
    None if the lab has no user namespace of its own.
    """

    pid: int
    identity: tuple[int, int] | None


@dataclass(slots=True)
class Namespaces:
    """The namespaces of a lab, for their creator: the supervisor's process id, and the lifeline's descriptor."""

    supervisor: int
    lifeline: int

    def end(self) -> None:
        """Request the end: the supervisor sends SIGTERM to the lab. Does not wait. May be called twice."""
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1

    def wait(self) -> int:
        """Wait until the supervisor has ended; return the lab's exit code."""
        _, status = os.waitpid(self.supervisor, 0)
        return os.waitstatus_to_exitcode(status)

    def detach(self) -> None:
        """Let the lab continue to run after the caller has ended."""
        os.write(self.lifeline, b"d")
        self.end()


def start_in_namespaces(body: Callable[[Outside], int], on_end: Callable[[], None] | None = None) -> Namespaces:
    """Start ``body`` as the first process of new namespaces; its result is the exit code.

    ``on_end`` is called after all processes of the pid namespace have ended. Both run in forked children, so call this
    before any thread or event loop starts. If the namespaces cannot be created, the supervisor prints the reason and
    exits with code 3; ``check_namespaces`` checks this in advance.
    """
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    supervisor = os.fork()
    if supervisor == 0:
        os.close(write_end)
        _run_and_exit(lambda: _supervise(body, read_end, on_end))
    os.close(read_end)
    return Namespaces(supervisor, write_end)


def check_namespaces() -> str | None:
    """Return None if this machine permits the namespaces and mounts of a lab, else the reason and the remedy."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _run_and_exit(lambda: _try_to_create(write_end))
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        report = stream.read().decode()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == 0:
        return None
    number, _, call = report.partition(" ")
    return explain_refusal(int(number or 0), call or "unshare")


def _try_to_create(answer: int) -> int:
    """Make what a lab makes first; write the error number and the call that failed to ``answer``."""
    try:
        _create_namespaces()
        _make_mounts_private()
        linux.mount("tmpfs", "/tmp", "tmpfs", options="size=4k")  # noqa: S108 - seen by this process only
    except OSError as error:
        os.write(answer, f"{error.errno or 1} {_name_call(error)}".encode())
        return 1
    return 0


def _name_call(error: OSError) -> str:
    """Return the call that failed, as ``linux`` names it, or the file that could not be written."""
    return str(error.filename or (error.strerror or "unshare").partition(":")[0])


def _make_mounts_private() -> None:
    """Keep the mounts of the lab from the machine. Raises OSError."""
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)


def _create_namespaces() -> tuple[int, int] | None:
    """Move this process into new namespaces; for the pid namespace, its next child. Raises OSError.

    Returns user and group id before, if one of the new namespaces is a user namespace, else None.
    """
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        with contextlib.suppress(PermissionError):
            linux.unshare(_NAMESPACES)
            return None
    linux.unshare(linux.CLONE_NEWUSER | _NAMESPACES)
    linux.map_identity(0, 0, uid, gid)
    return uid, gid


def _supervise(body: Callable[[Outside], int], lifeline: int, on_end: Callable[[], None] | None) -> int:
    os.setsid()
    try:
        identity = _create_namespaces()
    except OSError as error:
        print_error(explain_refusal(error.errno or 0, _name_call(error)))
        return PrerequisiteError.exit_code
    # The kernel drops signals to process 1 of a pid namespace that it has no handler for. So the handler is set before
    # the fork.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    first = linux.fork_dependent()
    if first == 0:
        _run_and_exit(lambda: _run_first_process(body, lifeline, identity))
    _release_terminal()
    signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGTERM))
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    code = _wait_for_lab(first, lifeline)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the lab has ended
    if on_end is not None:
        on_end()
    return code


def _release_terminal() -> None:
    """Close the inherited standard streams: a reader of the command's output must not wait for a detached lab."""
    devnull = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(devnull, standard)
    if devnull > 2:
        os.close(devnull)


def _run_first_process(body: Callable[[Outside], int], lifeline: int, identity: tuple[int, int] | None) -> int:
    """Run ``body`` as the first process of the new pid namespace."""
    os.close(lifeline)
    outside = Outside(int(Path("/proc/self").readlink().name), identity)
    try:
        _make_mounts_private()
    except OSError as error:
        print_error(explain_refusal(error.errno or 0, _name_call(error)))
        return PrerequisiteError.exit_code
    with contextlib.suppress(
        OSError
    ):  # a container may forbid it; /proc then shows the outer process ids, which works too
        linux.mount("proc", "/proc", "proc")
    return body(outside)


def _run_and_exit(body: Callable[[], int]) -> NoReturn:
    """Run ``body`` in a forked child, then exit: after any exception, no code of the caller may run in the child."""
    code = _EXIT_SOFTWARE
    try:
        code = body()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # noqa: BLE001 - os._exit would lose it
        import traceback  # noqa: PLC0415 - only when something broke

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)


def _wait_for_lab(first: int, lifeline: int) -> int:
    """Wait for the lab's end. If the caller ends first, send SIGTERM to the lab, and SIGKILL after a time limit."""
    handle = os.pidfd_open(first)
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    poller.register(lifeline, select.POLLIN)
    timeout_ms: float | None = None
    while True:
        ready = dict(poller.poll(timeout_ms))
        if handle in ready:
            _, status = os.waitpid(first, 0)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if lifeline in ready:
            poller.unregister(lifeline)
            if not os.read(lifeline, 1):
                os.kill(first, signal.SIGTERM)
                timeout_ms = _STOP_TIMEOUT_S * 1000
        elif not ready:
            os.kill(first, signal.SIGKILL)
            timeout_ms = None
