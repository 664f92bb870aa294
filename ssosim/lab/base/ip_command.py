"""Run the command ``ip`` (iproute2), which sets addresses, links and routes.

This is a module of its own with few imports, because ``ssosim exec`` must start a program almost without delay. The
module ``subprocess`` alone takes longer to import than ``ip`` takes to run.
"""

from __future__ import annotations

import errno
import os
import select
import signal
from collections.abc import Iterable

from ssosim.lab.base.errors import LabError, PrerequisiteError

__all__ = ["run_ip"]

_IP_TIMEOUT_S = 10


def run_ip(lines: Iterable[str]) -> None:
    """Run the ``ip`` commands ``lines`` as one batch.

    Raises LabError with the error text of ``ip``, and PrerequisiteError where ``ip`` is not installed.
    """
    commands, messages = os.memfd_create("ip commands"), os.memfd_create("ip messages")
    try:
        os.write(commands, "\n".join(lines).encode())
        os.lseek(commands, 0, os.SEEK_SET)
        streams = ((commands, 0), (messages, 1), (messages, 2))
        try:
            child = os.posix_spawnp(
                "ip",
                ["ip", "-batch", "-"],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, *each) for each in streams],
            )
        except FileNotFoundError as error:
            raise PrerequisiteError("the command ip is missing: sudo apt-get install iproute2") from error
        code = _wait(child)
        text = os.pread(messages, 65536, 0).decode(errors="replace").strip()
    finally:
        os.close(commands)
        os.close(messages)
    if code != 0:
        if "Operation not permitted" in text:  # RTNETLINK answers with EPERM: CAP_NET_ADMIN is missing
            from ssosim.lab.base.sandbox import explain_refusal  # noqa: PLC0415 - not for a program that is started

            raise PrerequisiteError(explain_refusal(errno.EPERM, "ip"))
        raise LabError(f"the private network could not be set up: {text or f'the command ip {_describe_end(code)}'}")


def _wait(child: int) -> int:
    """Return how ``child`` ended: its exit code, or the negative number of a signal. Raises LabError if it is late."""
    handle = os.pidfd_open(child)
    try:
        poll = select.poll()  # a lab has more descriptors than select(2) can take
        poll.register(handle, select.POLLIN)
        ended = poll.poll(_IP_TIMEOUT_S * 1000)
        if not ended:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(handle)
    if not ended:
        raise LabError(f"the command ip did not end in {_IP_TIMEOUT_S} s: is this machine overloaded?")
    return os.waitstatus_to_exitcode(status)


def _describe_end(code: int) -> str:
    return f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"
