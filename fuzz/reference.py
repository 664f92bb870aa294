"""What CPU time is measured against: one computation, done again in every run, that stands for 5 ms.

A bound in seconds would say more of the machine and of its load than of a parser. So a parser's worst CPU time is
divided by that of this loop in the same process, a moment before and after.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["allowed", "cost_s", "reference_s", "worst_share"]

LAPS = 97_000
"""Laps of the loop that take 5 ms of CPU time (Python 3.11 on an idle core of the machine where bounds were set)."""

FILE_SHARE_PER_KIB = 2.0
SMALLEST_FILE = 20
"""KiB: a file may always take as long as one of this size."""


def reference_s(repeat: int = 5) -> float:
    """CPU seconds of the reference computation, the best of ``repeat``: what one message may cost."""
    return min(_cpu_s(_loop) for _ in range(repeat))


def allowed(kind: str, size: int) -> float:
    """What an input of ``size`` bytes may cost, in references: a message one, a file two for each KiB of it."""
    return FILE_SHARE_PER_KIB * max(size / 1024, SMALLEST_FILE) if kind == "file" else 1.0


def cost_s(function: Callable[[bytes], None], data: bytes) -> float:
    """CPU seconds that ``function(data)`` takes, once."""
    return _cpu_s(lambda: function(data))


def worst_share(function: Callable[[bytes], None], data: bytes, kind: str, bound_s: float, repeat: int = 6) -> float:
    """What ``function(data)`` takes as a share of what is allowed; above 1 it is too slow.

    The lowest of up to ``repeat`` measurements, each but the first beside a new one of the reference: ``bound_s`` is an
    earlier one.
    """
    most = allowed(kind, len(data))
    share = cost_s(function, data) / bound_s / most
    for _ in range(repeat - 1):
        if share < 0.8:
            break
        share = min(share, cost_s(function, data) / reference_s() / most)
    return share


def _cpu_s(call: Callable[[], None]) -> float:
    began = time.thread_time()
    call()
    return time.thread_time() - began


def _loop() -> None:
    total = 0
    for lap in range(LAPS):
        total = (total * 31 + lap) & 0xFFFF_FFFF
