"""Count the work of Python code, which no other program on the machine can change as it changes a time."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["count_operations"]


def count_operations(act: Callable[[], object]) -> int:
    """Run ``act`` in this thread and return the number of bytecode instructions that it executed.

    A call of a function in C counts as one, whatever it does. Source: sys.settrace, ``f_trace_opcodes``.
    """
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        else:
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return trace

    if (here := inspect.currentframe()) is not None:
        here.f_trace_opcodes = True  # from Python 3.12 on instructions are traced only if a frame asked before settrace
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count
