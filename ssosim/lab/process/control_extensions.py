"""What a lab's control API gets from the command that starts the lab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command imports next to nothing
    import socket

    from ssosim.lab.control.injected_handlers import MakeUpstairs

__all__ = ["ControlExtensions"]


@dataclass(frozen=True, slots=True)
class ControlExtensions:
    """``listener`` listens on loopback, outside of the lab's network; ``upstairs`` makes what storeys above offer."""

    listener: socket.socket | None = None
    upstairs: MakeUpstairs | None = None
