"""Private namespaces for a lab: its own network, mounts and processes, made without root.

Three processes take part. The *caller* is the command in the user's terminal. It holds the write end of a lifeline
pipe. The *supervisor* makes the namespaces and forks the *first process* of the new pid namespace, which is the lab.

The lifeline closes when the caller ends, by any signal. The supervisor then asks the lab to stop. When the supervisor
ends, the kernel kills the lab (parent-death signal). When the lab ends, the kernel kills every other process of its pid
namespace. Network and mounts end with the last process that uses them.

Sources: user_namespaces(7), pid_namespaces(7), unshare(2).
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ssosim.lab.base import linux
from ssosim.lab.base.errors import MachineLacksError
from ssosim.output import print_error

__all__ = ["Namespaces", "check_namespaces", "start_in_namespaces"]

_STOP_PATIENCE_S = 10.0
_BROKEN = 70
_NAMESPACES = linux.CLONE_NEWNET | linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWUTS


@dataclass(slots=True)
class Namespaces:
    """A private world as its caller sees it: the supervisor's process id, and the lifeline."""

    supervisor: int
    lifeline: int

    def end(self) -> None:
        """Ask for the end: the lab stops what it runs, then everything is gone."""
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1

    def wait(self) -> int:
        """Wait until all is gone; the lab's exit code."""
        _, status = os.waitpid(self.supervisor, 0)
        return os.waitstatus_to_exitcode(status)

    def detach(self) -> None:
        """Let the world live on when the caller ends."""
        os.write(self.lifeline, b"d")
        self.end()


def start_in_namespaces(body: Callable[[int], int], tidy: Callable[[], None] | None = None) -> Namespaces:
    """Start ``body`` as the first process of a private world; its result is the exit code.

    ``body`` is given its own process id as the outside sees it: the handle by which others join the namespaces.
    ``tidy`` is called when nothing of the world is left, however it ended. Both run in forked children: call this
    before starting threads or an event loop. Failure to make the namespaces shows as exit code 3 with a text on
    standard error; ``check_namespaces`` asks beforehand.
    """
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    supervisor = os.fork()
    if supervisor == 0:
        os.close(write_end)
        _leave(lambda: _shepherd(body, read_end, tidy))
    os.close(read_end)
    return Namespaces(supervisor, write_end)


def check_namespaces() -> str | None:
    """None if this machine lets us make a private world, else the reason and what to do."""
    child = os.fork()
    if child == 0:
        _leave(_try_to_enter)
    _, status = os.waitpid(child, 0)
    number = os.waitstatus_to_exitcode(status)
    return None if number == 0 else _explain(number)


def _try_to_enter() -> int:
    try:
        _enter()
    except OSError as error:
        return error.errno or 1
    return 0


def _explain(number: int) -> str:
    text = os.strerror(number) if number > 0 else "killed"
    advice = "allow unprivileged user namespaces"
    if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        advice += " (Ubuntu: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0)"
    elif Path("/proc/sys/kernel/unprivileged_userns_clone").exists():
        advice += " (Debian: sudo sysctl kernel.unprivileged_userns_clone=1)"
    elif number == errno.ENOSPC:
        advice += " (sudo sysctl user.max_user_namespaces=10000)"
    return f"this machine does not let us make a private network ({text}): {advice}, or run as root"


def _enter() -> None:
    """Make the namespaces around this process (its children, for the pid namespace); raises OSError."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        with contextlib.suppress(PermissionError):
            linux.unshare(_NAMESPACES)
            return
    linux.unshare(linux.CLONE_NEWUSER | _NAMESPACES)
    linux.map_identity(0, 0, uid, gid)


def _shepherd(body: Callable[[int], int], lifeline: int, tidy: Callable[[], None] | None) -> int:
    os.setsid()
    try:
        _enter()
    except OSError as error:
        print_error(_explain(error.errno or 0))
        return MachineLacksError.exit_code
    # The first process of a pid namespace is sent only what it has a handler for, so it has one from birth.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    first = os.fork()
    if first == 0:
        _leave(lambda: _first(body, lifeline))
    _let_go_of_terminal()
    signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGTERM))
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    code = _watch(first, lifeline)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # there is nobody left to pass it on to
    if tidy is not None:
        tidy()
    return code


def _let_go_of_terminal() -> None:
    """Whoever reads our output through a pipe waits for its last holder; a detached lab must not be that."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    if nothing > 2:
        os.close(nothing)


def _first(body: Callable[[int], int], lifeline: int) -> int:
    """The first process of the new pid namespace."""
    os.close(lifeline)
    linux.die_with_parent(0)
    outer_pid = int(Path("/proc/self").readlink().name)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    with contextlib.suppress(OSError):  # a container may forbid it; pids are then the outer ones, which also works
        linux.mount("proc", "/proc", "proc")
    return body(outer_pid)


def _leave(body: Callable[[], int]) -> NoReturn:
    """Run ``body`` in a forked child and end it: whatever is raised, nothing of the caller's goes on in the child."""
    code = _BROKEN
    try:
        code = body()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # noqa: BLE001 - last stop before os._exit, which would lose it
        import traceback  # noqa: PLC0415 - only when something broke

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)


def _watch(first: int, lifeline: int) -> int:
    """Wait for the lab; when the caller goes, give the lab a while to stop and then kill it."""
    handle = os.pidfd_open(first)
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    poller.register(lifeline, select.POLLIN)
    patience: float | None = None
    while True:
        ready = dict(poller.poll(patience))
        if handle in ready:
            _, status = os.waitpid(first, 0)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if lifeline in ready:
            poller.unregister(lifeline)
            if not os.read(lifeline, 1):
                os.kill(first, signal.SIGTERM)
                patience = _STOP_PATIENCE_S * 1000
        elif not ready:
            os.kill(first, signal.SIGKILL)
            patience = None
