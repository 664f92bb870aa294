"""The lab in memory: real zones, the real identity provider, a KDC as a value, and time that jumps.

No socket, no process, no thread, no GSS-API. ``MemoryLab`` is the lab, ``memory_device`` a device in it, ``Engine``
what drives whoever signs in there. What a fault does to an exchange is decided by the same functions as in a lab on
sockets (``exchanges``, ``effects`` and ``kdc_effect`` in ``ssosim.faults.core``).
"""

from ssosim.memory.clock import Engine, Run, SpinningError, pause
from ssosim.memory.device import MemoryDevice, Pace, memory_device
from ssosim.memory.kdc import MemoryAcceptor, MemoryKdc
from ssosim.memory.lab import MemoryLab, process_keys, why_not_in_memory

__all__ = [
    "Engine",
    "MemoryAcceptor",
    "MemoryDevice",
    "MemoryKdc",
    "MemoryLab",
    "Pace",
    "Run",
    "SpinningError",
    "memory_device",
    "pause",
    "process_keys",
    "why_not_in_memory",
]
