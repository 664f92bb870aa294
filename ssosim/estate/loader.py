"""Read an estate: the one that is shipped, or a TOML file of the user."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from ssosim.estate.checks import find_mistakes
from ssosim.estate.credential_files import read_credential_files
from ssosim.estate.model import Estate
from ssosim.estate.toml import TomlMistakeError, convert_toml, format_mistake, read_text

__all__ = [
    "SHIPPED_ESTATES",
    "EstateError",
    "default_estate",
    "is_shipped_estate",
    "load_estate",
    "parse_estate",
    "shipped_estate_text",
]

_MAX_SHOWN = 20

SHIPPED_ESTATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "contoso": ("contoso.toml",),
        "contoso-azure": ("contoso.toml", "contoso-azure.toml"),
        "contoso-guides": ("contoso.toml", "contoso-azure.toml", "contoso-guides.toml"),
    }
)
"""The estates that are shipped with the package, by name: their files, which are joined."""

EstateError = TomlMistakeError
"""An estate file cannot be used. The text is for the user: file, line, key, and what is expected."""


@functools.cache
def default_estate() -> Estate:
    """Return Contoso, the estate that is shipped with the package."""
    text = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
    return parse_estate(text, "contoso.toml (built in)")


def is_shipped_estate(path: Path) -> bool:
    """Return whether ``path`` is the name of a shipped estate, and not a file of the user."""
    return str(path) in SHIPPED_ESTATES and not path.exists()


def shipped_estate_text(name: str) -> str:
    """Return the text of the shipped estate ``name``, as a file of the user would have it."""
    folder = resources.files("ssosim.estate")
    return "\n".join(folder.joinpath(file).read_text(encoding="utf-8") for file in SHIPPED_ESTATES[name])


def load_estate(path: Path) -> Estate:
    """Read an estate file of the user, or a shipped estate by its name; raises EstateError."""
    if is_shipped_estate(path):
        return parse_estate(shipped_estate_text(str(path)), f"{path} (built in)")
    return parse_estate(read_text(path), str(path), path.parent)


def parse_estate(text: str, source: str, folder: Path = Path()) -> Estate:
    """Read TOML text as an estate; ``source`` is the name of the file, for messages. Raises EstateError.

    ``folder``: where the names of PEM files are relative to.
    """
    estate = read_credential_files(convert_toml(text, source, Estate), folder)
    if mistakes := list(find_mistakes(estate)):
        shown = [format_mistake(text, source, mistake.path, mistake.text) for mistake in mistakes[:_MAX_SHOWN]]
        if len(mistakes) > _MAX_SHOWN:
            shown.append(f"{source}: and {len(mistakes) - _MAX_SHOWN} more")
        raise EstateError("\n".join(shown))
    return estate
