"""``ssosim run``: play a scenario."""

from __future__ import annotations

import argparse
import contextlib
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from ssosim.cli.common import add_estate, add_json, print_json
from ssosim.lab.errors import LabError, LabInputError, NameTakenError
from ssosim.lab.folder import LabFolder
from ssosim.lab.front import launch

DESCRIPTION = """\
Play a scenario in a private lab of its own, against client models and unmodified programs,
and print what became of each client in each phase, and why.

  ssosim run feb-2025
  ssosim run feb-2025 --exec './my-client --login'
  ssosim run my-scenario.toml --json

Exit code 0 if every outcome is the one that the scenario expects, 1 if not.
"""

_MAX_PARALLEL = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("scenario", help="a name from 'ssosim scenarios', or a TOML file of yours")
    parser.add_argument("--client", action="append", metavar="NAME", help="only this client; may be repeated")
    parser.add_argument("--exec", action="append", metavar="'CMD'", help="a program of yours as one more client")
    add_estate(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Play; 0 if all is as expected, 1 if not."""
    from ssosim_clients.catalogue import MODELS  # noqa: PLC0415

    from ssosim.estate.toml import TomlMistakeError  # noqa: PLC0415 - heavy, and no other command needs it
    from ssosim.scenario.loader import load_scenario  # noqa: PLC0415

    try:
        scenario = _chosen(load_scenario(options.scenario, MODELS), options)
    except TomlMistakeError as error:
        raise LabInputError(str(error)) from error
    folder, message = _play(scenario, options.estate)
    playback = message["playback"]
    if options.json:
        print_json(playback)
    else:
        from ssosim.report.terminal import table  # noqa: PLC0415

        print(table(playback))
        print(f"\nevery exchange: {Path(sys.argv[0]).name} trace --name {folder.name}")
    return 0 if playback["as_expected"] else LabError.exit_code


def _play(scenario: Any, estate: Path | None) -> tuple[LabFolder, dict[str, Any]]:
    """Play in a lab named after the scenario, with a number where that name is taken."""
    stem = f"run-{re.sub('[^A-Za-z0-9._-]+', '-', scenario.name)}"[:28]
    for number in range(1, _MAX_PARALLEL):
        folder = LabFolder.of(stem if number == 1 else f"{stem}-{number}")
        if not folder.is_running():
            with contextlib.suppress(NameTakenError):  # by a run that began at the same moment
                return folder, _play_in(folder, scenario, estate)
    raise LabError(f"{_MAX_PARALLEL} runs of this scenario are under way")


def _play_in(folder: LabFolder, scenario: Any, estate: Path | None) -> dict[str, Any]:
    def work(_: int, tell: int) -> int:
        from ssosim.scenario.private_run import run_in_world  # noqa: PLC0415 - inside the world only

        return run_in_world(folder, scenario, estate, tell)

    world, message = launch(folder, work)
    world.end()
    world.wait()
    return message


def _chosen(scenario: Any, options: argparse.Namespace) -> Any:
    """The scenario with the clients that the options ask for."""
    import msgspec  # noqa: PLC0415

    from ssosim.scenario.model import Client  # noqa: PLC0415

    clients = scenario.clients
    if options.client:
        known = [client.name for client in clients]
        for name in options.client:
            if name not in known:
                raise LabInputError(
                    f"--client: there is no client {name!r} in {scenario.name}; known: {', '.join(known)}"
                )
        clients = tuple(client for client in clients if client.name in options.client)
    for number, command in enumerate(options.exec or [], start=1):
        try:
            argv = tuple(shlex.split(command))
        except ValueError as error:
            raise LabInputError(f"--exec {command!r}: {error}") from error
        if not argv or not argv[0]:
            raise LabInputError("--exec: which program?")
        clients = (*clients, Client(name=f"{Path(argv[0]).name}#{number}", run=argv))
    return msgspec.structs.replace(scenario, clients=clients)
