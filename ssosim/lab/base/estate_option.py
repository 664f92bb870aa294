"""The estate that the user asks for."""

from __future__ import annotations

from pathlib import Path

from ssosim.estate import Estate, EstateError, default_estate, load_estate
from ssosim.lab.base.errors import LabInputError

__all__ = ["read_estate"]


def read_estate(path: Path | None) -> Estate:
    """The user's estate, or Contoso; raises LabInputError with the place of the mistake."""
    try:
        return default_estate() if path is None else load_estate(path)
    except EstateError as error:
        raise LabInputError(str(error)) from error
