"""The five outcomes of a sign-in."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Outcome"]


class Outcome(StrEnum):
    """What became of a sign-in, as seen from the wire and the device."""

    SILENT = "silent"
    """signed in without the user"""
    INTERACTIVE = "interactive"
    """the user was asked, and is signed in"""
    STALLED = "stalled"
    """not signed in, and nobody was told"""
    REFUSED = "refused"
    """a service answered and said no"""
    FAILED = "failed"
    """ended with an error that the user or caller sees"""
