"""A policy that treats every failure as transient."""

from __future__ import annotations

from msgspec import Struct

from ssosim_clients.failures import Failure, NetworkFailure, Stage
from ssosim_clients.policies.decision import Decision, Interactive, NextRoundAfter, RetryAfter, requires_user

__all__ = ["SwallowAndRetry"]


class SwallowAndRetry(Struct, frozen=True):
    """Treat every failure as transient: a few retries, then a background round every ``round_interval`` seconds.

    It prompts the user only if the service says that the user must act. A network error is retried, ``tries`` attempts
    in all; the pause is ``pause`` seconds and doubles. An error response is not retried in the same round, because the
    response would be the same. Source: public account of the incident of 25 February 2025, native clients. The four
    figures are unconfirmed.
    """

    tries: int = 3
    pause: float = 2.0
    budget: float = 60.0
    round_interval: float = 300.0

    @property
    def max_retry_time(self) -> float:
        """The time in seconds, from the start of a round, after which it makes no further retry."""
        return self.budget

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - every stage is treated the same
        """Retry a network error within ``tries`` and ``budget``; otherwise wait for the next round."""
        if requires_user(error):
            return Interactive(str(error))
        pause = self.pause * 2 ** min(attempt - 1, 30)
        if isinstance(error, NetworkFailure) and attempt < self.tries and elapsed + pause <= self.budget:
            return RetryAfter(pause)
        return NextRoundAfter(self.round_interval)
