"""Placeholders in the fields of a fault, such as ``host = "{autologon}"``: names of the estate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from ssosim.estate import Estate
from ssosim.estate.placeholders import PlaceholderError, expand, find_unknown
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Fault

__all__ = ["expand_fault", "find_field_mistakes"]

_F = TypeVar("_F", bound=Fault)
_FREE_TEXT = ("body", "headers", "title")
"""Fields with text that may have words in braces of its own."""
_NAME = re.compile(r"[A-Za-z0-9_.*:/{}-]+")


def expand_fault(fault: _F, estate: Estate) -> _F:
    """Return ``fault`` with the names of ``estate``. Raises FaultError for a name that the estate does not have."""
    if mistake := next(iter(find_field_mistakes(fault)), None):
        raise FaultError(f"{fault.fault_name}: {mistake[0]}: {mistake[1]}")
    try:
        changed = {
            name: new
            for name in fault.__struct_fields__
            if (new := _map_texts(old := getattr(fault, name), lambda text: expand(text, estate))) != old
        }
        return msgspec.structs.replace(fault, **changed) if changed else fault
    except PlaceholderError as error:
        raise FaultError(f"{fault.fault_name} {error}") from error
    except ValueError as error:  # a value of the estate that the fault refuses
        raise FaultError(f"{fault.fault_name}: {error}") from error


def find_field_mistakes(fault: Fault) -> Iterator[tuple[str, str]]:
    """Yield each field of ``fault`` with a placeholder that does not exist, and a sentence about it."""
    for name in fault.__struct_fields__:
        found: list[str] = []
        _map_texts(getattr(fault, name), lambda text, found=found: found.append(text) or text)  # type: ignore[misc]
        for text in found:
            if name not in _FREE_TEXT and _NAME.fullmatch(text) and (wrong := find_unknown(text)):
                yield name, wrong


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return ``value`` with ``change`` applied to its texts."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_map_texts(each, change) for each in value)
    if isinstance(value, Mapping):
        return {key: _map_texts(each, change) for key, each in value.items()}
    return value
