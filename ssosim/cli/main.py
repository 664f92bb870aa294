"""``ssosim``: find the command, run it, turn errors into one line and an exit code.

Exit codes everywhere: 0 as expected, 1 an expectation broken or a failure, 2 usage or input, 3 the machine lacks
something. ``exec`` gives the program's own, and 125 for every mistake of ssosim itself, as env and timeout of
coreutils do.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn, Protocol, cast

from ssosim.cli.environment import describe_misspelt_variables
from ssosim.cli.parser import Parser
from ssosim.fast_paths import FastPathSwitchError
from ssosim.lab.base.errors import LabError, PrerequisiteError
from ssosim.lab.base.sweep import sweep_killed_labs
from ssosim.lab.base.system import has_labs, require_linux
from ssosim.output import guard_streams, one_line, print_error, release_streams, say

__all__ = ["COMMANDS", "build_parser", "main"]

INTERRUPTED = 130
_RUNS_A_PROGRAM = ("exec",)
_OWN_MISTAKE = 125
_LINUX_ONLY = ("up", "down", "status", "exec", "run", "matrix", "federated-token", "spn", "trace", "clean", "doctor")


class _Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal, found without ``shutil``, which argparse would import for every parser."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        pass
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


class CommandModule(Protocol):
    """What a module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's options."""
        ...

    def run(self, options: argparse.Namespace) -> int:
        """Do it; the exit code."""
        ...


class Command(NamedTuple):  # dataclasses and shutil are a tenth of what ``ssosim exec`` may cost
    """One command: its name, its module, and its line in the help."""

    name: str
    module: str
    summary: str


COMMANDS = (
    Command("up", "ssosim.cli.up", "start a lab: KDC, DNS and HTTPS endpoints in a private network"),
    Command("down", "ssosim.cli.down", "stop a lab"),
    Command("status", "ssosim.cli.status", "what runs, where, since when"),
    Command("exec", "ssosim.cli.execute", "run any program inside a lab, as the signed-on user of a device"),
    Command("run", "ssosim.cli.run", "play a scenario and print the verdicts"),
    Command("explain", "ssosim.cli.explain", "why each client came to what it came to: the chain of causes"),
    Command("scenarios", "ssosim.cli.listing", "the scenarios there are"),
    Command("clients", "ssosim.cli.clients", "the client models and the real clients there are; install the latter"),
    Command(
        "matrix", "ssosim.cli.matrix", "every real client in every scenario, judged, and compared with measurements"
    ),
    Command("federated-token", "ssosim.cli.federated_token", "a token of an issuer of the lab, as a workload has it"),
    Command("spn", "ssosim.cli.spn", "the SPN that each kind of client would ask for, and whether the KDC knows it"),
    Command("dns", "ssosim.cli.dns", "zones: show, plan and apply changes through a gate, roll back, find drift"),
    Command("estate", "ssosim.cli.estate", "check an estate file, write a new one, print the schema"),
    Command("fault", "ssosim.cli.fault", "break something in a running lab, and mend it"),
    Command("trace", "ssosim.cli.trace", "what was seen on the wire, in order"),
    Command("clean", "ssosim.cli.clean", "remove the state of labs that are stopped, and caches"),
    Command("completion", "ssosim.cli.completion", "completion of commands, options and names for your shell"),
    Command("man", "ssosim.cli.manual", "the manual page"),
    Command("doctor", "ssosim.cli.doctor", "what this machine lacks, and the command that fixes it"),
)


