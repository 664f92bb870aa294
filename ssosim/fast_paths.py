"""The switch of the fast paths, and what became of each.

A fast path gives the same answers as the ordinary way of a maintained library, below the public interface of that
library or without it. ``ssosim.entra.http.fast_path`` is that of the HTTP server (aiohttp), and
``ssosim.dns.server.fast_path`` that of the DNS servers (dnspython, asyncio's datagrams). Each has a self-check, which
runs once in a process, before the first use. If it fails, one warning is logged, and the ordinary way is used.
``SSOSIM_FAST_PATHS=off`` chooses the ordinary way for both, and for a third, which has no self-check because it depends
on nothing inside a library: plain HTTP messages of client models without h11
(``ssosim.lab.model_devices.plain_messages``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["SWITCH", "FastPathState", "FastPathSwitchError", "decide_fast_path", "read_switch"]

SWITCH = "SSOSIM_FAST_PATHS"
"""The environment variable: ``on``, the default, or ``off``."""


class FastPathSwitchError(ValueError):
    """The environment variable has another value than ``on`` or ``off``; ``exit_code`` is the command's."""

    exit_code = 2


class FastPathState(NamedTuple):
    """Whether the fast path of ``part`` is used. ``reason``: why not; empty if it is. ``failed``: by its self-check."""

    part: str
    used: bool
    reason: str = ""
    failed: bool = False

    @property
    def text(self) -> str:
        """One line about it for people."""
        return "fast path in use" if self.used else f"ordinary way in use: {self.reason}"


def read_switch() -> bool:
    """Return whether fast paths may be used. Raises FastPathSwitchError."""
    text = os.environ.get(SWITCH, "")
    if text not in ("", "on", "off"):
        raise FastPathSwitchError(f"{SWITCH}={text!r}: expected on or off")
    return text != "off"


def decide_fast_path(part: str, check: Callable[[], str]) -> FastPathState:
    """Return the state of the fast path of ``part``, and log a warning if ``check`` finds a difference.

    ``check`` returns what differs, empty if nothing does; an exception of it is a difference too. It is not called if
    the switch is off. Raises FastPathSwitchError.
    """
    if not read_switch():
        return FastPathState(part, used=False, reason=f"{SWITCH}=off")
    try:
        difference = check()
    except Exception as error:  # noqa: BLE001 - whatever another version of the library raises
        difference = f"{type(error).__name__}: {error}"
    if not difference:
        return FastPathState(part, used=True)
    import logging  # noqa: PLC0415 - only on a failure: ``ssosim exec`` reads the switch too

    reason = f"the self-check failed ({difference})"
    logging.getLogger(__name__).warning("%s: the ordinary way is used, which is slower: %s", part, reason)
    return FastPathState(part, used=False, reason=reason, failed=True)
