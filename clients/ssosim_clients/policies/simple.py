"""Policies that do not look at the error."""

from __future__ import annotations

from dataclasses import dataclass

from ssosim_clients.failures import Failure, Stage
from ssosim_clients.policies.decision import Decision, Fail, Interactive, RetryAfter

__all__ = ["FailFast", "PromptAtOnce", "RetryHot"]


@dataclass(frozen=True, slots=True)
class PromptAtOnce:
    """Leave the silent way at the first failure. Source: Entra documentation, Seamless SSO is opportunistic."""

    @property
    def max_retry_time(self) -> float:
        """Zero: it never retries."""
        return 0.0

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - nothing can change its mind
        """Ask the person."""
        return Interactive(f"{stage}: {error}")


@dataclass(frozen=True, slots=True)
class FailFast:
    """Show the first failure and stop, as a program without anyone to ask does."""

    @property
    def max_retry_time(self) -> float:
        """Zero: it never retries."""
        return 0.0

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - nothing can change its mind
        """End the sign-in with the error's text."""
        return Fail(f"{stage}: {error}")


@dataclass(frozen=True, slots=True)
class RetryHot:
    """Try again at once, ``tries`` times in all, then raise: the loop that people write by hand.

    It states no bound, for it does not look at the time.
    """

    tries: int = 3

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - it looks at nothing but its counter
        """Retry without a pause until the tries are used up."""
        return RetryAfter(0.0) if attempt < self.tries else Fail(f"{stage}: {error}")
