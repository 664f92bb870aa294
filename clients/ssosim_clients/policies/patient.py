"""Policies that wait for a while and then ask: a budget for what is passing, and a person for what is not."""

from __future__ import annotations

from dataclasses import dataclass

from ssosim_clients.failures import Failure, HttpFailure, NetworkFailure, Stage
from ssosim_clients.policies.decision import Decision, Interactive, RetryAfter, requires_user

__all__ = ["Hybrid", "RetryThenFallback"]

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryThenFallback:
    """Retry what may pass (no answer, or a status that says "later") within ``budget`` seconds, then ask.

    Any other refusal leads to the person at once: repeating it would only repeat the answer. ``pause`` doubles up to
    ``longest``; all three are in seconds. The shape is the general advice for transient faults (Azure Architecture
    Center, retry guidance); the figures are ours, short enough for someone who waits in front of the screen.
    """

    budget: float = 30.0
    pause: float = 1.0
    longest: float = 8.0

    @property
    def max_retry_time(self) -> float:
        """The longest time, in seconds, for which it asks for another retry."""
        return self.budget

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Retry while the budget lasts; otherwise ask."""
        passing = isinstance(error, NetworkFailure) or (isinstance(error, HttpFailure) and error.status in _PASSING)
        pause = _growing(self.pause, self.longest, attempt)
        if passing and elapsed + pause <= self.budget:
            return RetryAfter(pause)
        return Interactive(f"{stage}: {error}")


@dataclass(frozen=True, slots=True)
class Hybrid:
    """Swallow every failure for ``patience`` seconds, then ask the person, whatever it is.

    A short fault ends without a prompt, and is noticed within ``longest`` seconds of its end; a long one, or a refusal
    that stays, reaches the person after ``patience``. The default outlasts the faults of 5 to 60 s for which
    swallowing is right. Source: Azure Incident Retrospective TMS9-J_8; the figures are ours.
    """

    patience: float = 90.0
    pause: float = 1.0
    longest: float = 10.0

    @property
    def max_retry_time(self) -> float:
        """The longest time, in seconds, for which it asks for another retry."""
        return self.patience

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Retry while patience lasts; then, or when the service says that a person has to act, ask."""
        pause = _growing(self.pause, self.longest, attempt)
        if requires_user(error) or elapsed + pause > self.patience:
            return Interactive(f"{stage}: {error}")
        return RetryAfter(pause)


def _growing(first: float, longest: float, attempt: int) -> float:
    return min(longest, first * 2.0 ** min(attempt - 1, 30))
