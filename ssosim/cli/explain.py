"""``ssosim explain``: the causes of each client's outcome."""

from __future__ import annotations

import argparse

import msgspec

from ssosim.cli.common import add_json, folder_of, say_outcomes, warn_of_cut_end
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.core.trace_reader import read_trace_lines
from ssosim.output import one_line, print_document
from ssosim.trace.export import TraceFormatError, read_records
from ssosim.verdict.explain import explain

DESCRIPTION = """\
Show the chain of causes behind each client's outcome, from the trace of the last run or of a lab:

  ssosim explain
  ssosim explain --client office --phase cname
  ssosim explain --name default --json

The last event at the client comes first, the root cause last.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--name", help="the lab or run (default: the one whose trace is the newest)")
    parser.add_argument("--client", metavar="NAME", help="only this client")
    parser.add_argument("--phase", metavar="NAME", help="only this phase")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the explanations."""
    folder = folder_of(options) if options.name else _newest()
    try:
        records = list(read_records(read_trace_lines(folder.trace)))
    except OSError as error:
        raise LabInputError(f'lab "{folder.name}" has no trace; play something first: ssosim run feb-2025') from error
    except TraceFormatError as error:
        raise LabInputError(f"{folder.trace}: {error}; it is damaged, or was written by another version") from error
    warn_of_cut_end(folder)
    found = explain(records, client=options.client, phase=options.phase)
    if not found:
        everything = explain(records)
        clients = ", ".join(dict.fromkeys(each.client for each in everything)) or "none"
        phases = ", ".join(dict.fromkeys(each.phase for each in everything if each.phase)) or "none"
        raise LabInputError(f"nothing to explain in {folder.name}; its clients: {clients}; its phases: {phases}")
    if options.json:
        print_document("explain", [msgspec.to_builtins(each) for each in found], "explanations")
    else:
        say_outcomes("\n".join(one_line(str(each)) for each in found))
    return 0


def _newest() -> LabFolder:
    """Return the folder whose trace was written last. Raises LabInputError if there is none."""
    folders = [folder for folder in LabFolder.list_existing() if folder.trace.is_file()]
    if not folders:
        raise LabInputError("there is no trace yet; play something first: ssosim run feb-2025")
    return max(folders, key=lambda folder: folder.trace.stat().st_mtime)
