"""What a client does when a sign-in attempt fails, as a pure function.

A policy looks at where the attempt stopped, at the error, at how many attempts this round has had and at how many
seconds it has lasted, and decides. It keeps no state, reads no clock and draws no lots, so it can be tested by itself.
A *round* is one bout of attempts; a client that swallows errors gives up a round quietly and begins another later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from ssosim_clients.failures import Failure, InteractionRequired, OauthFailure, Stage

__all__ = ["Decision", "Fail", "Interactive", "NextRoundAfter", "Policy", "RetryAfter", "requires_user"]


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
class NextRoundAfter:
    """Stop quietly; a new background round begins after ``seconds`` (more than zero)."""

    seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"NextRoundAfter({self.seconds}): a finite number of seconds above zero is expected")


@dataclass(frozen=True, slots=True)
class Fail:
    """End the sign-in and show ``message``."""

    message: str


Decision = RetryAfter | Interactive | NextRoundAfter | Fail


class Policy(Protocol):
    """A network-error policy. Any object with this method is one."""

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Decide after a failed attempt.

        ``attempt`` counts from 1 within the round; ``elapsed`` is seconds since the round's first attempt began.
        """
        ...


_NEEDS_PERSON = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})


def requires_user(error: Failure) -> bool:
    """Whether the service itself said that a person has to act, which no amount of waiting will change.

    Source: MSAL.NET turns ``invalid_grant`` into MsalUiRequiredException.
    """
    return isinstance(error, InteractionRequired) or (isinstance(error, OauthFailure) and error.error in _NEEDS_PERSON)
