"""The table of sources as values. Its files are read once, at the first call of ``load_sources``."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

__all__ = ["Source", "Sources", "Statement", "UnknownSourceError", "load_sources"]


class UnknownSourceError(LookupError):
    """There is no source and no statement with this id."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source.

    ``facts`` says which facts this project takes from it. ``prefix`` is the prefix of the ids of its statements.
    ``versions`` are the versions of the programs that were measured or read. A source without ``address`` and without
    ``versions`` has no known public address.
    """

    id: str
    title: str
    date: str
    facts: str
    address: str = ""
    versions: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a document, in the words of this project."""

    id: str
    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources by id and all statements by id, both in the order of their files."""

    sources: Mapping[str, Source]
    statements: Mapping[str, Statement]

    def source(self, key: str) -> Source:
        """Return the source with this id, or the source of the statement with this id; raises UnknownSourceError."""
        if key in self.statements:
            return self.statements[key].source
        try:
            return self.sources[key]
        except KeyError:
            raise UnknownSourceError(f"there is no source {key!r} in ssosim/sources/*.toml") from None

    def title_of(self, text: str) -> str:
        """Return the title for an id, with the text if it is a statement; any other text is returned unchanged."""
        if text in self.statements:
            statement = self.statements[text]
            return f"{statement.source.title}: {statement.text}"
        return self.sources[text].title if text in self.sources else text

    def cite(self, text: str) -> str:
        """Return a citation: for an id, title, date and address; for a text that begins with a title, text and address.

        Any other text, such as the name of a standard or a text of the user, is returned unchanged.
        """
        source = self._find(text)
        if source is None:
            return text
        date = f" ({source.date})" if text in self.sources and source.date and source.date not in source.title else ""
        where = source.address or source.versions
        return f"{self.title_of(text)}{date}{f', {where}' if where else ''}"

    def addresses_in(self, text: str) -> list[str]:
        """Return ``title: address`` of each source whose title is in ``text``, in the order of the table."""
        flat = " ".join(text.split())
        found = [source for source in self.sources.values() if source.title in flat and source.address]
        return [f"{source.title}: {source.address}" for source in found]

    def _find(self, text: str) -> Source | None:
        if text in self.statements or text in self.sources:
            return self.source(text)
        return max(
            (source for source in self.sources.values() if text.startswith(source.title)),
            key=lambda source: len(source.title),
            default=None,
        )


@functools.cache
def load_sources() -> Sources:
    """Return the table of this package. The first call takes a few milliseconds."""
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
