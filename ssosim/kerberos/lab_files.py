"""The files in ``kdc-lab``: templates of krb5.conf and kdc.conf that users may read and change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from ssosim.kerberos.errors import RealmError

__all__ = ["find_lab_files", "render_template"]


def find_lab_files() -> Path:
    """The directory ``kdc-lab``: inside the package when installed from a wheel, at the top of a checkout otherwise.

    Raises RealmError if neither exists.
    """
    here = Path(__file__).resolve().parent
    for candidate in (here / "kdc-lab", here.parent.parent / "kdc-lab"):
        if (candidate / "kdc.conf").is_file():
            return candidate
    raise RealmError(f"kdc-lab/kdc.conf is neither in {here} nor at the top of the checkout: reinstall ssosim")


def render_template(name: str, values: Mapping[str, str]) -> str:
    """The template ``name`` of ``kdc-lab`` with ``values`` in place of its placeholders.

    Raises RealmError if the file cannot be read or has an unknown placeholder; the text names it.
    """
    path = find_lab_files() / name
    try:
        return Template(path.read_text(encoding="utf-8")).substitute(values)
    except KeyError as error:
        raise RealmError(f"{path}: unknown placeholder ${{{error.args[0]}}}; known: {', '.join(values)}") from error
    except ValueError as error:
        raise RealmError(f"{path}: {error}; write a literal dollar sign as $$") from error
    except OSError as error:
        raise RealmError(f"{path}: cannot be read: {error.strerror}") from error
