"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ssosim.lab.base.folder import LabFolder

__all__ = ["add_estate", "add_json", "add_name", "folder_of"]


def add_name(parser: argparse.ArgumentParser) -> None:
    """``--name``: which lab."""
    parser.add_argument("--name", default="default", help="the lab's name, where several run side by side")


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``: for programs that read."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_estate(parser: argparse.ArgumentParser) -> None:
    """``--estate``: the user's own file."""
    parser.add_argument("--estate", type=Path, metavar="FILE", help="an estate of your own instead of Contoso (TOML)")


def folder_of(options: argparse.Namespace) -> LabFolder:
    """The state folder of the lab that the options name.

    Raises LabInputError for an unusable name, and where something else than a folder of the user's own is in its place.
    """
    folder = LabFolder.of(options.name)
    folder.check()
    return folder
