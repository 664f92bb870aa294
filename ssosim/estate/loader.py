"""Read an estate from TOML, with every mistake named by file, place and what is expected."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import msgspec

from ssosim.estate.model import Estate

__all__ = ["EstateError", "default_estate", "load_estate"]


class EstateError(ValueError):
    """An estate file cannot be used. The text is ready for the user: file, place, what is expected."""


def default_estate() -> Estate:
    """Contoso, the estate that is shipped with the package."""
    text = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
    return parse_estate(text, "contoso.toml (built in)")


def load_estate(path: Path) -> Estate:
    """Read the user's own estate file; raises EstateError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EstateError(f"{path}: cannot be read: {error.strerror}") from error
    return parse_estate(text, str(path))


def parse_estate(text: str, source: str) -> Estate:
    """Turn TOML text into an Estate; ``source`` is the file's name for messages. Raises EstateError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EstateError(f"{source}: not valid TOML: {error}") from error
    try:
        return msgspec.convert(data, Estate)
    except msgspec.ValidationError as error:
        raise EstateError(f"{source}: {error}") from error
