"""``ssosim trace``: what was seen on the wire."""

from __future__ import annotations

import argparse

from ssosim.cli.common import add_name, folder_of, warn_of_cut_end
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.core.trace_reader import read_trace_lines
from ssosim.output import json_text, print_error, say
from ssosim.trace.export import TraceFormatError, format_record, parse_record

DESCRIPTION = """\
Every DNS answer, AS and TGS exchange, HTTP exchange and token of a lab, in one order, with
the client that caused it. The trace of a lab that has stopped can still be read. A lab that
runs for weeks keeps the newest million records, two at most, on disk.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_name(parser)
    parser.add_argument("--follow", "-f", action="store_true", help="go on showing what happens until the lab stops")
    parser.add_argument("--json", action="store_true", help="JSON Lines, as recorded")
    parser.add_argument("--client", metavar="NAME", help="only what this client caused")
    parser.add_argument("--layer", choices=["dns", "kerberos", "http", "token", "fault", "client", "lab"])


def run(options: argparse.Namespace) -> int:
    """Print the trace."""
    folder = folder_of(options)
    try:
        lines = read_trace_lines(folder.trace, folder.is_running if options.follow else None)
    except OSError as error:
        raise LabInputError(
            f'lab "{folder.name}" has no trace; start it with: ssosim up --name {folder.name}'
        ) from error
    seen: set[str] = set()
    last = lost = 0
    for line in lines:
        try:
            record = parse_record(line)
        except TraceFormatError as error:
            raise LabInputError(f"{folder.trace}: {error}; it is damaged, or was written by another version") from error
        seen.add(record.client)
        lost += max(record.seq - last - 1, 0)
        last = record.seq
        if options.client not in (None, record.client) or options.layer not in (None, record.event.layer):
            continue
        say(json_text(line.rstrip("\n")) if options.json else format_record(record), flush=options.follow)
    if lost:
        print_error(f"note: the trace lacks {lost:,} of its {last:,} records; a lab keeps the newest ones on disk")
    warn_of_cut_end(folder)
    if options.client is not None and options.client not in seen:
        from ssosim.verdict.clients import describe_unknown_client  # noqa: PLC0415 - for a mistake only

        raise LabInputError(f'lab "{folder.name}": {describe_unknown_client(options.client, filter(None, seen))}')
    return 0
