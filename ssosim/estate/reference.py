"""The reference of estate files, made from their schema: every key with its type, default and an example."""

from __future__ import annotations

import inspect
import json
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Any, Literal

import msgspec

from ssosim.estate.model import Estate

__all__ = ["EntryReference", "KeyReference", "build_json_schema", "default_estate_text", "list_entries"]


@dataclass(frozen=True, slots=True)
class KeyReference:
    """One key of a table. ``default`` is TOML text; "required" for a key that a file must have."""

    name: str
    type: str
    default: str
    example: str


@dataclass(frozen=True, slots=True)
class EntryReference:
    """One kind of table: its path in TOML, what it is, and its keys."""

    path: str
    text: str
    keys: tuple[KeyReference, ...]


def default_estate_text() -> str:
    """Return the file of the estate that is shipped with the package."""
    return resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")


def build_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an estate file, for editors."""
    schema = msgspec.json.schema(Estate)
    for part in schema["$defs"].values():
        part["description"] = inspect.cleandoc(part["description"])  # Python 3.13 does that to every docstring
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "An estate of ssosim", **schema}


def list_entries() -> list[EntryReference]:
    """Return all kinds of tables, the file itself first, in the order of the schema."""
    seen: set[type] = set()
    return list(_walk(Estate, "", [tomllib.loads(default_estate_text())], seen))


def _walk(
    entry: type[msgspec.Struct], path: str, tables: Sequence[Mapping[str, Any]], seen: set[type]
) -> Iterator[EntryReference]:
    seen.add(entry)
    hints = typing.get_type_hints(entry, include_extras=True)
    keys, inner = [], []
    for field in msgspec.structs.fields(entry):
        name, hint = field.encode_name, hints[field.name]
        values = [table[name] for table in tables if name in table]
        structs = [each for each in _arguments(hint) if isinstance(each, type) and issubclass(each, msgspec.Struct)]
        example = next((value for value in values if not _has_table(value)), None)
        default = _default(field)
        if structs and example is None:
            shown = f"see `{path}{name}`"
        else:
            given = default if default not in ("required", "none") else _invent(hint)
            shown = f"`{name} = {given if example is None else _toml(example)}`"
        keys.append(KeyReference(name, _describe(hint), default, shown))
        for struct in structs:
            rows = [row for value in values for row in (value if isinstance(value, list) else [value])]
            inner.append((struct, f"{path}{name}.", [row for row in rows if isinstance(row, dict)]))
    text = " ".join(inspect.cleandoc(entry.__doc__ or "").split())
    yield EntryReference(path.removesuffix("."), text, tuple(keys))
    for struct, inner_path, rows in inner:
        if struct not in seen:
            yield from _walk(struct, inner_path, rows, seen)


def _arguments(hint: Any) -> Iterator[Any]:
    yield hint
    for each in typing.get_args(hint):
        yield from _arguments(each)


def _has_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(each, dict) for each in value))


def _describe(hint: Any) -> str:  # noqa: PLR0911 - one for each kind of type
    """Return a type in the words of TOML."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        limits = [_describe_limits(each) for each in arguments[1:] if isinstance(each, msgspec.Meta)]
        return " ".join([_describe(arguments[0]), *(each for each in limits if each)])
    if origin is Literal:
        return ", ".join(_toml(each) for each in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(each) for each in arguments if each is not type(None))
    if origin is tuple:
        return f"list of {_describe(arguments[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return f"table of {_describe(arguments[1])}"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "table"
    return {str: "text", int: "whole number", float: "number", bool: "boolean"}.get(
        hint, getattr(hint, "__name__", "any")
    )


def _describe_limits(meta: msgspec.Meta) -> str:
    parts = [
        f"{word} {value}"
        for word, value in (("from", meta.ge), ("above", meta.gt), ("to", meta.le))
        if value is not None
    ]
    return " ".join(parts)


def _invent(hint: Any) -> str:
    """Return an example of a value as TOML text."""
    for each in _arguments(hint):
        if typing.get_origin(each) is Literal:
            return _toml(typing.get_args(each)[-1])
        limits = [meta.ge for meta in getattr(each, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
        if each is int or any(limit is not None for limit in limits):
            return _toml(next((limit for limit in limits if limit is not None), 1))
    kinds = set(_arguments(hint))
    value = "true" if bool in kinds else "0.5" if float in kinds else '"..."'
    return f"[{value}]" if any(typing.get_origin(each) is tuple for each in kinds) else value


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    return "none" if value is None else _toml(msgspec.to_builtins(value))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)
