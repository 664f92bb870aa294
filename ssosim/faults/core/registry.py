"""Every fault by its name: those of this package, and those of installed packages.

A fault of this package is a module in a folder beside ``core``. All modules there are imported, and ``Fault`` collects
its subclasses, so a new fault needs no line anywhere else. Another package names its fault classes in the entry-point
group ``ssosim.faults``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Union

import msgspec

from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import CLASSES, Fault
from ssosim.nearest import suggest_nearest

__all__ = ["FAULTS", "AnyFault", "fault_from", "registered_faults"]

GROUP = "ssosim.faults"
PACKAGE = "ssosim.faults"
_FOLDER = Path(__file__).parents[1]


def import_fault_modules() -> None:
    """Import every module in the folders beside ``core``."""
    for file in sorted(_FOLDER.glob("*/*.py")):
        name = f"{PACKAGE}.{file.parent.name}.{file.stem}"
        if file.parent.name != "core" and file.stem != "__init__" and name not in sys.modules:
            importlib.import_module(name)


def tag_of(kind: type[Fault]) -> str | None:
    """The fault's name; None for a base class, which has no ``tag`` of its own."""
    tag = str(kind.__struct_config__.tag)
    return None if tag == kind.__name__ else tag


def registered_faults() -> Mapping[str, type[Fault]]:
    """All faults by name, ordered by folder and module, then those of installed packages.

    Raises FaultError for an entry point that is no fault class, and for a name that is taken.
    """
    import_fault_modules()
    shipped = [kind for kind in CLASSES if kind.__module__.startswith(f"{PACKAGE}.") and tag_of(kind) is not None]
    found: dict[str, type[Fault]] = {}
    for kind in sorted(shipped, key=lambda kind: kind.__module__):
        tag = str(tag_of(kind))
        if found.setdefault(tag, kind) is not kind:
            raise FaultError(f"{kind.__module__}: there is a fault {tag!r} already: {found[tag].__module__}")
    for point in entry_points(group=GROUP):
        where = f"entry point {point.name!r} of group {GROUP}"
        kind = point.load()
        if not (isinstance(kind, type) and issubclass(kind, Fault)):
            raise FaultError(f"{where}: {point.value} is no fault class")
        name = tag_of(kind)
        if name is None:
            raise FaultError(f'{where}: {point.value} has no tag: class {kind.__name__}(..., tag="its-name")')
        if found.setdefault(name, kind) is not kind:
            raise FaultError(f"{where}: there is a fault {name!r} already")
    return MappingProxyType(found)


FAULTS = registered_faults()
"""All faults by name."""

if TYPE_CHECKING:
    AnyFault = Fault
else:
    AnyFault = Union[tuple(FAULTS.values())]  # noqa: UP007 - made of what is installed, so it cannot be written with |


def fault_from(data: Mapping[str, Any]) -> Fault:
    """Make a fault of plain data: the key ``fault`` holds its name, the others are its fields. Raises FaultError.

    Texts are read as numbers where a field is a number.
    """
    name = data.get("fault")
    kind = FAULTS.get(name) if isinstance(name, str) else None
    if kind is None:
        near = suggest_nearest(str(name), FAULTS)
        hint = f"{near} " if near else ""
        raise FaultError(f"there is no fault {name!r}; {hint}known: {', '.join(sorted(FAULTS))}")
    try:
        fault = msgspec.convert(dict(data), kind, strict=False)
        msgspec.json.encode(fault)  # half of a UTF-16 pair is in no name, and in no JSON of a strict reader
    except UnicodeEncodeError as error:
        raise FaultError(f"fault {name}: a text holds {error.object[error.start]!a}, which is no character") from None
    except msgspec.ValidationError as error:
        known = ", ".join(field.name for field in msgspec.structs.fields(kind))
        raise FaultError(f"fault {name}: {error}; its fields: {known}") from error
    return fault
