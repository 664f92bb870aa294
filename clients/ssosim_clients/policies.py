"""What a client does when a sign-in attempt fails, as a pure function.

A policy looks at where the attempt stopped, at the error, at how many attempts this round has had and at how many
seconds it has lasted, and decides. It keeps no state, reads no clock and draws no lots, so it can be tested by itself.
A *round* is one bout of attempts; a client that swallows errors gives up a round quietly and begins another later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from ssosim_clients.failures import Failure, NetworkFailure, NotOffered, OauthFailure, Stage

__all__ = [
    "Decision",
    "Fail",
    "FailFast",
    "GiveUpUntil",
    "Interactive",
    "Policy",
    "PromptAtOnce",
    "RetryAfter",
    "SwallowAndRetry",
    "needs_person",
]


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again within this round after ``seconds`` (zero or more)."""

    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < math.inf:
            raise ValueError(f"RetryAfter({self.seconds}): a finite number of seconds, zero or more, is expected")


@dataclass(frozen=True, slots=True)
class Interactive:
    """Leave the silent way and ask the person; ``reason`` is shown."""

    reason: str


@dataclass(frozen=True, slots=True)
class GiveUpUntil:
    """Stop quietly; a new background round begins after ``seconds`` (more than zero)."""

    seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"GiveUpUntil({self.seconds}): a finite number of seconds above zero is expected")


@dataclass(frozen=True, slots=True)
class Fail:
    """End the sign-in and show ``message``."""

    message: str


Decision = RetryAfter | Interactive | GiveUpUntil | Fail


class Policy(Protocol):
    """A network-error policy. Any object with this method is one."""

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Decide after a failed attempt.

        ``attempt`` counts from 1 within the round; ``elapsed`` is seconds since the round's first attempt began.
        """
        ...


_NEEDS_PERSON = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})


def needs_person(error: Failure) -> bool:
    """Whether the service itself said that a person has to act, which no amount of waiting will change.

    Source: MSAL.NET turns ``invalid_grant`` into MsalUiRequiredException.
    """
    return isinstance(error, NotOffered) or (isinstance(error, OauthFailure) and error.error in _NEEDS_PERSON)


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
    round_every: float = 300.0

    @property
    def decides_within(self) -> float:
        """The longest time, in seconds, for which a round asks for another retry."""
        return self.budget

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - every stage is treated alike
        """Retry network errors while tries and budget last; otherwise wait for the next round."""
        if needs_person(error):
            return Interactive(str(error))
        pause = self.pause * 2 ** min(attempt - 1, 30)
        if isinstance(error, NetworkFailure) and attempt < self.tries and elapsed + pause <= self.budget:
            return RetryAfter(pause)
        return GiveUpUntil(self.round_every)


@dataclass(frozen=True, slots=True)
class PromptAtOnce:
    """Leave the silent way at the first failure. Source: Entra documentation, Seamless SSO is opportunistic."""

    @property
    def decides_within(self) -> float:
        """Zero: it never retries."""
        return 0.0

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - nothing can change its mind
        """Ask the person."""
        return Interactive(f"{stage}: {error}")


@dataclass(frozen=True, slots=True)
class FailFast:
    """Show the first failure and stop, as a program without anyone to ask does."""

    @property
    def decides_within(self) -> float:
        """Zero: it never retries."""
        return 0.0

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:  # noqa: ARG002 - nothing can change its mind
        """End the sign-in with the error's text."""
        return Fail(f"{stage}: {error}")
