"""Policies that do not depend on the failure."""

from __future__ import annotations

from msgspec import Struct

from ssosim_clients.failures import Failure, Stage
from ssosim_clients.policies.decision import Decision, Fail, Interactive, RetryAfter

__all__ = ["FailFast", "PromptAtOnce", "RetryHot"]


class PromptAtOnce(Struct, frozen=True):
    """Prompt the user at the first failure. Source: Entra documentation, Seamless SSO is opportunistic."""

    @property
    def max_retry_time(self) -> float:
        """Zero: it never retries."""
        return 0.0

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - the decision is always the same
        """Prompt the user."""
        return Interactive(f"{stage}: {error}")


class FailFast(Struct, frozen=True):
    """End the sign-in with an error at the first failure, as a program without a prompt does."""

    @property
    def max_retry_time(self) -> float:
        """Zero: it never retries."""
        return 0.0

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - the decision is always the same
        """End the sign-in with the error's text."""
        return Fail(f"{stage}: {error}")


class RetryHot(Struct, frozen=True):
    """Try again at once, ``tries`` attempts in all, then fail: the loop in many hand-written clients.

    It has no ``max_retry_time``, because it does not depend on the time.
    """

    tries: int = 3

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - it uses only the counter
        """Retry without a pause until ``tries`` attempts have failed."""
        return RetryAfter(0.0) if attempt < self.tries else Fail(f"{stage}: {error}")
