"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ssosim.lab.base.folder import LabFolder
from ssosim.lab.base.system import require_linux
from ssosim.output import print_error, say_coloured

__all__ = ["add_estate", "add_json", "add_name", "folder_of", "say_outcomes", "warn_of_cut_end"]


DEFAULT_NAME = "default"
"""The name of a lab that is given none."""


def add_name(parser: argparse.ArgumentParser) -> None:
    """Add ``--name``, the name of the lab."""
    parser.add_argument("--name", default=DEFAULT_NAME, help="the lab's name, if several labs run")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``, output for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_estate(parser: argparse.ArgumentParser) -> None:
    """Add ``--estate``, the user's own estate file."""
    parser.add_argument(
        "--estate", type=Path, metavar="FILE", help="your own estate instead of Contoso (TOML), or contoso-azure"
    )


def say_outcomes(text: str) -> None:
    """Print ``text`` with its outcomes in colour, if standard output is a terminal."""
    from ssosim.report.text_table import find_outcomes  # noqa: PLC0415 - not for --help
    from ssosim.verdict.outcome import Outcome  # noqa: PLC0415

    colours = {
        Outcome.SILENT: "green",
        Outcome.INTERACTIVE: "yellow",
        Outcome.STALLED: "magenta",
        Outcome.REFUSED: "red",
        Outcome.FAILED: "red",
    }
    say_coloured(text, lambda shown: ((start, end, colours[each]) for start, end, each in find_outcomes(shown)))


def folder_of(options: argparse.Namespace) -> LabFolder:
    """Return the state folder of the lab that the options name.

    Raises LabInputError for an invalid name, and if the folder is a link or belongs to another user;
    PrerequisiteError on a system other than Linux.
    """
    require_linux()
    folder = LabFolder.of(options.name)
    folder.check_ownership()
    return folder


def warn_of_cut_end(folder: LabFolder) -> None:
    """Print a note if the trace of a lab that has ended is cut off: its last records are missing."""
    from ssosim.lab.core.trace_reader import has_cut_end  # noqa: PLC0415 - not for other commands

    if not folder.is_running() and has_cut_end(folder.trace):
        print_error(
            f"note: the trace of {folder.name} ends within a record, as after a lab that was killed: what happened "
            "last is not in it"
        )
