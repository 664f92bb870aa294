"""Explain a failed comparison of an outcome in a test."""

from __future__ import annotations

from collections.abc import Iterable

from ssosim.testing.played import Played
from ssosim.verdict.outcome import Outcome

__all__ = ["explain_comparison"]


def explain_comparison(runs: Iterable[Played], operator: str, left: object, right: object) -> list[str] | None:
    """Return lines for pytest about the failed ``left operator right``; None if it compares no outcome of ``runs``."""
    sides = [side for side in (left, right) if isinstance(side, Outcome)]
    if not sides:
        return None
    for played in reversed(list(runs)):
        for result in reversed(played.examined):
            if any(result.outcome is side for side in sides):
                lines = [f"{_plain(left)} {operator} {_plain(right)}", str(result)]
                return lines + ([f"again: {played.repeat_command}"] if played.repeat_command else [])
    return None


def _plain(value: object) -> str:
    return value.name if isinstance(value, Outcome) else repr(value)