def build_parser(command: Command) -> Parser:
    """Return the parser of ``command`` with all its options."""
    module = cast("CommandModule", importlib.import_module(command.module))
    parser = Parser(
        prog=f"ssosim {command.name}",
        description=(getattr(module, "DESCRIPTION", None) or command.summary),
        formatter_class=_Help,
    )
    parser.set_defaults(command=command.name)
    module.add_arguments(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, or raises SystemExit with it as argparse does."""
    starts_program = arguments is None and sys.argv[1:2] == ["exec"]
    if starts_program:
        gc.disable()  # a collection finds nothing here, and takes a tenth of the time of the imports
    _settle_streams()
    before = guard_streams()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments), is_process=arguments is None)
    except SystemExit:
        if (code := _flush_output(0)) == 0:
            raise
        return code
    except Exception:
        before = sys.stdout, sys.stderr  # stay guarded: the interpreter writes the traceback when this has returned
        raise
    else:
        code = _flush_output(code)
        if starts_program:
            _end_at_once(code)
        return code
    finally:
        release_streams(before)


def _end_at_once(code: int) -> NoReturn:
    """End the process without taking the interpreter apart, which takes as long as its start.

    Who waits for a program under ``ssosim exec`` waits for this process. Functions of ``atexit`` are called.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no public name; concurrent.futures and coverage use atexit
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # its reader may be gone
            stream.flush()
    os._exit(code)


def _run(given: list[str], *, is_process: bool) -> int:
    """Run the command, and return its exit code. ``is_process``: the process ends with it."""
    given = _move_name(given)
    runs_a_program = bool(given) and given[0] in _RUNS_A_PROGRAM
    for note in describe_misspelt_variables(os.environ):
        print_error(note)
    try:
        code, own = _run_command(given, is_process=is_process)
    except SystemExit as end:  # of argparse
        if runs_a_program and end.code not in (0, None):
            raise SystemExit(_OWN_MISTAKE) from None
        raise
    return _OWN_MISTAKE if own and runs_a_program and code not in (0, INTERRUPTED) else code


def _move_name(given: list[str]) -> list[str]:
    """Return the arguments with a ``--name`` before the command moved after it."""
    count = 2 if given[:1] == ["--name"] else 1 if given[:1] and given[0].startswith("--name=") else 0
    if not count or len(given) <= count:
        return given
    return [given[count], *given[:count], *given[count + 1 :]]


def _run_command(given: list[str], *, is_process: bool) -> tuple[int, bool]:
    """Return the exit code, and whether it is for a mistake that ssosim itself reports."""
    command = next((c for c in COMMANDS if given and c.name == given[0]), None)
    try:
        if has_labs():
            sweep_killed_labs()
        elif given and given[0] in _LINUX_ONLY:
            require_linux()
        if command is None:
            return _without_command(given), False
        module = cast("CommandModule", importlib.import_module(command.module))
        return module.run(build_parser(command).parse_args(given[1:])), False
    except (LabError, FastPathSwitchError) as error:
        print_error(str(error))
        return error.exit_code, True
    except KeyboardInterrupt:
        if is_process:  # to free the memory of a large zone takes seconds: a second Ctrl-C ends the process at once
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        return INTERRUPTED, True
    except BrokenPipeError:
        return 0, True
    except OSError as error:
        return _report_failure(error, command.name if command else "output"), True


def _report_failure(error: OSError, what: str) -> int:
    from ssosim.lab.base.shortage import explain_os_error  # noqa: PLC0415 - only on a failure

    if shortage := explain_os_error(error):
        print_error(shortage)
        return PrerequisiteError.exit_code
    print_error(f"{one_line(str(error.filename or what))}: {error.strerror or error}")
    return LabError.exit_code


def _flush_output(code: int) -> int:
    """Write what is left now, for at the interpreter's end nobody could handle that it fails; the exit code."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # the reader (head, less) may go; a full disk is a failure
            return _report_failure(error, "output")
    return code


def _settle_streams() -> None:
    """Have the three standard streams, whatever we were started with, and none that a character can break."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _without_command(given: list[str]) -> int:
    width = max(len(command.name) for command in COMMANDS)
    listing = "\n".join(f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS)
    parser = Parser(
        prog="ssosim",
        usage="ssosim [--help] [--version] COMMAND ...",
        description="A Kerberos / WS-Trust seamless-SSO simulator and client resilience testbed.",
        epilog=f"commands:\n{listing}\n\n'ssosim COMMAND --help' tells more about one.",
        formatter_class=_Help,
    )
    parser.add_argument(
        "--version", action="store_true", help="show the versions of ssosim, its libraries and MIT Kerberos"
    )
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args(given)
    if options.version and given[0] == "--version":
        from ssosim.cli.versions import describe_versions  # noqa: PLC0415 - it starts programs

        say(describe_versions())
        return 0
    if options.command in (command.name for command in COMMANDS):
        parser.error(f"options come after the command: ssosim {options.command} {given[0]} ...")
    if options.command:
        import difflib  # noqa: PLC0415 - only on a mistake

        close = difflib.get_close_matches(options.command, [command.name for command in COMMANDS], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "; see ssosim --help"
        parser.error(f"there is no command {options.command!r}{hint}")
    if given:
        parser.error(f"unrecognised arguments: {' '.join(given)}")
    parser.print_help()
    return 0
