"""``ssosim run``: play a scenario."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import re
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ssosim.cli.common import add_estate, add_json, say_outcomes
from ssosim.cli.expect_options import (
    add_expect_options,
    add_last_step,
    expect_words,
    read_expectations,
    with_expectations,
)
from ssosim.lab.base.errors import LabError, LabInputError, LabNameTakenError
from ssosim.lab.base.folder import LabFolder
from ssosim.output import one_line, print_error, print_json, say

if TYPE_CHECKING:  # slow to import, and --help does not need it
    from ssosim.scenario.model import Client, Scenario
    from ssosim.verdict.result import RunResult

DESCRIPTION = """\
Play a scenario in a private lab with client models, real clients and unmodified programs,
and print the outcome of each client in each phase with its reason.

  ssosim run feb-2025
  ssosim run feb-2025 --exec './my-client --login'
  ssosim run feb-2025 --client office --client msal4j/integrated --client ./my-client
  ssosim run my-scenario.toml --json
  ssosim run feb-2025 --client office --report office.html --junit office.xml
  ssosim run feb-2025 --exec ./my-client --expect 'silent|interactive' --expect cname=refused
  ssosim run feb-2025 --exec ./my-client --within 30s --max-prompts 1 --max-rate 60/min

Exit code 0 if all that is expected holds, 1 if not. Of its own clients the scenario says what it
expects. A program of --exec, and a client that the scenario does not have, must sign in (silent or
interactive) in each phase without a fault, and send no credential to a wrong host; the options
below expect more, or something else. They apply to these clients only; without any, to every client
of the run.

A client of which no outcome is expected cannot fail, except by an exposure: that is for looking
around, and 'status' in JSON is not-judged. With --strict it is exit code 1, if it is so in all
phases; so is a client that is left out since the estate lacks what it needs.
"""

_MAX_PARALLEL = 100
_MAX_DEADLINE_S = 86_400.0


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
    parser.add_argument(
        "--kind", metavar="KIND", help="expect of the program what the scenario expects of this kind, model or client"
    )
    add_last_step(parser)
    parser.add_argument("--deadline", metavar="TIME", help="stop a program after this time: 30s, 2m (default: 60s)")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of all random numbers (default: the scenario's)")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit XML")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a report as one HTML file")
    add_estate(parser)
    add_json(parser)
    parser.add_argument(
        "--strict", action="store_true", help="exit code 1 also if a client could not fail, or was left out"
    )
    add_expect_options(parser, phases=True)


def run(options: argparse.Namespace) -> int:
    """Play the scenario; return 0 if all that is expected holds, 1 if not."""
    from ssosim.estate.toml import TomlMistakeError  # noqa: PLC0415 - heavy, and no other command needs it
    from ssosim.real_clients.client_choice import list_playable_names  # noqa: PLC0415
    from ssosim.report.text_table import describe_unjudged  # noqa: PLC0415
    from ssosim.scenario.fault_clients import check_fault_clients  # noqa: PLC0415
    from ssosim.scenario.loader import load_scenario  # noqa: PLC0415

    try:
        loaded = load_scenario(options.scenario, list_playable_names())
        scenario = _choose_clients(loaded, options)
    except TomlMistakeError as error:
        raise LabInputError(str(error)) from error
    check_fault_clients(loaded, [client.name for client in scenario.clients])
    if not scenario.clients:
        raise LabInputError(
            f"{options.scenario}: has no clients, so nobody would sign in; name one with --client or --exec"
        )
    for file in (options.junit, options.report):
        _check_writable(file)  # before the run, not after
    if options.junit is not None and options.report is not None and options.junit.resolve() == options.report.resolve():
        raise LabInputError(f"--report {options.report}: --junit names the same file; name two")
    began = time.monotonic()
    if options.estate is None and scenario.default_estate:
        options.estate = Path(scenario.default_estate)
    folder, result = _play(scenario, options.estate)
    _write_files(options, result, folder, time.monotonic() - began)
    if options.json:
        print_json(result)
    else:
        from ssosim.report.text_table import table  # noqa: PLC0415

        say_outcomes(table(result, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
        say(f"\nevery exchange: {one_line(Path(sys.argv[0]).name)} trace --name {folder.name}")
        if options.report:
            say(f"the report: {one_line(str(options.report))}")
    unjudged = describe_unjudged(result)
    if options.strict or (options.json and result.status == "not-judged"):  # the table says it, too
        for sentence in unjudged:
            print_error(f"{'--strict' if options.strict else 'note'}: {sentence}", "ssosim run")
    return LabError.exit_code if result.status == "failed" or (options.strict and unjudged) else 0


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
    more = expect_words(options)
    for name in ("kind", "last_step", "deadline"):
        more += [] if getattr(options, name) is None else [f"--{name.replace('_', '-')}", getattr(options, name)]
    more += ["--strict"] if options.strict else []
    again = build_repeat_command(options.scenario, options.client or (), result.seed, estate, options.exec or (), more)
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
        name = f"{Path(argv[0]).name}#{number}"
        clients = (
            *clients,
            Client(name=name, run=argv, kind=_kind_of(scenario, options.kind), added=True, last_step=options.last_step),
        )
    if options.last_step is not None and not options.exec:
        raise LabInputError("--last-step: there is no program of --exec that it could be about")
    if options.kind is not None and not options.exec:
        raise LabInputError("--kind: there is no program of --exec that it could be about")
    return msgspec.structs.replace(scenario, clients=_expect(scenario, clients, options), seed=seed)


def _kind_of(scenario: Scenario, kind: str | None) -> str:
    """Return ``kind``. Raises LabInputError if the scenario expects nothing of it."""
    keys = dict.fromkeys(
        key for phase in scenario.phases for table in (phase.expect, *phase.expect_at.values()) for key in table
    )
    if kind is not None and kind not in keys:
        near = difflib.get_close_matches(kind, keys, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise LabInputError(f"--kind: {scenario.name} expects nothing of {kind!r}; known: {', '.join(keys)}{hint}")
    return kind or ""


def _expect(scenario: Scenario, clients: tuple[Client, ...], options: argparse.Namespace) -> tuple[Client, ...]:
    """Return ``clients`` with the expectations and the deadline of the options: the added ones, else all of them."""
    import msgspec  # noqa: PLC0415

    given = read_expectations(
        options, [*dict.fromkeys(key for phase in scenario.phases for key in (phase.name, *phase.labels))]
    )
    only_added = any(client.added for client in clients)
    concerned = [client for client in clients if client.added or not only_added]
    chosen = {client.name: with_expectations(client, given) if given else client for client in concerned}
    if options.deadline is not None:
        from ssosim.verdict.expectations import parse_duration  # noqa: PLC0415

        try:
            deadline = parse_duration(options.deadline)
        except ValueError as error:
            raise LabInputError(f"--deadline: {error}") from error
        if deadline > _MAX_DEADLINE_S:
            raise LabInputError(f"--deadline {options.deadline}: expected at most {_MAX_DEADLINE_S:.0f}s")
        programs = [client for client in chosen.values() if client.run]
        if not programs:
            raise LabInputError("--deadline: only programs have one, and no program is concerned; see --exec")
        chosen |= {client.name: msgspec.structs.replace(client, deadline=deadline) for client in programs}
    return tuple(chosen.get(client.name, client) for client in clients)
