"""``ssosim matrix``: play every real client in every scenario and compare with earlier measurements."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.output import DOCUMENT_VERSION, StatusLine, print_error, say

if TYPE_CHECKING:  # not for --help
    from ssosim.real_clients.lookup import ClientFlow
    from ssosim.real_clients.manifest import ClientSet
    from ssosim.real_clients.matrix import Matrix
    from ssosim.verdict.status import Status

DESCRIPTION = """\
Play the installed real clients (see 'ssosim clients') in scenarios, and print for each client
and phase the outcome, the time to the decision, and the requests.

  ssosim matrix
  ssosim matrix --scenario feb-2025 --client curl --client ./my-client
  ssosim matrix --write docs/matrix.md --json matrix.json

  ssosim matrix --set spnego                HTTP libraries and browsers with Negotiate
  ssosim matrix --set credentials           credentials of programs: hosts, faults, chains
  ssosim matrix --set credentials --fault host-500 --host vm

All clients in all scenarios take several minutes, and so does the set of credentials.

Exit code 1 if an expectation is broken that a client's manifest or the scenario has for a cell, or if
a row differs from the measurement and measured.toml gives no reason.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scenario", action="append", metavar="NAME", help="only this scenario; may be repeated")
    parser.add_argument(
        "--client", action="append", metavar="NAME", help="only this real client, or this flow of it; may be repeated"
    )
    parser.add_argument(
        "--set",
        dest="client_set",
        choices=("sign-in", "spnego", "credentials"),
        default="sign-in",
        help="which matrix to play",
    )
    parser.add_argument("--fault", action="append", metavar="NAME", help="of the credentials: only this fault")
    parser.add_argument("--host", action="append", metavar="KIND", help="of the credentials: only this kind of host")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every cell as JSON")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page as Markdown, and print no table")


def run(options: argparse.Namespace) -> int:
    """Play and compare; 0 if nothing differs without a reason."""
    from ssosim.estate.toml import TomlMistakeError  # noqa: PLC0415 - only what is asked for is imported
    from ssosim.real_clients.cell_status import (  # noqa: PLC0415
        describe_broken_cells,
        describe_judged_cells,
        find_matrix_status,
        require_cells,
    )
    from ssosim.real_clients.lookup import UnknownRealClientError  # noqa: PLC0415
    from ssosim.real_clients.markdown import render_page  # noqa: PLC0415
    from ssosim.real_clients.matrix import SCENARIOS, SPNEGO_SCENARIOS, play_matrix  # noqa: PLC0415
    from ssosim.real_clients.measured import find_measurement_differences  # noqa: PLC0415

    for file in (options.json, options.write):
        if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
            raise LabInputError(f"{file}: cannot be written; expected a file in an existing folder")
    _check_set(options)
    if options.client_set == "credentials":
        return _run_credentials(options)
    before = signal.signal(signal.SIGTERM, _raise_interrupt)
    began = time.monotonic()
    progress = _Progress()
    try:
        client_flows = _choose_flows(options.client, options.client_set)
        usual = SPNEGO_SCENARIOS if options.client_set == "spnego" else SCENARIOS
        matrix = play_matrix(client_flows, tuple(dict.fromkeys(options.scenario or usual)), progress)
    except (TomlMistakeError, UnknownRealClientError) as error:
        raise LabInputError(str(error)) from error
    finally:
        progress.end()
        signal.signal(signal.SIGTERM, before)
    require_cells(matrix.cells)
    found = list(find_measurement_differences(matrix.cells))
    page = render_page(matrix, found, options.client_set)
    status = find_matrix_status(matrix.cells, found)
    _write(options, matrix, page, status)
    unexplained = [each for each in found if each.reason is None]
    for each in unexplained:
        print_error(f"{each}; if there is a reason, add it to measured.toml")
    for sentence in describe_broken_cells(matrix.cells):
        print_error(sentence)
    say(
        f"{len(matrix.cells)} sign-ins in {time.monotonic() - began:.0f} s; {describe_judged_cells(matrix.cells)}; "
        f"{len(found)} differ from the measurement, {len(unexplained)} of them unexplained"
    )
    return LabError.exit_code if status == "failed" else 0


def _check_set(options: argparse.Namespace) -> None:
    """Raise LabInputError for an option of the other matrix."""
    credentials = options.client_set == "credentials"
    wrong = ("scenario", "client", "json") if credentials else ("fault", "host")
    if given := [name for name in wrong if getattr(options, name)]:
        raise LabInputError(f"--{given[0]} does not belong to --set {options.client_set}")


