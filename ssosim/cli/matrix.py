"""``ssosim matrix``: every real client in every scenario, judged, and compared with what was measured before."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.output import StatusLine, print_error, say

if TYPE_CHECKING:  # not for --help
    from ssosim.real_clients.lookup import ClientFlow
    from ssosim.real_clients.matrix import Matrix

DESCRIPTION = """\
Play the real clients that are installed (see 'ssosim clients') in scenarios, and print what
became of each in each phase, how soon, and what it sent.

  ssosim matrix
  ssosim matrix --scenario feb-2025 --client curl --client ./my-client
  ssosim matrix --write docs/matrix.md --json matrix.json

All clients in all its scenarios take several minutes: one phase first, which says whom the
fault rows concern, then the rest.

Exit code 1 if a row differs from what was measured and nobody has said why.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scenario", action="append", metavar="NAME", help="only this scenario; may be repeated")
    parser.add_argument(
        "--client", action="append", metavar="NAME", help="only this client, or this flow of it; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every cell as JSON")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page as Markdown, and print no table")


def run(options: argparse.Namespace) -> int:
    """Play and compare; 0 if nothing differs without a reason."""
    from ssosim.estate.toml import TomlMistakeError  # noqa: PLC0415 - only what is asked for is imported
    from ssosim.real_clients.lookup import UnknownRealClientError  # noqa: PLC0415
    from ssosim.real_clients.markdown import render_page  # noqa: PLC0415
    from ssosim.real_clients.matrix import SCENARIOS, play_matrix  # noqa: PLC0415
    from ssosim.real_clients.measured import find_measurement_differences  # noqa: PLC0415

    for file in (options.json, options.write):
        if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
            raise LabInputError(f"{file}: cannot be written; its folder must exist, and it must not be one itself")
    before = signal.signal(signal.SIGTERM, _raise_interrupt)
    began = time.monotonic()
    progress = _Progress()
    try:
        client_flows = _choose_flows(options.client)
        matrix = play_matrix(client_flows, options.scenario or SCENARIOS, progress)
    except (TomlMistakeError, UnknownRealClientError) as error:
        raise LabInputError(str(error)) from error
    finally:
        progress.end()
        signal.signal(signal.SIGTERM, before)
    found = list(find_measurement_differences(matrix.cells))
    page = render_page(matrix, found)
    _write(options, matrix, page)
    unexplained = [each for each in found if each.reason is None]
    for each in unexplained:
        print_error(f"{each}; give the reason in measured.toml, if there is one")
    say(
        f"{len(matrix.cells)} sign-ins in {time.monotonic() - began:.0f} s; {len(found)} unlike the measurement, "
        f"{len(unexplained)} of them unexplained"
    )
    return LabError.exit_code if unexplained else 0


def _choose_flows(names: Sequence[str] | None) -> list[ClientFlow]:
    """The flows to be played; without names those of all clients that are installed."""
    from ssosim.real_clients.installation import is_installed  # noqa: PLC0415
    from ssosim.real_clients.lookup import find_flows, list_shipped  # noqa: PLC0415

    if names:
        return [client_flow for name in dict.fromkeys(names) for client_flow in find_flows(name)]
    installed = [client for client in list_shipped() if is_installed(client)]
    if absent := [client.name for client in list_shipped() if client not in installed]:
        print_error(f"not installed, and left out: {', '.join(absent)} (make clients)")
    if not installed:
        raise LabInputError("no real client is installed; install them with: make clients")
    return [client_flow for client in installed for client_flow in find_flows(client.name)]


def _write(options: argparse.Namespace, matrix: Matrix, page: str) -> None:
    import msgspec  # noqa: PLC0415

    try:
        if options.json is not None:
            options.json.write_bytes(msgspec.json.format(msgspec.json.encode(matrix.cells)) + b"\n")
        if options.write is not None:
            options.write.write_text(page, encoding="utf-8")
        else:
            from ssosim.real_clients.markdown import extract_figures  # noqa: PLC0415

            say(extract_figures(page))
    except OSError as error:
        raise LabInputError(f"{error.filename}: cannot be written: {error.strerror}") from error


def _raise_interrupt(number: int, _: object) -> NoReturn:
    """End as by Ctrl-C, so that labs and files go."""
    raise KeyboardInterrupt(number)


class _Progress:
    """What runs, on one line that is written over; a line each time where nobody looks at a terminal."""

    def __init__(self) -> None:
        self._line = StatusLine(sys.stderr) if sys.stderr.isatty() else None
        self._last = ""

    def __call__(self, done: int, phases: int, now: Sequence[str]) -> None:
        """Show how far it is."""
        text = f"{done} of {phases} phases done" + (f"; now: {', '.join(now)}" if now else "")
        if text == self._last:
            return
        self._last = text
        if self._line is not None:
            self._line.show(text[: os.get_terminal_size(sys.stderr.fileno()).columns - 1])
        else:
            say(text, to=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._line is not None:
            self._line.leave()
