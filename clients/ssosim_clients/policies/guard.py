"""Call a policy that may be a user's own code, and turn each of its errors into ``PolicyBrokenError``."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

from ssosim_clients.failures import Failure, Stage
from ssosim_clients.policies.decision import Decision, Fail, Interactive, NextRoundAfter, Policy, RetryAfter

__all__ = ["DECISION_TIMEOUT_S", "PolicyBrokenError", "decide"]

DECISION_TIMEOUT_S: Final = 1.0
"""The time limit of a decision in seconds of real time. A pure function of four values takes microseconds."""

_SHIPPED_MODULES: Final = f"{__package__}."


class PolicyBrokenError(Exception):
    """A policy raised an exception, did not return in time, or returned a value that is no decision."""


class _TimeLimitError(BaseException):
    """Not an Exception, so that ``except Exception`` in a policy does not catch it."""


def decide(policy: Policy, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
    """The decision of ``policy``. Raises ``PolicyBrokenError``.

    The time limit works only in the main thread, because Python runs signal handlers only there. In another thread a
    policy that never returns blocks that thread.
    """
    name = type(policy).__name__
    try:
        if type(policy).__module__.startswith(_SHIPPED_MODULES):
            return policy.decide(stage, error, attempt, elapsed)
        with _limit_time():
            decision = policy.decide(stage, error, attempt, elapsed)
    except _TimeLimitError:
        raise PolicyBrokenError(f"the policy {name} did not return within {DECISION_TIMEOUT_S:g} s") from None
    except Exception as raised:
        raise PolicyBrokenError(f"the policy {name} raised {type(raised).__name__}: {raised}") from raised
    if not isinstance(decision, RetryAfter | Interactive | NextRoundAfter | Fail):
        raise PolicyBrokenError(f"the policy {name} returned {decision!r}, which is no decision")
    return decision


@contextlib.contextmanager
def _limit_time() -> Iterator[None]:
    """Interrupt the body after ``DECISION_TIMEOUT_S``. If the process already uses the timer, there is no limit."""
    if threading.current_thread() is not threading.main_thread() or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return
    before = signal.signal(signal.SIGALRM, _raise_time_limit)
    signal.setitimer(signal.ITIMER_REAL, DECISION_TIMEOUT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _raise_time_limit(_number: int, _frame: FrameType | None) -> None:
    raise _TimeLimitError
