"""Output to a terminal: all text of all commands passes through this module, which escapes control characters.

A DNS name, a change's title or a server's error text may contain an escape sequence that clears the screen, or a
direction mark that makes one name look like another. Two measures:

- ``guard_streams`` replaces ``sys.stdout`` and ``sys.stderr`` by ``SafeStream``, so that nothing that Python writes
  (argparse, tracebacks and logging included) reaches the terminal with a raw control character other than the line
  end. A program under ``ssosim exec`` writes to the descriptors directly and is not affected.
- ``one_line`` and ``clean_data`` also escape line ends within a value, so that a value cannot add lines to a report.
  All code that formats data for people calls ``clean_data`` first.

The module imports almost nothing, since ``ssosim exec`` must add almost no time to the program that it starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO, TypeVar, cast

__all__ = [
    "COLOURS",
    "DOCUMENT_VERSION",
    "SafeStream",
    "StatusLine",
    "clean",
    "clean_data",
    "format_share",
    "guard_streams",
    "json_text",
    "one_line",
    "print_document",
    "print_error",
    "print_json",
    "release_streams",
    "say",
    "say_coloured",
    "uses_colour",
]

T = TypeVar("T")

_ROUNDING = 1e-9  # of sums of shares: far less than one user of a million

# Spaces of other scripts: not "printable" to Python, and harmless. Source: Unicode, general category Zs.
_SPACES = frozenset("\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))))


def clean(text: str, keep: str = "\t\n") -> str:
    r"""Return ``text`` with every character that is invisible, or that moves the cursor, escaped (``\x1b``).

    These are the control characters (C0 except those in ``keep``, DEL and C1), direction marks and other format
    characters, separators of lines and paragraphs, lone surrogates, and unassigned code points. They include all
    characters that XML 1.0 forbids. Sources: XML 1.0, section 2.2; Unicode Technical Report 36, section 3.
    """
    if text.isprintable():
        return text
    kept = _SPACES.union(keep)
    return "".join(each if each.isprintable() or each in kept else ascii(each)[1:-1] for each in text)


def one_line(text: str) -> str:
    r"""Return ``clean(text)`` with line ends and tabs escaped as ``\n`` and ``\t`` too: it stays on one line."""
    return clean(text, keep="")


def format_share(share: float) -> str:
    """Return ``share``, from 0 to 1, in percent; ``0%`` is said of nothing only, and ``100%`` of all only."""
    text = f"{share:.0%}"
    if text == "0%" and share > _ROUNDING:
        return "<1%"
    return ">99%" if text == "100%" and share < 1 - _ROUNDING else text


def clean_data(value: T) -> T:
    """Return ``value`` with ``one_line`` applied to every text in it: in dicts, lists, tuples, sets and models."""
    return cast("T", _clean_data(value))


def _clean_data(value: Any) -> Any:
    if isinstance(value, str):
        return value if hasattr(value, "_member_map_") else one_line(value)  # enum members are constants of the program
    if isinstance(value, dict):
        return {_clean_data(key): _clean_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        cleaned = [_clean_data(each) for each in value]
        return type(value)(*cleaned) if hasattr(value, "_fields") else type(value)(cleaned)  # of a named tuple
    fields = getattr(value, "__struct_fields__", None) or tuple(getattr(value, "__dataclass_fields__", ()))
    if fields and not isinstance(value, type):
        return type(value)(**{name: _clean_data(getattr(value, name)) for name in fields})
    return value


def json_text(text: str) -> str:
    """Return a JSON document with the characters that ``clean`` escapes as JSON escapes.

    Its values are unchanged. Source: RFC 8259, section 7.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" or each in _SPACES else _json(each) for each in text)


