"""YAML as nodes with line numbers. Only text, numbers, lists and maps are built, and all sizes are limited.

Only the grammar of the safe loader is used; tags for Python objects are refused. Each node is read once, even if many
aliases lead to it, and repeated nodes are counted, so anchors that multiply (a "billion laughs") end the import, not
the machine. Nesting is checked before libyaml reads the text, because libyaml recurses and takes quadratic time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from ssosim.dns.imports.import_errors import YamlMistakeError
from ssosim.estate.toml import read_text

__all__ = ["Value", "YamlMistakeError", "parse_yaml", "read_yaml"]

MAX_NODES = 2_000_000
MAX_DEPTH = 40
MAX_REPEATED = 10_000
"""Nodes that aliases and merges may repeat in one file."""

MAX_INCLUDE_DEPTH = 10
MAX_INCLUDES = 500
"""``!include`` tags in one file."""

_BRACKET = re.compile(r"[\[\]{}]")
_BLOCKS = re.compile(rf"^ *+(?:[-?:][ \t]++){{{MAX_DEPTH}}}", re.MULTILINE)
_MAX_OPEN = 200  # brackets open at once, those in texts among them
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")
)
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Value:
    """A value and its line. ``content``: text, None, a list, or a map by key."""

    content: str | list[Value] | dict[str, Value] | None
    line: int

    @property
    def text(self) -> str | None:
        """The text of a scalar; None for anything else."""
        return self.content if isinstance(self.content, str) else None

    @property
    def items(self) -> list[Value]:
        """The entries of a list; a scalar or map is a list of itself."""
        return self.content if isinstance(self.content, list) else [self]

    def get(self, key: str) -> Value | None:
        """The value of ``key`` in a map; None if there is none, or if this is not a map."""
        return self.content.get(key) if isinstance(self.content, dict) else None


Include = Callable[[str, str], Value]
"""Reads the file of that name; the second argument is the place, for messages."""


def read_yaml(path: Path, root: Path | None = None) -> Value:
    """Read a file; raises YamlMistakeError with file and line, TomlMistakeError when it cannot be read at all.

    ``!include FILE``, as octoDNS has it, reads files below ``root``; without it, it is refused.
    """
    return _read_included(path, root, ())


def _read_included(path: Path, root: Path | None, open_files: tuple[Path, ...]) -> Value:
    if root is None:
        return parse_yaml(read_text(path), str(path))
    inside, here = root.resolve(), (*open_files, path.resolve())

    def include(name: str, where: str) -> Value:
        target = (path.parent / name).resolve()
        if not target.is_relative_to(inside) or not target.is_file():
            raise YamlMistakeError(f"{where}: !include {name}: there is no such file in {inside}")
        if target in here or len(here) > MAX_INCLUDE_DEPTH:
            raise YamlMistakeError(f"{where}: !include {name}: files include each other: remove one !include")
        return _read_included(target, root, here)

    return parse_yaml(read_text(path), str(path), include)


def parse_yaml(text: str, source: str, include: Include | None = None) -> Value:
    """Read YAML text; ``source`` names it in messages, ``include`` reads the files of ``!include``.

    Raises YamlMistakeError.
    """
    _check_nesting(text, source)
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlMistakeError(f"{source}:{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise YamlMistakeError(f"{source}: not YAML: {error}") from error
    return Value({}, 1) if node is None else _Walk(source, include).value(node, 0)[0]


def _check_nesting(text: str, source: str) -> None:
    """Raise YamlMistakeError if the text is nested too deeply."""
    deep = _BLOCKS.search(text)
    at = deep.start() if deep else _too_deep(text)
    if at is not None:
        line = text.count("\n", 0, at) + 1
        raise YamlMistakeError(f"{source}:{line}: nested more than {MAX_DEPTH} deep: zones need far less; flatten it")


def _too_deep(text: str) -> int | None:
    """The offset at which more than ``_MAX_OPEN`` brackets are open; None if there is none."""
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(depth - 1, 0)
        if depth > _MAX_OPEN:
            return bracket.start()
    return None


class _Walk:
    def __init__(self, source: str, include: Include | None = None) -> None:
        self._source = source
        self._include = include
        self._count = 0
        self._includes = 0
        self._repeated = 0
        self._read: dict[int, tuple[Value, int]] = {}

    def value(self, node: yaml.Node, depth: int) -> tuple[Value, int]:
        """Read ``node`` and its content; return the value and its number of nodes."""
        line = node.start_mark.line + 1
        known = self._read.get(id(node))
        if known is not None:
            self._repeated += known[1]
            if self._repeated > MAX_REPEATED:
                text = f"aliases repeat more than {MAX_REPEATED} nodes: write the values out, or use fewer anchors"
                raise YamlMistakeError(f"{self._source}:{line}: {text}")
            return known
        self._count += 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            raise YamlMistakeError(f"{self._source}:{line}: too large or too deep; do anchors repeat each other?")
        if node.tag == "!include" and self._include is not None:
            return self._included(node, line)
        if node.tag not in _PLAIN_TAGS and not node.tag.endswith(":merge"):
            raise YamlMistakeError(f"{self._source}:{line}: the tag {node.tag} is not read; write plain values")
        size = 1
        content: str | list[Value] | dict[str, Value] | None
        if isinstance(node, yaml.ScalarNode):
            content = None if node.tag.endswith(":null") else node.value
        elif isinstance(node, yaml.SequenceNode):
            read = [self.value(entry, depth + 1) for entry in node.value]
            content = [value for value, _ in read]
            size += sum(nodes for _, nodes in read)
        else:
            content, size = self._map(node, depth)
        self._read[id(node)] = made = Value(content, line), size
        return made

    def _included(self, node: yaml.Node, line: int) -> tuple[Value, int]:
        """The value of ``!include FILE``, or that of ``!include [FILE, ...]``: the maps or lists put together.

        Source: octoDNS, ``octodns.yaml``.
        """
        assert self._include is not None  # noqa: S101 - by the caller
        where = f"{self._source}:{line}"
        named = [node] if isinstance(node, yaml.ScalarNode) else node.value
        if not all(isinstance(each, yaml.ScalarNode) for each in named):
            raise YamlMistakeError(f"{where}: !include: expected a file or a list of files")
        self._includes += len(named)
        if self._includes > MAX_INCLUDES:
            raise YamlMistakeError(f"{where}: more than {MAX_INCLUDES} !include: put the files together")
        read = [self._include(each.value, where) for each in named]
        if len(read) == 1:
            return read[0], 1
        if all(isinstance(each.content, list) for each in read):
            return Value([item for each in read for item in each.items], line), len(read)
        joined: dict[str, Value] = {}
        for each in read:
            if not isinstance(each.content, dict):
                raise YamlMistakeError(f"{where}: !include of a list: the files are neither all maps nor all lists")
            joined |= each.content
        return Value(joined, line), len(read)

    def _map(self, node: yaml.Node, depth: int) -> tuple[dict[str, Value], int]:
        found: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        size = 1
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise YamlMistakeError(f"{self._source}:{line}: a key that is no text")
            read, nodes = self.value(value, depth + 1)
            size += nodes
            if key.tag.endswith(":merge"):
                for each in read.items:
                    merged |= each.content if isinstance(each.content, dict) else {}
                continue
            if key.value in found:
                raise YamlMistakeError(
                    f"{self._source}:{line}: the key {key.value[:80]!r} is defined twice: put both in one"
                )
            found[key.value] = read
        return merged | found, size
