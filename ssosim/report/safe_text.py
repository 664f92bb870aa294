"""Escape text from a trace for reports: names and messages contain whatever a client or a server sent."""

from __future__ import annotations

import html

from ssosim.output import clean

__all__ = ["clean", "escape", "span"]


def escape(value: object) -> str:
    """Return ``value`` escaped for an HTML or XML document, in content or in a quoted attribute."""
    return html.escape(clean(str(value)))


def span(seconds: float) -> str:
    """Format a length of time: ``0.4 s``, ``12 s``, ``4 min 18 s``, ``8 h 33 min``."""
    if seconds < 1:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "at once"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest if not hours else 0, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
