"""Count the work of Python code, which no other program on the machine can change as it changes a time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["count_operations"]


def count_operations(act: Callable[[], object]) -> int:
    """Run ``act`` in this thread and return the number of bytecode instructions that it executed.

    A call of a function in C counts as one, whatever it does. Source: sys.settrace, ``f_trace_opcodes``; from Python
    3.12 on sys.monitoring, since a function that is called for the first time is not traced there.
    """
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        else:
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return trace

    if monitoring := getattr(sys, "monitoring", None):
        return _count_by_monitoring(monitoring, act)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


def _count_by_monitoring(monitoring: Any, act: Callable[[], object]) -> int:
    count, tool, instruction = 0, 4, monitoring.events.INSTRUCTION

    def add(_code: object, _offset: int) -> None:
        nonlocal count
        count += 1

    monitoring.use_tool_id(tool, "count_operations")
    monitoring.register_callback(tool, instruction, add)
    monitoring.set_events(tool, instruction)
    try:
        act()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, instruction, None)
        monitoring.free_tool_id(tool)
    return count
