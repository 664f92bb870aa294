"""The five outcomes of a sign-in."""

from __future__ import annotations

from enum import StrEnum

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


def label_phase(phase: str, sign_in_at: float | None) -> str:
    """Return the name of ``phase``, with the time of the sign-in in seconds if the phase names its sign-ins."""
    return phase if sign_in_at is None else f"{phase} +{sign_in_at:.12g} s"
