"""The form of a row of the AADSTS catalogue."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Aadsts"]


@dataclass(frozen=True, slots=True)
class Aadsts:
    """One code.

    ``outer_codes`` codes come before it in ``error_codes``; ``v1_error`` is what the v1 endpoint says instead.
    """

    code: int
    error: str
    text: str
    source: str
    status: int = 400
    suberror: str | None = None
    outer_codes: tuple[int, ...] = ()
    v1_error: str | None = None
