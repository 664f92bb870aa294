"""Read the estate file that the user names on the command line."""

from __future__ import annotations

from pathlib import Path

from ssosim.estate import Estate, EstateError, default_estate, is_shipped_estate, load_estate
from ssosim.estate.toml import format_mistake, read_text
from ssosim.lab.base.errors import LabInputError
from ssosim.services import ServiceError, complete_estate

__all__ = ["read_estate"]


def read_estate(path: Path | None) -> Estate:
    """Read the estate at ``path`` (None: the built-in Contoso) and add the hosts and records of its services.

    Raises LabInputError with file, line and key of a mistake.
    """
    try:
        estate = default_estate() if path is None else load_estate(path)
        return complete_estate(estate)
    except ServiceError as error:
        where = "contoso.toml (built in)" if path is None else str(path)
        text = "" if path is None or is_shipped_estate(path) else read_text(path)
        raise LabInputError(format_mistake(text, where, error.path, error.what)) from error
    except EstateError as error:
        raise LabInputError(str(error)) from error
