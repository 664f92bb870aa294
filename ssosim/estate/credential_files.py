"""Reads the PEM files that the applications of an estate name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ssosim.estate.applications import Application
from ssosim.estate.model import Estate
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_file_mistakes", "read_credential_files"]

_MAX_BYTES = 256 * 1024


def read_credential_files(estate: Estate, folder: Path) -> Estate:
    """Return ``estate`` with the text of the PEM files in place of their names, which are relative to ``folder``.

    A file that cannot be read keeps its name, which ``find_file_mistakes`` then reports.
    """
    if not any(app.certificates or app.trusted_certificate_subjects for app in estate.applications):
        return estate
    return msgspec.structs.replace(
        estate, applications=tuple(_read_application(app, folder) for app in estate.applications)
    )


def _read_application(app: Application, folder: Path) -> Application:
    certificates = []
    for each in app.certificates:
        text = "" if each.pem or not each.file else _read(folder, each.file)
        certificates.append(msgspec.structs.replace(each, pem=text, file="") if text else each)
    subjects = []
    for entry in app.trusted_certificate_subjects:
        text = "" if entry.authority or not entry.authority_file else _read(folder, entry.authority_file)
        subjects.append(msgspec.structs.replace(entry, authority=text, authority_file="") if text else entry)
    return msgspec.structs.replace(app, certificates=tuple(certificates), trusted_certificate_subjects=tuple(subjects))


def _read(folder: Path, name: str) -> str:
    """Return the text of a file; empty if it cannot be read."""
    try:
        with (folder / name).open("rb") as file:
            return file.read(_MAX_BYTES).decode("ascii")
    except (OSError, ValueError):
        return ""


def find_file_mistakes(estate: Estate) -> Iterator[tuple[KeyPath, str]]:
    """Yield every name of a file that could not be read: its key path, and a text that says what is expected."""
    for index, app in enumerate(estate.applications):
        here: KeyPath = ("applications", index)
        names: list[tuple[KeyPath, str]] = [
            ((*here, "certificates", number, "file"), each.file) for number, each in enumerate(app.certificates)
        ]
        names += [
            ((*here, "trusted_certificate_subjects", number, "authority_file"), each.authority_file)
            for number, each in enumerate(app.trusted_certificate_subjects)
        ]
        for path, name in names:
            if name:
                yield path, f"{name!r} cannot be read as PEM text; expected a file relative to the estate file"
