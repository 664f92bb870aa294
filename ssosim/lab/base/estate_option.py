"""Read the estate file that the user names on the command line."""

from __future__ import annotations

from pathlib import Path

from ssosim.estate import Estate, EstateError, default_estate, is_shipped_estate, load_estate
from ssosim.estate.toml import format_mistake, read_text
from ssosim.estate.toml_lines import parse_path
from ssosim.lab.base.errors import LabInputError
from ssosim.services import ServiceError, complete_estate

__all__ = ["check_zones", "locate_mistake", "read_estate"]


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


def check_zones(estate: Estate, path: Path) -> None:
    """Check what only the name servers of a lab can: values, TTLs and names of ``estate``, which is the file ``path``.

    Raises LabInputError with file, line and key of the mistake that would keep a lab from starting.
    """
    from ssosim.dns.zones.from_estate import zones_of  # noqa: PLC0415 - heavy, and a lab that starts needs no check

    try:
        zones_of(estate)
    except EstateError as error:
        raise LabInputError(locate_mistake(error, path)) from error


def locate_mistake(error: EstateError, path: Path) -> str:
    """Return the text of an error of a part with a stricter check than the estate's, with file and line.

    The text of ``error`` starts with the key path; ``path`` is the estate file, or the name of a shipped estate.
    """
    where, _, what = str(error).partition(": ")
    text = "" if is_shipped_estate(path) else read_text(path)
    return format_mistake(text, str(path), parse_path(f"$.{where.split()[0]}"), what)
