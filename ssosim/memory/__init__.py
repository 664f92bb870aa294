"""The lab in memory: real zones, the real identity provider, a KDC as a value, and virtual time.

No socket, no process, no thread, no GSS-API. ``MemoryLab`` is the lab, ``memory_device`` makes a device in it, and
``Engine`` runs the client models. The same functions as in a lab on sockets decide what a fault does to an exchange
(``exchanges``, ``effects`` and ``kdc_effect`` in ``ssosim.faults.core``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssosim.late_imports import import_late

if TYPE_CHECKING:
    from ssosim.memory.clock import Engine, EngineClock, NoProgressError, Run, pause
    from ssosim.memory.device import Durations, MemoryDevice, memory_device
    from ssosim.memory.kdc import MemoryAcceptor, MemoryKdc
    from ssosim.memory.lab import MemoryLab, explain_unsupported_estate, get_process_keys

__all__ = [
    "Durations",
    "Engine",
    "EngineClock",
    "MemoryAcceptor",
    "MemoryDevice",
    "MemoryKdc",
    "MemoryLab",
    "NoProgressError",
    "Run",
    "explain_unsupported_estate",
    "get_process_keys",
    "memory_device",
    "pause",
]

_MODULES = {
    "Engine": "clock",
    "EngineClock": "clock",
    "NoProgressError": "clock",
    "Run": "clock",
    "pause": "clock",
    "Durations": "device",
    "MemoryDevice": "device",
    "memory_device": "device",
    "MemoryAcceptor": "kdc",
    "MemoryKdc": "kdc",
    "MemoryLab": "lab",
    "explain_unsupported_estate": "lab",
    "get_process_keys": "lab",
}
"""The module of each name. It is imported when the name is used: together they take longer than a small check."""

__getattr__ = import_late(__name__, _MODULES)
