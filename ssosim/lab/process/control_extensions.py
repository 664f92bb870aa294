"""What the command that starts a lab passes to the lab's control API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command must start fast
    import socket

    from ssosim.lab.control.injected_handlers import MakeInjectedHandlers

__all__ = ["ControlExtensions"]


@dataclass(frozen=True, slots=True)
class ControlExtensions:
    """Extensions of the control API.

    ``listener``: a socket that listens on loopback, outside of the lab's network. ``make_handlers`` creates the
    handlers for verdicts and scenarios, which belong to a higher layer than the lab.
    """

    listener: socket.socket | None = None
    make_handlers: MakeInjectedHandlers | None = None
