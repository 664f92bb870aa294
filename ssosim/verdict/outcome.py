"""The five outcomes of a sign-in."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Outcome"]


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
