"""The table of refusals: what the identity provider refuses, with which code, by which source, and its test.

``docs/generate.py`` renders the table into ``docs/identity-provider.md``. A test checks that each row's code is in the
catalogue and that each row's test exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["REFUSALS", "Refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: what is refused, the AADSTS code, the public source, and the test.

    ``refusal`` is a short noun phrase for people. ``source`` names a public document or issue; ``unconfirmed`` marks
    what no public text shows. ``test`` is ``folder/file.py::function`` in ``tests``.
    """

    refusal: str
    code: int
    source: str
    test: str


_APPLICATIONS: tuple[Refusal, ...] = ()
"""Applications, service principals and consent."""

_RESOURCES: tuple[Refusal, ...] = ()
"""Resources and scopes."""

REFUSALS: Mapping[str, tuple[Refusal, ...]] = MappingProxyType(
    {
        "Applications": _APPLICATIONS,
        "Resources and scopes": _RESOURCES,
    }
)
"""The rows by the title of their section, in the order of the page."""
