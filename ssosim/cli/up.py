"""``ssosim up``: start a lab."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from typing import TYPE_CHECKING

from ssosim.cli.common import add_estate, add_json, add_name, folder_of
from ssosim.cli.status import status_text
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.process.control_extensions import ControlExtensions
from ssosim.lab.process.launcher import StartedLab, explain_end, start_lab, wait_for_end
from ssosim.lab.program_devices.control_client import request_json
from ssosim.output import one_line, print_document, say

if TYPE_CHECKING:
    import socket

    from ssosim.lab.control.answers import LabStatus
    from ssosim.lab.control.injected_handlers import InjectedHandlers
    from ssosim.lab.core.lab import Lab

DESCRIPTION = """\
Start a lab in a private network: MIT KDC, DNS and HTTPS endpoints, each host at its own
address on its usual port. Needs no root. Ctrl-C stops everything and leaves nothing behind.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_name(parser)
    add_estate(parser)
    parser.add_argument("--detach", "-d", action="store_true", help="return when the lab is ready; stop it with down")
    parser.add_argument(
        "--api",
        type=int,
        nargs="?",
        const=0,
        metavar="PORT",
        help="offer the control API on 127.0.0.1 too, with the lab's token; without PORT or with 0 on a free port",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="drop the DNS changes that were applied in an earlier lab of this name"
    )
    parser.add_argument(
        "--not-checked",
        action="append",
        default=[],
        metavar="RULE",
        help="switch a rule of the identity provider off: consent, preauthorization, resource, scope; each token that "
        "rests on it says so; may be repeated",
    )
    parser.add_argument(
        "--no-mutual-authentication",
        action="store_true",
        help="a 200 to a Kerberos ticket has no token of the service, so a client that demands it fails",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Start the lab, print its status, and (without ``--detach``) wait until it is stopped."""
    folder = folder_of(options)
    not_checked = _read_rules(options.not_checked)
    extensions = ControlExtensions(None if options.api is None else _open_listener(options.api), _create_handlers)
    started = start_lab(folder, options.estate, began=process_start(), extensions=extensions, fresh=options.fresh)
    settings: dict[str, object] = {"not_checked": not_checked} if not_checked else {}
    if options.no_mutual_authentication:
        settings["mutual_authentication"] = False
    if settings:
        request_json(folder, "POST", "/v1/identity-provider", settings)
    stopped = [] if options.detach else _stop_on_signals(started)
    if options.detach:
        started.namespaces.detach()  # before the output: a closed pipe (| head) must not end the lab
    if options.json:
        import msgspec  # noqa: PLC0415 - not for --help

        status = msgspec.to_builtins(started.status)
        print_document("up", status | ({"recovered": started.recovered} if started.recovered else {}))
    else:
        recovered = f"\n{one_line(started.recovered)}; forget them with up --fresh" if started.recovered else ""
        say(f"{status_text(started.status)}{recovered}\n\n{_suggest_commands(folder, started.status, options)}")
    sys.stdout.flush()
    return 0 if options.detach else _wait_until_stopped(started, stopped)


def _read_rules(names: list[str]) -> list[str]:
    """Check the names of ``--not-checked``, which may be separated by commas; raises LabInputError."""
    if not names:
        return []
    from ssosim.lab.control.identity_provider_handlers import (  # noqa: PLC0415 - only if asked for
        UNCHECKED_RULES,
        parse_rules,
    )

    wanted = [name.strip() for each in names for name in each.split(",") if name.strip()]
    if not wanted:
        raise LabInputError(f"--not-checked: names no rule; known: {', '.join(UNCHECKED_RULES)}")
    try:
        return list(parse_rules(wanted))
    except LabInputError as error:
        raise LabInputError(f"--{str(error).replace('not_checked', 'not-checked', 1)}") from error


def _open_listener(port: int) -> socket.socket:
    """Open a listening socket on loopback of the machine's own network; it stays there when the lab is started."""
    import socket  # noqa: PLC0415 - only if asked for

    try:
        return socket.create_server(("127.0.0.1", port))
    except OverflowError as error:
        raise LabInputError(f"--api {port}: expected a port from 1 to 65535, or 0 for any free one") from error
    except OSError as error:
        raise LabInputError(f"--api {port}: {error.strerror}; choose another port, or 0 for any free one") from error


def _create_handlers(lab: Lab) -> InjectedHandlers:
    from ssosim.scenario.live import LiveScenarioHandlers  # noqa: PLC0415 - in the lab's process, at the first request

    return LiveScenarioHandlers(lab)


def process_start() -> float:
    """Return the start time of this process in seconds of the monotonic clock, so that Python's start-up counts."""
    with open("/proc/self/stat", encoding="ascii") as stat:  # noqa: PTH123 - pathlib adds nothing here
        ticks = int(stat.read().rpartition(")")[2].split()[19])
    return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))


def _stop_on_signals(started: StartedLab) -> list[int]:
    """Install handlers that end the lab on SIGINT, SIGTERM and SIGHUP; return the list of received signals."""
    came: list[int] = []

    def stop(number: int, _: object) -> None:
        came.append(number)
        started.namespaces.end()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return came


def _wait_until_stopped(started: StartedLab, stopped: list[int]) -> int:
    code = wait_for_end(started.folder, started.namespaces)
    if code != 0:
        why = one_line(explain_end(started.folder, code))
        raise LabError(f'lab "{started.folder.name}" ended unexpectedly: {why}; see {started.folder.log}')
    if stopped and sys.stdout.isatty():
        say("\nstopped; nothing is left running")
    return 0


def _suggest_commands(folder: LabFolder, status: LabStatus, options: argparse.Namespace) -> str:
    """Return three commands to try, which work for the estate of this lab."""
    program = sys.argv[0] if os.sep in sys.argv[0] else "ssosim"
    program = one_line(os.path.relpath(program) if os.sep in program else program)
    name = "" if folder.name == "default" else f" --name {folder.name}"
    where = "Try" if options.detach else "Ctrl-C stops it. Try, in another terminal"
    parts = {part.part: part.what for part in reversed(status.parts)}
    domain = parts.get("user", "").rpartition("@")[2]
    autologon = next((word for word in parts.get("autologon", "").split() if word.startswith("https://")), "")
    trial = f"curl --negotiate -u : {autologon}/{domain}/winauth/sso" if autologon and domain else "klist"
    # feb-2025 needs a traffic manager profile, which another estate may not have.
    estate = f"run short-blip --estate {shlex.quote(str(options.estate))}"
    last = f"{program} {one_line(estate) if options.estate else 'run feb-2025'}"
    return f"{where}:\n  {program} exec{name} -- {one_line(trial)}\n  {program} trace{name} --follow\n  {last}"
