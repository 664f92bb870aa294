"""The one door to a terminal: every text that a command shows passes here, and no control sequence of a stranger does.

A DNS name, a change's title or a server's error sentence may hold an escape sequence that clears the screen, or a
direction mark that makes one name read as another. Two measures:

- ``guard_streams`` puts ``SafeStream`` in the place of ``sys.stdout`` and ``sys.stderr``, so that nothing that Python
  writes (argparse, tracebacks and logging included) reaches the terminal with a raw control character other than the
  line end. A program under ``ssosim exec`` writes to the descriptors themselves and is not touched.
- ``one_line`` and ``clean_data`` show the line ends within a value as well, so that a value cannot add lines of its own
  to a report. Whatever renders data for people takes it through ``clean_data`` first.

Imports nearly nothing: ``ssosim exec`` must add almost nothing to the program that it starts.
"""

from __future__ import annotations

import sys
from typing import Any, TextIO, TypeVar, cast

__all__ = [
    "SafeStream",
    "StatusLine",
    "clean",
    "clean_data",
    "guard_streams",
    "json_text",
    "one_line",
    "print_error",
    "print_json",
    "release_streams",
    "say",
]

T = TypeVar("T")

# Spaces of other scripts: not "printable" to Python, and harmless. Source: Unicode, general category Zs.
_SPACES = frozenset("\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))))


def clean(text: str, keep: str = "\t\n") -> str:
    r"""``text`` with every character that is invisible, or that moves a cursor, shown by its number (``\x1b``).

    These are the control characters (C0 but for those in ``keep``, DEL and C1), direction marks and other format
    characters, separators of lines and paragraphs, half surrogate pairs, and what Unicode has not assigned. All of what
    XML 1.0 forbids is among them. Sources: XML 1.0, section 2.2; Unicode Technical Report 36, section 3.
    """
    if text.isprintable():
        return text
    kept = _SPACES.union(keep)
    return "".join(each if each.isprintable() or each in kept else ascii(each)[1:-1] for each in text)


def one_line(text: str) -> str:
    r"""``text`` as ``clean`` has it, its line ends and tabs shown as ``\n`` and ``\t``: it stays on one line."""
    return clean(text, keep="")


def clean_data(value: T) -> T:
    """``value`` with every text in it as ``one_line`` has it: dicts, lists, tuples, dataclasses and msgspec models."""
    return cast("T", _clean_data(value))


def _clean_data(value: Any) -> Any:
    if isinstance(value, str):
        return one_line(value) if type(value) is str else value  # the members of an enum are the program's own
    if isinstance(value, dict):
        return {_clean_data(key): _clean_data(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean_data(each) for each in value]
    if type(value) is tuple:
        return tuple(_clean_data(each) for each in value)
    fields = getattr(value, "__struct_fields__", None) or tuple(getattr(value, "__dataclass_fields__", ()))
    if fields and not isinstance(value, type):
        return type(value)(**{name: _clean_data(getattr(value, name)) for name in fields})
    return value


def json_text(text: str) -> str:
    """A JSON document with the characters that ``clean`` would show by their number as escapes of JSON.

    A reader of the JSON gets the same values. Source: RFC 8259, section 7.
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
    """Write ``text``, of one line or several, to standard output or to the stream ``to``."""
    stream = sys.stdout if to is None else to
    stream.write(clean(text, keep="\n") + end)
    if flush:
        stream.flush()


def print_error(text: str, who: str = "ssosim") -> None:
    """Write an error or a warning to standard error: ``ssosim: TEXT``.

    Lines after the first are indented, so that none of them can be taken for a message of its own.
    """
    first, *rest = f"{who}: {clean(text, keep=chr(10))}".split("\n")
    sys.stderr.write("\n".join([first, *(f"  {line}" if line else line for line in rest)]) + "\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """Print ``value``, plain data or a model, as indented JSON without a raw control character."""
    import json  # noqa: PLC0415 - only if asked for

    say(json_text(json.dumps(value, indent=2, ensure_ascii=False, default=_plain)))


def _plain(value: Any) -> Any:
    import msgspec  # noqa: PLC0415 - commands with plain data start sooner without

    return msgspec.to_builtins(value)


class SafeStream:
    """A text stream in front of another one that shows control characters, all but line ends, by their number.

    Whatever else is asked of it, the stream below answers; ``buffer``, the way around, it does not have.
    """

    def __init__(self, below: TextIO) -> None:
        self.below = below

    def write(self, text: str) -> int:
        """Write ``text`` safely; its length."""
        self.below.write(clean(text, keep="\n"))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of ``lines`` safely."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError("buffer: this stream shows control characters, so there is no way to write octets")
        return getattr(self.below, name)


class StatusLine:
    """One line of a terminal that is written over: how far a command is. The only writer of a raw carriage return."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal.below if isinstance(terminal, SafeStream) else terminal
        self._width = 0

    def show(self, text: str) -> None:
        """Have ``text`` stand there in the place of what stood there before."""
        text = one_line(text)
        self._terminal.write("\r" + text.ljust(self._width))
        self._terminal.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Remove what stands there."""
        if self._width:
            self._terminal.write("\r" + " " * self._width + "\r")
            self._terminal.flush()
            self._width = 0

    def leave(self) -> None:
        """Keep what stands there, and go to the next line."""
        if self._width:
            self._terminal.write("\n")
            self._terminal.flush()
            self._width = 0


def guard_streams() -> tuple[TextIO, TextIO]:
    """Put a ``SafeStream`` before standard output and standard error; what was there, for ``release_streams``."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_guarded(stream) for stream in before)
    return before


def release_streams(before: tuple[TextIO, TextIO]) -> None:
    """Undo ``guard_streams``, for a caller that goes on in this process."""
    sys.stdout, sys.stderr = before


def _guarded(stream: TextIO) -> TextIO:
    return stream if isinstance(stream, SafeStream) else cast("TextIO", SafeStream(stream))
