"""Garbage collection of the processes that run a lab."""

from __future__ import annotations

import gc

__all__ = ["collect_rarely"]

_THRESHOLDS = 20_000, 20, 50  # the defaults of Python 3.11 are 700, 10, 10


def collect_rarely() -> None:
    """Leave what exists out of all later collections, and collect less often. For a process that only runs a lab.

    A running lab keeps its trace, which has no reference cycles. Scanning it, and the modules, in each collection took
    5 % of the CPU time under load.
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
