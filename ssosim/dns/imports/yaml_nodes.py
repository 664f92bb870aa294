"""YAML as nodes with their lines: nothing is constructed but text, numbers, lists and maps, and everything is bounded.

Only the safe loader's grammar is used; tags that would make Python objects are refused. The walk counts nodes, so that
anchors that multiply (a "billion laughs") end it and not the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from ssosim.estate.toml import read_text

__all__ = ["Value", "YamlMistakeError", "read_yaml"]

MAX_NODES = 2_000_000
MAX_DEPTH = 40
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")
)
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlMistakeError(ValueError):
    """A file is not YAML that can be used: file, line, what is expected."""


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
        """What a map holds under ``key``; None where it holds nothing, or this is no map."""
        return self.content.get(key) if isinstance(self.content, dict) else None


def read_yaml(path: Path) -> Value:
    """Read a file; raises YamlMistakeError with file and line, TomlMistakeError when it cannot be read at all."""
    try:
        node = yaml.compose(read_text(path), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlMistakeError(f"{path}:{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise YamlMistakeError(f"{path}: not YAML: {error}") from error
    return Value({}, 1) if node is None else _Walk(str(path)).value(node, 0)


class _Walk:
    def __init__(self, source: str) -> None:
        self._source = source
        self._count = 0

    def value(self, node: yaml.Node, depth: int) -> Value:
        """``node`` and what is in it."""
        self._count += 1
        line = node.start_mark.line + 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            raise YamlMistakeError(f"{self._source}:{line}: too large or too deep; do anchors repeat each other?")
        if node.tag not in _PLAIN_TAGS and not node.tag.endswith(":merge"):
            raise YamlMistakeError(f"{self._source}:{line}: the tag {node.tag} is not read; write plain values")
        if isinstance(node, yaml.ScalarNode):
            return Value(None if node.tag.endswith(":null") else node.value, line)
        if isinstance(node, yaml.SequenceNode):
            return Value([self.value(entry, depth + 1) for entry in node.value], line)
        return Value(self._map(node, depth), line)

    def _map(self, node: yaml.Node, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise YamlMistakeError(f"{self._source}:{line}: a key that is no text")
            if key.tag.endswith(":merge"):
                for each in self.value(value, depth + 1).items:
                    merged |= each.content if isinstance(each.content, dict) else {}
                continue
            if key.value in found:
                raise YamlMistakeError(f"{self._source}:{line}: the key {key.value!r} is there twice: put both in one")
            found[key.value] = self.value(value, depth + 1)
        return merged | found
