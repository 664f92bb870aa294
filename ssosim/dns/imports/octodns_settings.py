"""Settings of an octoDNS configuration that change what is pushed and are not applied here: a line for each.

Source: octoDNS documentation, processors (global ones of ``manager``, and those of a zone) and ``auto_arpa``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ssosim.dns.imports.yaml_nodes import Value

__all__ = ["describe_unapplied"]

_GLOBAL = ("processors", "pre_processors", "post_processors")


def describe_unapplied(path: Path, main: Value, zone: Value, name: str) -> Iterator[str]:
    """Yield a line for each setting that octoDNS applies to the records of the zone ``name``."""
    manager = main.get("manager")
    given = [zone.get("processors"), *(None if manager is None else manager.get(key) for key in _GLOBAL)]
    for each in given:
        if each is not None and each.items:
            named = ", ".join(item.text or "?" for item in each.items)
            text = f"zone {name}: processors are not run: {named}: they can leave records out, or change them"
            yield f"{path}:{each.line}: {text}"
    arpa = None if manager is None else manager.get("auto_arpa")
    if arpa is not None and (arpa.content is not None and (arpa.text or "").lower() not in ("false", "no", "off")):
        yield f"{path}:{arpa.line}: auto_arpa is not applied: PTR records are read where files have them"
