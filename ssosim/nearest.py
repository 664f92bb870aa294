"""Suggest the nearest of the names that there are for one that there is not, in error messages."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["suggest_nearest"]


def suggest_nearest(wrong: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'NAME'?`` with the one of ``known`` that is nearest to ``wrong``; empty if none is near."""
    import difflib  # noqa: PLC0415 - only on a mistake

    near = difflib.get_close_matches(wrong, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""
