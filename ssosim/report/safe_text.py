"""Text from a trace, made safe to show: whatever a client or a server put into a name or a message."""

from __future__ import annotations

import html
import unicodedata

__all__ = ["clean", "escape", "span"]

# Characters that change how their neighbours are shown: a name could read as another one.
_DECEIVING = frozenset("\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_SPACE = frozenset("\t\n")


def clean(text: str) -> str:
    """``text`` with all that is invisible or forbidden in XML 1.0 shown by its number; tabs and line ends stay.

    Source: XML 1.0, section 2.2; Unicode Technical Report 36 (direction marks).
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _plain(character) else _named(character) for character in text)


def escape(value: object) -> str:
    """``value`` as text of an HTML or XML document, in content or in a quoted attribute."""
    return html.escape(clean(str(value)))


def span(seconds: float) -> str:
    """A length of time for people: ``0.4 s``, ``12 s``, ``4 min 18 s``, ``8 h 33 min``."""
    if seconds < 1:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "at once"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest if not hours else 0, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _plain(character: str) -> bool:
    return character in _SPACE or not (
        character in _DECEIVING or unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn")
    )


def _named(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
