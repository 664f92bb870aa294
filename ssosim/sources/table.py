"""The table of sources as values. Its files are read once, when somebody asks for it."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

__all__ = ["Source", "Sources", "Statement", "UnknownSourceError", "load"]


class UnknownSourceError(LookupError):
    """There is no source and no statement with this id."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source. ``prefix`` is that of its statements' ids; ``versions`` are of programs that were measured or read.

    A source without ``address`` and without ``versions`` has no public address that is known.
    """

    id: str
    title: str
    date: str
    taken: str
    address: str = ""
    versions: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a document says, in this project's words."""

    id: str
    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources by id, and all statements by id, each in the order of the files."""

    sources: Mapping[str, Source]
    statements: Mapping[str, Statement]

    def source(self, key: str) -> Source:
        """The source with this id, or the one that a statement comes from; raises UnknownSourceError."""
        if key in self.statements:
            return self.statements[key].source
        try:
            return self.sources[key]
        except KeyError:
            raise UnknownSourceError(f"there is no source {key!r} in ssosim/sources/*.toml") from None

    def title(self, text: str) -> str:
        """The title for an id, with the words of a statement; any other text is its own title."""
        if text in self.statements:
            statement = self.statements[text]
            return f"{statement.source.title}: {statement.text}"
        return self.sources[text].title if text in self.sources else text

    def cite(self, text: str) -> str:
        """For an id, title, date and address; for a text that begins with a title, that text and the address.

        Any other text, such as the name of a standard or a user's own words, comes back as it is.
        """
        named = self._named(text)
        if named is None:
            return text
        date = f" ({named.date})" if text in self.sources and named.date and named.date not in named.title else ""
        where = named.address or named.versions
        return f"{self.title(text)}{date}{f', {where}' if where else ''}"

    def addresses(self, text: str) -> list[str]:
        """The address of each source whose title is in ``text``, in the order of the table, each with its title."""
        flat = " ".join(text.split())
        found = [source for source in self.sources.values() if source.title in flat and source.address]
        return [f"{source.title}: {source.address}" for source in found]

    def _named(self, text: str) -> Source | None:
        if text in self.statements or text in self.sources:
            return self.source(text)
        return max(
            (source for source in self.sources.values() if text.startswith(source.title)),
            key=lambda source: len(source.title),
            default=None,
        )


@functools.cache
def load() -> Sources:
    """The table that comes with the package. Takes a few milliseconds the first time."""
    sources = {key: Source(key, **fields) for key, fields in _read("sources.toml").items()}
    by_prefix = {source.prefix: source for source in sources.values() if source.prefix}
    statements = {
        f"{prefix}-{number}": Statement(f"{prefix}-{number}", text, by_prefix[prefix])
        for prefix, texts in _read("statements.toml").items()
        for number, text in texts.items()
    }
    return Sources(sources, statements)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("ssosim.sources") / name).read_text(encoding="utf-8"))
