"""The command ``ip``, by which addresses, links and routes are set.

Alone, and with few imports: ``ssosim exec`` must add almost nothing to the program that it starts.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from ssosim.lab.base.errors import LabError, MachineLacksError

__all__ = ["run_ip"]

_IP_TIMEOUT_S = 10


def run_ip(lines: Iterable[str]) -> None:
    """Run ``ip`` commands as one batch; raises LabError with what ip said."""
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
        raise MachineLacksError("the command ip is missing: sudo apt-get install iproute2") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"the command ip did not end in {_IP_TIMEOUT_S} s: is this machine overloaded?") from error
    if done.returncode != 0:
        raise LabError(f"the private network could not be set up: {done.stderr.strip() or done.stdout.strip()}")
