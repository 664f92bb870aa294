"""The reference for CPU times: one computation, repeated in every run, that stands for 5 ms.

A limit in seconds would depend on the machine and its load more than on a parser. So the CPU time of a parser is
divided by the CPU time of this loop, which is measured in the same process shortly before or after.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

__all__ = ["limit_for", "measure_cpu_s", "measure_reference_s", "measure_share"]

ITERATIONS = 97_000
"""Iterations of the loop that take 5 ms of CPU time (Python 3.11 on an idle core of the machine where bounds were set)."""

FILE_SHARE_PER_KIB = 2.0
SMALLEST_FILE = 20
"""In KiB: the limit for a smaller file is that of a file of this size."""


def measure_reference_s(repeat: int = 5) -> float:
    """Return the CPU seconds of the reference, the lowest of ``repeat`` runs: the limit for one message."""
    return min(_cpu_s(_loop) for _ in range(repeat))


def limit_for(kind: str, size: int) -> float:
    """Return the limit for an input of ``size`` bytes, in references: 1 for a message, 2 for each KiB of a file."""
    return FILE_SHARE_PER_KIB * max(size / 1024, SMALLEST_FILE) if kind == "file" else 1.0


def measure_cpu_s(function: Callable[[bytes], None], data: bytes) -> float:
    """Return the CPU seconds of one call of ``function(data)``.

    What exists before is no garbage, as in a lab, which freezes it at its start: a collection in the call does not look
    at the objects of a thousand tests.
    """
    gc.freeze()
    try:
        return _cpu_s(lambda: function(data))
    finally:
        gc.unfreeze()


def measure_share(function: Callable[[bytes], None], data: bytes, kind: str, bound_s: float, repeat: int = 12) -> float:
    """Return the CPU time of ``function(data)`` as a share of its limit; above 1 it is too slow.

    It is the lowest of up to ``repeat`` measurements. The first is divided by ``bound_s``, an earlier measurement of
    the reference; each other one by a new measurement.
    """
    most = limit_for(kind, len(data))
    share = measure_cpu_s(function, data) / bound_s / most
    for _ in range(repeat - 1):
        if share < 0.8:
            break
        share = min(share, measure_cpu_s(function, data) / measure_reference_s() / most)
    return share


def _cpu_s(call: Callable[[], None]) -> float:
    began = time.thread_time()
    call()
    return time.thread_time() - began


def _loop() -> None:
    total = 0
    for iteration in range(ITERATIONS):
        total = (total * 31 + iteration) & 0xFFFF_FFFF
