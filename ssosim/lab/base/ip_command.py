"""Run the command ``ip`` (iproute2), which sets addresses, links and routes.

This is a module of its own with few imports, because ``ssosim exec`` must start a program almost without delay.
"""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterable

from ssosim.lab.base.errors import LabError, PrerequisiteError

__all__ = ["run_ip"]

_IP_TIMEOUT_S = 10


def run_ip(lines: Iterable[str]) -> None:
    """Run the ``ip`` commands ``lines`` as one batch.

    Raises LabError with the error text of ``ip``, and PrerequisiteError where ``ip`` is not installed.
    """
    try:
        done = subprocess.run(
            ["ip", "-batch", "-"],  # noqa: S607 - found on the user's PATH like any tool
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=_IP_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise PrerequisiteError("the command ip is missing: sudo apt-get install iproute2") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"the command ip did not end in {_IP_TIMEOUT_S} s: is this machine overloaded?") from error
    if done.returncode != 0:
        text = done.stderr.strip() or done.stdout.strip() or f"the command ip {_describe_end(done.returncode)}"
        if "Operation not permitted" in text:  # RTNETLINK answers with EPERM: CAP_NET_ADMIN is missing
            from ssosim.lab.base.sandbox import explain_refusal  # noqa: PLC0415 - not for a program that is started

            raise PrerequisiteError(explain_refusal(errno.EPERM, "ip"))
        raise LabError(f"the private network could not be set up: {text}")


def _describe_end(code: int) -> str:
    return f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"
