"""Read TOML of the user as frozen values. A mistake is reported with file, line, key path and what is expected."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from ssosim.estate.toml_lines import KeyPath, find_line, index_lines, parse_path, render_path

__all__ = ["TomlMistakeError", "convert_data", "convert_toml", "format_mistake", "read_text"]

_MAX_BYTES = 4 * 1024 * 1024
_MAX_DOTS = 64
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
# Keys of many parts, which take tomllib quadratic time.
_DEEP_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*+(?:{_PART}\.[ \t]*+){{{_MAX_DOTS}}}", re.MULTILINE)
_T = TypeVar("_T")


class TomlMistakeError(ValueError):
    """A file cannot be used. The text is for the user: file, line, key, and what is expected."""


def read_text(path: Path) -> str:
    """Read the text of a file that the user named; raises TomlMistakeError."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)  # a device file does not report its size
        if len(content) > _MAX_BYTES:
            raise TomlMistakeError(f"{path}: larger than {_MAX_BYTES >> 20} MiB; this is meant to be a small file")
        return content.decode("utf-8-sig")  # editors of Windows begin a file with a byte order mark
    except OSError as error:
        raise TomlMistakeError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TomlMistakeError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except ValueError as error:
        raise TomlMistakeError(f"{str(path)!r}: cannot be read: {error}") from error


def convert_toml(text: str, source: str, kind: type[_T]) -> _T:
    """Read ``text`` as a ``kind`` (a msgspec Struct); ``source`` names the file. Raises TomlMistakeError."""
    if deep := _DEEP_KEY.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        raise TomlMistakeError(f"{source}:{line}: a key of more than {_MAX_DOTS} parts: no table here is that deep")
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise TomlMistakeError(f"{source}: lists or tables are nested too deep: no value here needs that") from error
    except tomllib.TOMLDecodeError as error:
        text, _, position = str(error).rpartition(" (at line ")
        where = f"{source}:{position.split(',')[0]}" if text else source
        raise TomlMistakeError(f"{where}: not valid TOML: {error}") from error
    except ValueError as error:  # Python's limit on the digits of an integer
        raise TomlMistakeError(f"{source}: a number of thousands of digits: {error}") from error
    return convert_data(data, source, kind, text)


def convert_data(data: object, source: str, kind: type[_T], text: str = "") -> _T:
    """Convert plain data to a ``kind``; ``text`` is the TOML that they are from, if any. Raises TomlMistakeError."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        path, complaint = _schema_complaint(str(error), kind, data)
        raise TomlMistakeError(format_mistake(text, source, path, complaint)) from error


def format_mistake(text: str, source: str, path: KeyPath, complaint: str) -> str:
    """Return one mistake as one line: ``file:line: key.path: what is wrong``."""
    line = find_line(index_lines(text), path)
    where = f"{source}:{line}" if line else source
    # A message may quote any text of the file, and has to stay one line.
    complaint = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in complaint)
    return f"{where}: {render_path(path) or 'top level'}: {complaint}"


def _schema_complaint(message: str, kind: type, data: object) -> tuple[KeyPath, str]:
    """Split msgspec's message into key path and text, and add to the text what is expected."""
    text, _, at = message.rpartition(" - at ")
    if not text:
        text, at = message, ""
    path = parse_path(at.strip("`"))
    if unknown := re.search(r"unknown field `([^`]*)`", text):
        known = _fields(_value_type(_type_at(path, kind, data), at))
        close = difflib.get_close_matches(unknown[1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return (*path, unknown[1]), f"unknown key; {hint}"
    if missing := re.search(r"missing required field `([^`]*)`", text):
        return path, f"the key {missing[1]!r} is missing"
    complaint = text[:1].lower() + text[1:]
    if text.startswith("Invalid") and (choices := _choices(path, at, kind, data)):
        close = difflib.get_close_matches(text.split("'")[1] if "'" in text else "", choices, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return path, f"{complaint}; {hint}expected one of: {', '.join(choices)}"
    if "RFC3339" in text:
        complaint += "; expected e.g. 2025-02-25T16:42:00Z"
    return path, complaint


def _choices(path: KeyPath, at: str, kind: type, data: object) -> list[str]:
    """Return the values that an enumeration, or the tag key of a union, may have at ``path``."""
    here = _type_at(path, kind, data)
    if at.rstrip("`").endswith("[...]") and isinstance(here, inspect.DictType):
        here = here.value_type
    if isinstance(here, inspect.EnumType):
        return [str(member.value) for member in here.cls]
    if isinstance(here, inspect.LiteralType):
        return [str(value) for value in here.values]
    union = _type_at(path[:-1], kind, None)
    structs = union.types if isinstance(union, inspect.UnionType) else ()
    return [str(t.tag) for t in structs if isinstance(t, inspect.StructType) and t.tag_field == path[-1]]


def _value_type(here: inspect.Type | None, at: str) -> inspect.Type | None:
    """Return the table that a value of the dictionary ``here`` may be, if ``at`` is such a value; else ``here``."""
    if not (at.rstrip("`").endswith("[...]") and isinstance(here, inspect.DictType)):
        return here
    return _chosen(here.value_type, {})


def _fields(here: inspect.Type | None) -> list[str]:
    return [field.encode_name for field in here.fields] if isinstance(here, inspect.StructType) else []


def _type_at(path: KeyPath, kind: type, data: Any) -> inspect.Type | None:
    """Return the type in the schema at ``path``; ``data`` decides which member of a union it is."""
    here: inspect.Type | None = _chosen(inspect.type_info(kind), data)
    for step in path:
        try:
            data = data[step]  # data that does not fit the schema: without data, the schema decides alone
        except (LookupError, TypeError):
            data = None
        if isinstance(here, inspect.VarTupleType):
            here = here.item_type
        elif isinstance(here, inspect.DictType):
            here = here.value_type
        elif isinstance(here, inspect.StructType):
            here = next((field.type for field in here.fields if field.encode_name == step), None)
        else:
            return None
        here = _chosen(here, data)
    return here


def _chosen(here: inspect.Type | None, data: object) -> inspect.Type | None:
    if not isinstance(here, inspect.UnionType):
        return here
    some = [t for t in here.types if not isinstance(t, inspect.NoneType)]
    if len(some) == 1:
        return some[0]
    structs = [t for t in some if isinstance(t, inspect.StructType) and isinstance(data, dict)]
    if len(structs) == 1:  # the other members of the union are no tables
        return structs[0]
    tags = {t.tag: t for t in structs}
    fields = {t.tag_field for t in tags.values()}
    return next((tags[data[f]] for f in fields if isinstance(data, dict) and data.get(f) in tags), here)
