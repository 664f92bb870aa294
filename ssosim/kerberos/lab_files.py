"""The realm's own files (``kdc-lab``): templates that people read and change, filled in here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from ssosim.kerberos.errors import RealmError

__all__ = ["lab_files", "render"]


def lab_files() -> Path:
    """The directory ``kdc-lab``: beside the package when installed from a wheel, at the top of a checkout.

    Raises RealmError if it is in neither place.
    """
    here = Path(__file__).resolve().parent
    for candidate in (here / "kdc-lab", here.parent.parent / "kdc-lab"):
        if (candidate / "kdc.conf").is_file():
            return candidate
    raise RealmError(f"kdc-lab/kdc.conf is neither in {here} nor at the top of the checkout: reinstall ssosim")


def render(name: str, values: Mapping[str, str]) -> str:
    """Template ``name`` of ``kdc-lab`` with its placeholders filled in; raises RealmError naming a wrong one."""
    path = lab_files() / name
    try:
        return Template(path.read_text(encoding="utf-8")).substitute(values)
    except KeyError as error:
        raise RealmError(f"{path}: unknown placeholder ${{{error.args[0]}}}; known: {', '.join(values)}") from error
    except ValueError as error:
        raise RealmError(f"{path}: {error}; write a literal dollar sign as $$") from error
    except OSError as error:
        raise RealmError(f"{path}: cannot be read: {error.strerror}") from error
