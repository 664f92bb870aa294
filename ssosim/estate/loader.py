"""Read an estate: the shipped one, or the user's own TOML file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from ssosim.estate.checks import check
from ssosim.estate.model import Estate
from ssosim.estate.toml import TomlMistakeError, complain, convert_toml, read_text

__all__ = ["EstateError", "default_estate", "load_estate", "parse_estate"]

_MAX_SHOWN = 20

EstateError = TomlMistakeError
"""An estate file cannot be used. The text is ready for the user: file, place, what is expected."""


def default_estate() -> Estate:
    """Contoso, the estate that is shipped with the package."""
    text = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
    return parse_estate(text, "contoso.toml (built in)")


def load_estate(path: Path) -> Estate:
    """Read the user's own estate file; raises EstateError."""
    return parse_estate(read_text(path), str(path))


def parse_estate(text: str, source: str) -> Estate:
    """Turn TOML text into an Estate; ``source`` is the file's name for messages. Raises EstateError."""
    estate = convert_toml(text, source, Estate)
    if findings := list(check(estate)):
        shown = [complain(text, source, finding.path, finding.text) for finding in findings[:_MAX_SHOWN]]
        if len(findings) > _MAX_SHOWN:
            shown.append(f"{source}: and {len(findings) - _MAX_SHOWN} more")
        raise EstateError("\n".join(shown))
    return estate
