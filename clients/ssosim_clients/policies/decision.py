"""Network-error policies: what a client does after a failed sign-in attempt, as a pure function.

A policy gets the stage in which the attempt failed, the failure, the number of the attempt in this round, and the
seconds since the round began. It has no state, reads no clock and uses no random numbers, so it can be tested alone. A
*round* is a sequence of attempts; a client that swallows errors ends a round without a message and begins another
later. How a client uses the decisions: ``models/client.py``.
"""

from __future__ import annotations

import math
from typing import Protocol

from msgspec import Struct

from ssosim_clients.failures import Failure, InteractionRequired, OauthFailure, Stage

__all__ = ["Decision", "Fail", "Interactive", "NextRoundAfter", "Policy", "RetryAfter", "requires_user"]


class RetryAfter(Struct, frozen=True):
    """Try again in this round after ``seconds`` (zero or more)."""

    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < math.inf:
            raise ValueError(f"RetryAfter({self.seconds}): a finite number of seconds, zero or more, is expected")


class Interactive(Struct, frozen=True):
    """End the silent attempts and show a prompt with ``reason`` to the user."""

    reason: str


class NextRoundAfter(Struct, frozen=True):
    """End this round without a message; a new round begins after ``seconds`` (more than zero)."""

    seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"NextRoundAfter({self.seconds}): a finite number of seconds above zero is expected")


class Fail(Struct, frozen=True):
    """End the sign-in with the error ``message``."""

    message: str


Decision = RetryAfter | Interactive | NextRoundAfter | Fail


class Policy(Protocol):
    """A network-error policy: any object with this method."""

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Decide after a failed attempt.

        ``attempt`` counts from 1 in each round; ``elapsed`` is the seconds since the round began.
        """
        ...


_ERRORS_THAT_REQUIRE_USER = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})


def requires_user(error: Failure) -> bool:
    """Whether the service has said that the user must act, so that waiting cannot help.

    Source: MSAL.NET turns ``invalid_grant`` into MsalUiRequiredException.
    """
    if isinstance(error, InteractionRequired):
        return True
    return isinstance(error, OauthFailure) and error.error in _ERRORS_THAT_REQUIRE_USER
