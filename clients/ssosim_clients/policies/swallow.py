"""Take every failure for a passing one."""

from __future__ import annotations

from dataclasses import dataclass

from ssosim_clients.failures import Failure, NetworkFailure, Stage
from ssosim_clients.policies.decision import Decision, Interactive, NextRoundAfter, RetryAfter, requires_user

__all__ = ["SwallowAndRetry"]


@dataclass(frozen=True, slots=True)
class SwallowAndRetry:
    """Treat every failure as passing: a few quick retries, then a quiet background round every so often.

    Only where the service says that a person has to act does it ask one. A network error is retried ``tries`` times in
    all, ``pause`` seconds apart and doubling; an answer that refuses is not retried within the round, since it would
    only be repeated. Source: public account of the incident of 25 February 2025, native clients. The four figures are
    unconfirmed.
    """

    tries: int = 3
    pause: float = 2.0
    budget: float = 60.0
    round_interval: float = 300.0

    @property
    def max_retry_time(self) -> float:
        """The longest time, in seconds, for which a round asks for another retry."""
        return self.budget

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - every stage is treated alike
        """Retry network errors while tries and budget last; otherwise wait for the next round."""
        if requires_user(error):
            return Interactive(str(error))
        pause = self.pause * 2 ** min(attempt - 1, 30)
        if isinstance(error, NetworkFailure) and attempt < self.tries and elapsed + pause <= self.budget:
            return RetryAfter(pause)
        return NextRoundAfter(self.round_interval)
