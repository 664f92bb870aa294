"""Policies that retry for a limited time, then prompt the user."""

from __future__ import annotations

from msgspec import Struct

from ssosim_clients.failures import Failure, HttpFailure, NetworkFailure, Stage
from ssosim_clients.policies.decision import Decision, Interactive, RetryAfter, requires_user

__all__ = ["Hybrid", "RetryThenFallback"]

_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class RetryThenFallback(Struct, frozen=True):
    """Retry transient failures (no response, or a transient HTTP status) for ``budget`` seconds, then prompt the user.

    Any other failure leads to a prompt at once, because a retry would get the same response. ``pause`` doubles up to
    ``max_pause``; all three are in seconds. This is the general advice for transient faults (Azure Architecture Center,
    retry guidance). The figures are the authors' choice, short enough for a user who waits in front of the screen.
    """

    budget: float = 30.0
    pause: float = 1.0
    max_pause: float = 8.0

    @property
    def max_retry_time(self) -> float:
        """The time in seconds, from the start of a round, after which it makes no further retry."""
        return self.budget

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Retry a transient failure within the budget; otherwise prompt the user."""
        transient_status = isinstance(error, HttpFailure) and error.status in _TRANSIENT_STATUSES
        pause = _double_pause(self.pause, self.max_pause, attempt)
        if (isinstance(error, NetworkFailure) or transient_status) and elapsed + pause <= self.budget:
            return RetryAfter(pause)
        return Interactive(f"{stage}: {error}")


class Hybrid(Struct, frozen=True):
    """Swallow every failure for ``budget`` seconds, then prompt the user, whatever the failure is.

    After a short fault the client signs in without a prompt, within ``max_pause`` seconds of its end. A longer fault,
    or a permanent error, leads to a prompt after ``budget`` seconds. The default is longer than the faults of 5 to 60 s
    for which it is right to swallow errors. Source: Azure Incident Retrospective TMS9-J_8; the figures are the authors'
    choice.
    """

    budget: float = 90.0
    pause: float = 1.0
    max_pause: float = 10.0

    @property
    def max_retry_time(self) -> float:
        """The time in seconds, from the start of a round, after which it makes no further retry."""
        return self.budget

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Retry within the budget; after it, or if the service requires the user, prompt."""
        pause = _double_pause(self.pause, self.max_pause, attempt)
        if requires_user(error) or elapsed + pause > self.budget:
            return Interactive(f"{stage}: {error}")
        return RetryAfter(pause)


def _double_pause(first: float, longest: float, attempt: int) -> float:
    return min(longest, first * 2.0 ** min(attempt - 1, 30))
