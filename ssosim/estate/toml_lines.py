"""Find the line of a key path in a TOML file.

``tomllib`` gives values without positions. This module reads table headers and the keys at the start of a line. For any
other key, such as one in an inline table, the line of the nearest enclosing key or table is used.
"""

from __future__ import annotations

import re
import tomllib

__all__ = ["KeyPath", "find_line", "index_lines", "parse_path", "render_path"]

KeyPath = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(?P<open>\[\[?)\s*(?P<keys>[^\[\]#]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""^\s*(?P<keys>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_BLOCK_QUOTES = ('"""', "'''")


def index_lines(text: str) -> dict[KeyPath, int]:
    """Map every table and key that starts a line of ``text`` to its line number, counted from 1."""
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    quote: str | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if quote is not None:
            quote = None if quote in line else quote
            continue
        if header := _HEADER.match(line):
            table = _table_path(_keys(header["keys"]), counts, repeated=header["open"] == "[[")
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_keys(key["keys"])), number)
            quote = _opened_block(line[key.end() :])
    return found


def find_line(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """Return the line of ``path``, or of the nearest enclosing key or table; None if there is none."""
    while path:
        if (line := lines.get(path) or lines.get((*path, 0))) is not None:
            return line
        path = path[:-1]
    return None


def parse_path(text: str) -> KeyPath:
    """Read ``$.users[0].password`` as ``("users", 0, "password")``."""
    return tuple(int(index) if index else name for name, index in _STEP.findall(text))


def render_path(path: KeyPath) -> str:
    """Write ``("users", 0, "password")`` as ``users[0].password``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _keys(dotted: str) -> list[str]:
    try:
        value = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return [dotted]
    keys: list[str] = []
    while isinstance(value, dict):
        [(key, value)] = value.items()
        keys.append(key)
    return keys


def _table_path(keys: list[str], counts: dict[KeyPath, int], *, repeated: bool) -> KeyPath:
    path: KeyPath = ()
    for depth, key in enumerate(keys, start=1):
        path = (*path, key)
        if depth == len(keys) and repeated:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _opened_block(value: str) -> str | None:
    for quote in _BLOCK_QUOTES:
        if value.count(quote) % 2:
            return quote
    return None
