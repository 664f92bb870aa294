"""Ask a policy that somebody else wrote: what it raises, returns or withholds is its own failure, not ours."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

from ssosim_clients.failures import Failure, Stage
from ssosim_clients.policies.decision import Decision, Fail, Interactive, NextRoundAfter, Policy, RetryAfter

__all__ = ["PATIENCE_S", "PolicyBrokenError", "decide"]

PATIENCE_S: Final = 1.0
"""How long a policy may think, in seconds of real time. A pure function of four values needs microseconds."""

_OURS: Final = f"{__package__}."


class PolicyBrokenError(Exception):
    """A policy raised, did not return, or returned something that is no decision."""


class _OverdueError(BaseException):
    """Not an Exception, so that a policy's own ``except Exception`` does not keep it."""


def decide(policy: Policy, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
    """What ``policy`` decides. Raises ``PolicyBrokenError``.

    The time limit holds in the main thread, where alone Python can interrupt a loop; in another thread a policy that
    never returns stops that thread.
    """
    name = type(policy).__name__
    try:
        if type(policy).__module__.startswith(_OURS):
            return policy.decide(stage, error, attempt, elapsed)
        with _limit():
            decision = policy.decide(stage, error, attempt, elapsed)
    except _OverdueError:
        raise PolicyBrokenError(f"the policy {name} did not return within {PATIENCE_S:g} s") from None
    except Exception as trouble:
        raise PolicyBrokenError(f"the policy {name} raised {type(trouble).__name__}: {trouble}") from trouble
    if not isinstance(decision, RetryAfter | Interactive | NextRoundAfter | Fail):
        raise PolicyBrokenError(f"the policy {name} returned {decision!r}, which is no decision")
    return decision


@contextlib.contextmanager
def _limit() -> Iterator[None]:
    """Interrupt the body after ``PATIENCE_S``; a timer that somebody else has set is left alone and wins."""
    if threading.current_thread() is not threading.main_thread() or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return
    before = signal.signal(signal.SIGALRM, _overdue)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _overdue(_number: int, _frame: FrameType | None) -> None:
    raise _OverdueError
