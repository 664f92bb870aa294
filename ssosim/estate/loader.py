"""Read an estate from TOML, with every mistake named by file, line, key path and what is expected."""

from __future__ import annotations

import difflib
import re
import tomllib
from importlib import resources
from pathlib import Path

import msgspec

from ssosim.estate.check import check
from ssosim.estate.model import Estate
from ssosim.estate.places import KeyPath, line_of, lines_by_path, parse_path, render_path

__all__ = ["EstateError", "default_estate", "load_estate", "parse_estate"]

_BUILT_IN = "contoso.toml (built in)"
_MAX_BYTES = 4 * 1024 * 1024
_MAX_SHOWN = 20


class EstateError(ValueError):
    """An estate file cannot be used. The text is ready for the user: file, place, what is expected."""


def default_estate() -> Estate:
    """Contoso, the estate that is shipped with the package."""
    text = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
    return parse_estate(text, _BUILT_IN)


def load_estate(path: Path) -> Estate:
    """Read the user's own estate file; raises EstateError."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise EstateError(f"{path}: larger than {_MAX_BYTES >> 20} MiB; an estate is a small file")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EstateError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EstateError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    return parse_estate(text, str(path))


def parse_estate(text: str, source: str) -> Estate:
    """Turn TOML text into an Estate; ``source`` is the file's name for messages. Raises EstateError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EstateError(f"{source}: not valid TOML: {error}") from error
    try:
        estate = msgspec.convert(data, Estate)
    except msgspec.ValidationError as error:
        path, complaint = _schema_complaint(str(error))
        raise EstateError(_place(source, lines_by_path(text), path, complaint)) from error
    findings = list(check(estate))
    if findings:
        lines = lines_by_path(text)
        shown = [_place(source, lines, finding.path, finding.text) for finding in findings[:_MAX_SHOWN]]
        if len(findings) > _MAX_SHOWN:
            shown.append(f"{source}: and {len(findings) - _MAX_SHOWN} more")
        raise EstateError("\n".join(shown))
    return estate


def _place(source: str, lines: dict[KeyPath, int], path: KeyPath, complaint: str) -> str:
    line = line_of(lines, path)
    where = f"{source}:{line}" if line else source
    return f"{where}: {render_path(path) or 'top level'}: {complaint}"


def _schema_complaint(message: str) -> tuple[KeyPath, str]:
    """Split msgspec's message into key path and text, and say what an unknown key may have meant."""
    text, _, at = message.rpartition(" - at ")
    if not text:
        text, at = message, ""
    path = parse_path(at.strip("`"))
    if unknown := re.search(r"unknown field `([^`]*)`", text):
        known = _fields_at(path)
        close = difflib.get_close_matches(unknown[1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return (*path, unknown[1]), f"unknown key; {hint}"
    if missing := re.search(r"missing required field `([^`]*)`", text):
        return path, f"the key {missing[1]!r} is missing"
    return path, text[:1].lower() + text[1:]


def _fields_at(path: KeyPath) -> list[str]:
    """Names of the keys that the schema allows at ``path``."""
    kind: msgspec.inspect.Type = msgspec.inspect.type_info(Estate)
    for step in path:
        if isinstance(kind, msgspec.inspect.UnionType):
            kind = next(t for t in kind.types if not isinstance(t, msgspec.inspect.NoneType))
        if isinstance(step, int) and isinstance(kind, msgspec.inspect.VarTupleType):
            kind = kind.item_type
        elif isinstance(kind, msgspec.inspect.StructType):
            kind = next(field.type for field in kind.fields if field.encode_name == step)
    return [field.encode_name for field in kind.fields] if isinstance(kind, msgspec.inspect.StructType) else []