def _run_credentials(options: argparse.Namespace) -> int:
    """Play the matrix of credentials; 0 if it was played and no expectation is broken."""
    from ssosim.real_clients.cell_status import describe_broken_cells, describe_judged_cells  # noqa: PLC0415
    from ssosim.real_clients.credential_matrix import (  # noqa: PLC0415 - only what is asked for is imported
        HOSTS,
        load_faults,
        play_credentials,
        render_credential_page,
    )

    known = [phase.name for phase in load_faults().phases]
    for option, given, possible in (("--fault", options.fault, known), ("--host", options.host, list(HOSTS))):
        if wrong := [name for name in given or () if name not in possible]:
            raise LabInputError(f"{option} {wrong[0]!r}: expected one of: {', '.join(possible)}")
    before = signal.signal(signal.SIGTERM, _raise_interrupt)
    began, progress = time.monotonic(), _Progress()
    try:
        rows = play_credentials(options.fault or (), options.host or HOSTS, progress)
    finally:
        progress.end()
        signal.signal(signal.SIGTERM, before)
    page = render_credential_page(rows)
    if options.write is None:
        say(page.partition("-->")[2].strip())
    else:
        try:
            options.write.write_text(page, encoding="utf-8")
        except OSError as error:
            raise LabInputError(f"{error.filename}: cannot be written: {error.strerror}") from error
    cells = [cell for row in rows for cell in row.cells]
    for sentence in describe_broken_cells(cells):
        print_error(sentence)
    say(f"{len(cells)} sign-ins in {time.monotonic() - began:.0f} s; {describe_judged_cells(cells)}")
    return LabError.exit_code if any(cell.broken for cell in cells) else 0


def _choose_flows(names: Sequence[str] | None, client_set: ClientSet) -> list[ClientFlow]:
    """Return the flows to play; without names those of all installed real clients of ``client_set``."""
    from ssosim.real_clients.installation import is_installed  # noqa: PLC0415
    from ssosim.real_clients.lookup import find_flows, list_shipped  # noqa: PLC0415

    if names:  # a client and one of its flows may both be named
        flows = {(each.client.folder, each.name): each for name in names for each in find_flows(name)}
        if alike := [name for name, count in Counter(name for _, name in flows).items() if count > 1]:
            raise LabInputError(f"--client: two real clients are called {alike[0]!r}; rename the folder of yours")
        return list(flows.values())
    shipped = list_shipped(client_set)
    installed = [client for client in shipped if is_installed(client)]
    if absent := [client.name for client in shipped if client not in installed]:
        print_error(f"real clients that are not installed are left out: {', '.join(absent)} (make clients)")
    if not installed:
        raise LabInputError("no real client is installed; install them with: make clients")
    return [client_flow for client in installed for client_flow in find_flows(client.name)]


def _write(options: argparse.Namespace, matrix: Matrix, page: str, status: Status) -> None:
    import msgspec  # noqa: PLC0415

    try:
        if options.json is not None:
            document = {"version": DOCUMENT_VERSION, "kind": "matrix", "status": status, "cells": matrix.cells}
            options.json.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
        if options.write is not None:
            options.write.write_text(page, encoding="utf-8")
        else:
            from ssosim.real_clients.markdown import extract_figures  # noqa: PLC0415

            say(extract_figures(page))
    except OSError as error:
        raise LabInputError(f"{error.filename}: cannot be written: {error.strerror}") from error


def _raise_interrupt(number: int, _: object) -> NoReturn:
    """Raise KeyboardInterrupt, so that labs are ended and files removed as after Ctrl-C."""
    raise KeyboardInterrupt(number)


class _Progress:
    """Shows progress on one line of a terminal, or as a new line each time if there is no terminal."""

    def __init__(self) -> None:
        self._line = StatusLine(sys.stderr) if sys.stderr.isatty() else None
        self._last = ""

    def __call__(self, done: int, phases: int, now: Sequence[str]) -> None:
        """Show the progress."""
        text = f"{done} of {phases} phases done" + (f"; now: {', '.join(now)}" if now else "")
        if text == self._last:
            return
        self._last = text
        if self._line is not None:
            self._line.show(text[: os.get_terminal_size(sys.stderr.fileno()).columns - 1])
        else:
            say(text, to=sys.stderr, flush=True)

    def end(self) -> None:
        """Finish the line."""
        if self._line is not None:
            self._line.finish()
