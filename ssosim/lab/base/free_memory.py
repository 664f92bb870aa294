"""Give memory back to the machine after a burst of connections.

The allocator of the C library keeps what Python freed. A lab that answered twenty thousand connections at once would
hold that memory for weeks. So a task looks at the resident size now and then, and trims the heap where it has grown.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["CHECK_S", "GROWTH_OCTETS", "read_resident_size", "trim_heap", "trim_when_grown"]

CHECK_S = 2.0
"""Seconds between two looks at the resident size."""

GROWTH_OCTETS = 16 * 2**20
"""Growth since the last trim, octets, from which on the heap is trimmed again."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


def read_resident_size() -> int:
    """Return the resident set size of this process in octets. Source: proc_pid_statm(5)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def trim_heap() -> None:
    """Return free memory of the heap to the machine. Does nothing without glibc. Source: malloc_trim(3).

    Only the young generations are collected: a full collection of a lab with a long trace would be a pause that clients
    notice.
    """
    gc.collect(1)
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def trim_when_grown(
    *,
    check_s: float = CHECK_S,
    growth: int = GROWTH_OCTETS,
    size: Callable[[], int] = read_resident_size,
    trim: Callable[[], None] = trim_heap,
) -> None:
    """Trim the heap when the process has grown by ``growth`` octets since the last trim and grows no more; forever.

    A process that still grows is busy: it is trimmed at the first look that finds it no larger than the one before.
    """
    smallest = before = size()
    while True:
        await asyncio.sleep(check_s)
        now = size()
        if now >= smallest + growth and now <= before:
            await asyncio.to_thread(trim)
            now = smallest = size()
        smallest, before = min(smallest, now), now
