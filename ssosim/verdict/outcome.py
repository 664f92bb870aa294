"""The five outcomes of a sign-in."""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

__all__ = ["Outcome", "label_phase"]


class Outcome(StrEnum):
    """The result of a sign-in, as seen on the wire and on the device."""

    SILENT = "silent"
    """signed in without a prompt"""
    INTERACTIVE = "interactive"
    """signed in after the user was prompted"""
    STALLED = "stalled"
    """not signed in, and neither the user nor the caller got an error"""
    REFUSED = "refused"
    """a service answered with a refusal"""
    FAILED = "failed"
    """ended with an error that the user or the caller sees"""

    def __eq__(self, other: object) -> bool:
        """Compare with another outcome, or with its text. Raises ValueError for text that is not an outcome.

        No outcome is equal to such a text, so a test for ``!=`` could not fail.
        """
        if isinstance(other, str) and not isinstance(other, Outcome) and other not in _TEXTS:
            raise ValueError(f"{other[:60]!r} is not an outcome; expected one of: {', '.join(sorted(_TEXTS))}")
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __bool__(self) -> NoReturn:
        """Raise TypeError: each outcome would be true, so a test of that could not fail."""
        raise TypeError(f"the outcome {self.value!r} is neither true nor false; compare it, as in outcome == 'silent'")


_TEXTS = frozenset(outcome.value for outcome in Outcome)


def label_phase(phase: str, sign_in_at: float | None) -> str:
    """Return the name of ``phase``, with the time of the sign-in in seconds if the phase names its sign-ins."""
    return phase if sign_in_at is None else f"{phase} +{sign_in_at:.12g} s"
