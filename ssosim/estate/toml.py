"""Turn the user's TOML into frozen values, naming every mistake by file, line, key path and what is expected."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from ssosim.estate.places import KeyPath, line_of, lines_by_path, parse_path, render_path

__all__ = ["TomlMistakeError", "complain", "convert_toml", "read_text"]

_MAX_BYTES = 4 * 1024 * 1024
_T = TypeVar("_T")


class TomlMistakeError(ValueError):
    """A file cannot be used. The text is ready for the user: file, place, what is expected."""


def read_text(path: Path) -> str:
    """The text of a file that the user named; raises TomlMistakeError."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)  # a device has no size that could be asked beforehand
        if len(content) > _MAX_BYTES:
            raise TomlMistakeError(f"{path}: larger than {_MAX_BYTES >> 20} MiB; this is meant to be a small file")
        return content.decode("utf-8")
    except OSError as error:
        raise TomlMistakeError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TomlMistakeError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def convert_toml(text: str, source: str, kind: type[_T]) -> _T:
    """Read ``text`` as a ``kind`` (a msgspec Struct); ``source`` names the file. Raises TomlMistakeError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlMistakeError(f"{source}: not valid TOML: {error}") from error
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        path, complaint = _schema_complaint(str(error), kind)
        raise TomlMistakeError(complain(text, source, path, complaint)) from error


def complain(text: str, source: str, path: KeyPath, complaint: str) -> str:
    """One mistake in one line: ``file:line: key.path: what is wrong``."""
    line = line_of(lines_by_path(text), path)
    where = f"{source}:{line}" if line else source
    return f"{where}: {render_path(path) or 'top level'}: {complaint}"


def _schema_complaint(message: str, kind: type) -> tuple[KeyPath, str]:
    """Split msgspec's message into key path and text, and say what an unknown key may have meant."""
    text, _, at = message.rpartition(" - at ")
    if not text:
        text, at = message, ""
    path = parse_path(at.strip("`"))
    if unknown := re.search(r"unknown field `([^`]*)`", text):
        known = _fields_at(path, kind)
        close = difflib.get_close_matches(unknown[1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return (*path, unknown[1]), f"unknown key; {hint}"
    if missing := re.search(r"missing required field `([^`]*)`", text):
        return path, f"the key {missing[1]!r} is missing"
    return path, text[:1].lower() + text[1:]


def _fields_at(path: KeyPath, kind: type) -> list[str]:
    """Names of the keys that the schema allows at ``path``."""
    here: msgspec.inspect.Type = msgspec.inspect.type_info(kind)
    for step in path:
        if isinstance(here, msgspec.inspect.UnionType):
            here = next(t for t in here.types if not isinstance(t, msgspec.inspect.NoneType))
        if isinstance(step, int) and isinstance(here, msgspec.inspect.VarTupleType):
            here = here.item_type
        elif isinstance(here, msgspec.inspect.StructType):
            here = next(field.type for field in here.fields if field.encode_name == step)
    return [field.encode_name for field in here.fields] if isinstance(here, msgspec.inspect.StructType) else []