def _json(character: str) -> str:
    number = ord(character)
    if number < 0x10000:
        return f"\\u{number:04x}"
    high, low = divmod(number - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def say(text: str = "", *, end: str = "\n", flush: bool = False, to: TextIO | None = None) -> None:
    """Write ``text``, of one or several lines, to standard output or to the stream ``to``."""
    stream = sys.stdout if to is None else to
    stream.write(clean(text, keep="\n") + end)
    if flush:
        stream.flush()


def uses_colour(stream: TextIO) -> bool:
    """Return whether colours are wanted on ``stream``: it is a terminal, and neither variable says no.

    ``NO_COLOR`` with any value but an empty one says no (no-color.org), and so does ``TERM=dumb``.
    """
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say_coloured(
    text: str, parts: Callable[[str], Iterable[tuple[int, int, str]]], *, to: TextIO | None = None
) -> None:
    """Write ``text`` as ``say`` does; on a terminal, with colours.

    ``parts`` gives the start, the end and the colour (a key of ``COLOURS``) of parts of the escaped text, in order.
    """
    stream = sys.stdout if to is None else to
    shown = clean(text, keep="\n")
    if not uses_colour(stream):
        stream.write(shown + "\n")
        return
    pieces, done = [], 0
    for start, end, colour in parts(shown):
        pieces += [shown[done:start], f"\x1b[{COLOURS[colour]}m", shown[start:end], "\x1b[0m"]
        done = end
    terminal = stream.below if isinstance(stream, SafeStream) else stream
    terminal.write("".join([*pieces, shown[done:], "\n"]))


COLOURS = {"green": "32", "yellow": "33", "red": "31", "magenta": "35", "bold": "1"}
"""The colours by name, with their numbers (ECMA-48, section 8.3.117: SGR)."""


def print_error(text: str, program: str = "ssosim") -> None:
    """Write an error or a warning to standard error: ``ssosim: TEXT``.

    Lines after the first are indented, so that none of them looks like another message.
    """
    first, *rest = f"{program}: {clean(text, keep=chr(10))}".split("\n")
    sys.stderr.write("\n".join([first, *(f"  {line}" if line else line for line in rest)]) + "\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """Print ``value``, plain data or a model, as indented JSON without a raw control character."""
    import json  # noqa: PLC0415 - only if asked for

    say(json_text(json.dumps(value, indent=2, ensure_ascii=False, default=_plain)))


def print_document(kind: str, value: Any, name: str = "") -> None:
    """Print ``value`` as a JSON document with the version of the format and its ``kind``.

    A list becomes the field ``name``. A field ``version`` of ``value``, which is that of zones, becomes
    ``zones_version``. ``docs/cli.schema.json`` is the JSON Schema (``ssosim.cli.documents``).
    """
    plain = value if isinstance(value, dict | list) else _plain(value)
    body = {name: plain} if isinstance(plain, list) else dict(plain)
    if "version" in body:
        body = {"zones_version" if key == "version" else key: each for key, each in body.items()}
    print_json({"version": DOCUMENT_VERSION, "kind": kind, **body})


DOCUMENT_VERSION = "1"
"""The version of all documents. It changes when a field is removed or gets another meaning, not for a new field."""


def _plain(value: Any) -> Any:
    import msgspec  # noqa: PLC0415 - commands with plain data start sooner without

    return msgspec.to_builtins(value)


class SafeStream:
    """A text stream that escapes control characters, except line ends, and writes to the stream ``below``.

    All other attributes are those of the stream below, except ``buffer``, which would bypass the escaping.
    """

    def __init__(self, below: TextIO) -> None:
        self.below = below

    def write(self, text: str) -> int:
        """Write ``text`` escaped and return its length."""
        self.below.write(clean(text, keep="\n"))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of ``lines`` escaped."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError("buffer: this stream escapes control characters, so it cannot write octets")
        return getattr(self.below, name)


class StatusLine:
    """A line of a terminal that shows progress and is overwritten. No other code writes a raw carriage return."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal.below if isinstance(terminal, SafeStream) else terminal
        self._width = 0

    def show(self, text: str) -> None:
        """Replace the line's text by ``text``."""
        text = one_line(text)
        self._terminal.write("\r" + text.ljust(self._width))
        self._terminal.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Remove the line's text."""
        if self._width:
            self._terminal.write("\r" + " " * self._width + "\r")
            self._terminal.flush()
            self._width = 0

    def finish(self) -> None:
        """Keep the line's text and start the next line."""
        if self._width:
            self._terminal.write("\n")
            self._terminal.flush()
            self._width = 0


def guard_streams() -> tuple[TextIO, TextIO]:
    """Replace standard output and standard error by ``SafeStream``; return the old streams for ``release_streams``."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_guard_stream(stream) for stream in before)
    return before


def release_streams(before: tuple[TextIO, TextIO]) -> None:
    """Undo ``guard_streams``: restore the streams ``before``."""
    sys.stdout, sys.stderr = before


def _guard_stream(stream: TextIO) -> TextIO:
    return stream if isinstance(stream, SafeStream) else cast("TextIO", SafeStream(stream))
