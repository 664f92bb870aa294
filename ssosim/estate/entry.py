"""The base class of the entries of an estate file."""

from __future__ import annotations

import msgspec

__all__ = ["EstateEntry"]


class EstateEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of every entry of an estate file: immutable, keyword fields only, unknown keys refused."""
