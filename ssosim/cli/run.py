"""``ssosim run``: play a scenario."""

from __future__ import annotations

import argparse
import contextlib
import re
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ssosim.cli.common import add_estate, add_json
from ssosim.lab.base.errors import LabError, LabInputError, LabNameTakenError
from ssosim.lab.base.folder import LabFolder
from ssosim.output import one_line, print_json, say

if TYPE_CHECKING:  # slow to import, and --help does not need it
    from ssosim.scenario.model import Scenario
    from ssosim.verdict.result import RunResult

DESCRIPTION = """\
Play a scenario in a private lab with client models, real clients and unmodified programs,
and print the outcome of each client in each phase with its reason.

  ssosim run feb-2025
  ssosim run feb-2025 --exec './my-client --login'
  ssosim run feb-2025 --client office --client msal4j/integrated --client ./my-client
  ssosim run my-scenario.toml --json
  ssosim run feb-2025 --client office --report office.html --junit office.xml

Exit code 0 if every outcome is the one that the scenario expects, 1 if not.
"""

_MAX_PARALLEL = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("scenario", help="a name from 'ssosim scenarios', or your own TOML file")
    parser.add_argument(
        "--client",
        action="append",
        metavar="NAME",
        help="only this client: the scenario's, a model, a real client, or your own client's folder; may be repeated",
    )
    parser.add_argument("--exec", action="append", metavar="'CMD'", help="your own program as an additional client")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of all random numbers (default: the scenario's)")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit XML")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a report as one HTML file")
    add_estate(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Play the scenario; return 0 if all outcomes are as expected, 1 if not."""
    from ssosim.estate.toml import TomlMistakeError  # noqa: PLC0415 - heavy, and no other command needs it
    from ssosim.real_clients.client_choice import list_playable_names  # noqa: PLC0415
    from ssosim.scenario.loader import load_scenario  # noqa: PLC0415

    try:
        scenario = _choose_clients(load_scenario(options.scenario, list_playable_names()), options)
    except TomlMistakeError as error:
        raise LabInputError(str(error)) from error
    for file in (options.junit, options.report):
        _check_writable(file)  # before the run, not after
    began = time.monotonic()
    folder, result = _play(scenario, options.estate)
    _write_files(options, result, folder, time.monotonic() - began)
    if options.json:
        print_json(result)
    else:
        from ssosim.report.text_table import table  # noqa: PLC0415

        say(table(result, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
        say(f"\nevery exchange: {one_line(Path(sys.argv[0]).name)} trace --name {folder.name}")
        if options.report:
            say(f"the report: {one_line(str(options.report))}")
    return 0 if result.as_expected else LabError.exit_code


def _play(scenario: Scenario, estate: Path | None) -> tuple[LabFolder, RunResult]:
    """Play in a lab named after the scenario, with a number if that name is taken."""
    stem = f"run-{re.sub('[^A-Za-z0-9._-]+', '-', scenario.name)}"[:28]
    for number in range(1, _MAX_PARALLEL):
        folder = LabFolder.of(stem if number == 1 else f"{stem}-{number}")
        if not folder.is_running():
            with contextlib.suppress(LabNameTakenError):  # by a run that began at the same moment
                return folder, _play_in(folder, scenario, estate)
    raise LabError(f"{_MAX_PARALLEL} runs of this scenario are under way")


def _play_in(folder: LabFolder, scenario: Scenario, estate: Path | None) -> RunResult:
    from ssosim.report.progress import Progress  # noqa: PLC0415 - not for --help
    from ssosim.scenario.private_play import play_privately  # noqa: PLC0415

    progress = Progress(folder.trace, len(scenario.phases), sys.stderr)
    try:
        return play_privately(folder, scenario, estate, meanwhile=progress.look)
    finally:
        progress.end()


def _check_writable(file: Path | None) -> None:
    """Raise LabInputError for a file that cannot be written."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise LabInputError(f"{file}: cannot be written; expected a file in an existing folder")


def _write_files(options: argparse.Namespace, result: RunResult, folder: LabFolder, took_s: float) -> None:
    """The JUnit file and the report, if they were asked for."""
    if options.junit is None and options.report is None:
        return
    from ssosim.report.repeat_command import build_repeat_command  # noqa: PLC0415
    from ssosim.trace.export import read_records  # noqa: PLC0415

    with folder.trace.open(encoding="utf-8") as lines:
        records = list(read_records(lines))
    estate = None if options.estate is None else str(options.estate)
    again = build_repeat_command(options.scenario, options.client or (), result.seed, estate, options.exec or ())
    try:
        if options.junit is not None:
            from ssosim.report.junit import junit_xml  # noqa: PLC0415

            options.junit.write_text(junit_xml(result, records, again=again, took_s=took_s), encoding="utf-8")
        if options.report is not None:
            from ssosim.report.html import html_report  # noqa: PLC0415

            options.report.write_text(html_report(result, records, again=again), encoding="utf-8")
    except OSError as error:
        raise LabInputError(f"{error.filename}: cannot be written: {error.strerror}") from error


def _choose_clients(scenario: Scenario, options: argparse.Namespace) -> Scenario:
    """Return the scenario with the clients and the seed from the options."""
    import msgspec  # noqa: PLC0415

    from ssosim.real_clients.client_choice import choose_clients, resolve_real_clients  # noqa: PLC0415
    from ssosim.real_clients.lookup import UnknownRealClientError  # noqa: PLC0415
    from ssosim.scenario.client_choice import UnknownClientError  # noqa: PLC0415
    from ssosim.scenario.model import Client  # noqa: PLC0415
    from ssosim.scenario.startable import why_not_startable  # noqa: PLC0415

    if options.client:
        try:
            scenario = choose_clients(scenario, options.client)
        except (UnknownClientError, UnknownRealClientError) as error:
            raise LabInputError(f"--client: {error}") from error
    scenario = resolve_real_clients(scenario)
    clients = scenario.clients
    seed = scenario.seed if options.seed is None else options.seed
    for number, command in enumerate(options.exec or [], start=1):
        try:
            argv = tuple(shlex.split(command))
        except ValueError as error:
            raise LabInputError(f"--exec {command!r}: {error}") from error
        if not argv or not argv[0]:
            raise LabInputError("--exec: the command is empty; expected a program and its arguments")
        if trouble := why_not_startable(argv[0]):
            raise LabInputError(f"--exec {command!r}: {trouble}")
        clients = (*clients, Client(name=f"{Path(argv[0]).name}#{number}", run=argv))
    return msgspec.structs.replace(scenario, clients=clients, seed=seed)
