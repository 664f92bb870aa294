"""Estates whose KDC is Samba's domain controller, and whether this machine has one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ssosim.estate import Estate, default_estate
from ssosim.kerberos.samba_programs import SambaMissingError, find_samba

__all__ = ["MISSING", "needs_samba", "with_samba"]


def _why_not() -> str:
    try:
        find_samba()
    except SambaMissingError as error:
        return str(error)
    return ""


MISSING = _why_not()
"""Why this machine has no Samba; empty if it has one."""

needs_samba = pytest.mark.skipif(bool(MISSING), reason=MISSING or "Samba is there")


def with_samba(estate: Estate | None = None, **fields: Any) -> Estate:
    """Return ``estate`` (default: Contoso) with ``directory = "samba"`` and other ``fields`` of its realm."""
    base = estate or default_estate()
    realm = msgspec.structs.replace(base.realms[0], directory="samba", **fields)
    return msgspec.structs.replace(base, realms=(realm,))
