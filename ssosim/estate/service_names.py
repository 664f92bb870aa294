"""The names of the services that a host may run: those that are shipped, and those that installed packages bring.

Only names and where to find what they stand for: nothing is imported for them (``ssosim.services`` does).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "SHIPPED", "brought_services", "known_services"]

GROUP = "ssosim.services"
"""The entry point group by which another package adds a service."""

SHIPPED: Mapping[str, str] = MappingProxyType(
    {
        "dns": "ssosim.services.infrastructure:DNS",
        "kdc": "ssosim.services.infrastructure:KDC",
        "login": "ssosim.services.identity:login",
        "autologon": "ssosim.services.identity:autologon",
        "federation": "ssosim.services.identity:federation",
    }
)
"""The services of this package, as ``module:attribute``. Their names cannot be taken by another package."""


def known_services() -> tuple[str, ...]:
    """Every name that a host may list, the shipped ones first."""
    return (*SHIPPED, *sorted({point.name for point in brought_services()} - set(SHIPPED)))


def brought_services() -> tuple[EntryPoint, ...]:
    """The services of other installed packages, not loaded."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - 20 ms that a lab's start does without

    return tuple(entry_points(group=GROUP))
