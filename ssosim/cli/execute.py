"""``ssosim exec``: run a program inside a lab."""

from __future__ import annotations

import argparse
from typing import TypedDict, cast

from ssosim.cli.common import add_name, folder_of
from ssosim.cli.durations import duration
from ssosim.cli.expect_options import add_expect_options, add_last_step, expect_words, read_expectations
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.program_devices.control_client import request_json
from ssosim.lab.program_devices.execute import execute
from ssosim.lab.scripted_user import BEHAVIOURS
from ssosim.output import print_error

EXPECTATION_BROKEN = 121
"""The exit code for a broken expectation.

124 to 127 are those of timeout(1), env(1) and shells, 128 and above signals; 1 is what most programs end with.
"""

_LONGEST_S = 31 * 86_400

DESCRIPTION = """\
Run any program inside a lab, with the lab's DNS, the lab's CA and a Kerberos ticket of the
signed-on user, and without access to the internet. The exit code is the program's; 125 for
every mistake of ssosim itself, 124 for a program that --deadline ended, 121 for an expectation
that is broken.

  ssosim exec -- curl --negotiate -u : https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso
  ssosim exec -- klist
  ssosim exec --device desk-2 -- ./my-client --login
  ssosim exec --person refuses -- ./my-client --login
  ssosim exec --etc my-policies -- chromium

With an option on what is expected, the outcome is judged from the wire when the program has ended;
what is broken is printed. If all of it holds, the exit code is still the program's. A program that
sent nothing in the lab keeps every bound, such as --no-exposure: nothing was tested, and the exit
code is 121, or the program's if that is another one than 0.

  ssosim exec --expect silent --no-exposure -- ./my-client --login

A scripted user signs in on every page that the program opens ($BROWSER, xdg-open) and with
every device code that it gets; --person selects another behaviour.
"""


_BOUNDS = frozenset({"never", "within", "max_prompts", "max_rate", "no_exposure"})
"""What is expected that a program which does nothing keeps."""


class _Verdict(TypedDict):
    """What this command reads of a verdict."""

    outcome: str
    reason: str
    as_expected: bool
    broken: list[dict[str, str]]
    measures: dict[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "ssosim exec [OPTIONS] -- COMMAND ..."
    add_name(parser)
    parser.add_argument("--device", metavar="DEVICE", help="a device of the estate (default: its first)")
    parser.add_argument("--as", dest="label", metavar="LABEL", help="the program's name in the trace")
    parser.add_argument(
        "--person",
        choices=BEHAVIOURS,
        metavar="BEHAVIOUR",
        help=f"what the scripted user does when a program opens a page: {', '.join(BEHAVIOURS)}",
    )
    parser.add_argument(
        "--etc", metavar="FOLDER", help="a folder whose files appear in this device's /etc, such as krb5.conf"
    )
    parser.add_argument(
        "--ipv6",
        action="store_true",
        default=None,
        help="IPv6 in addition to IPv4 (default: the device's setting in the estate)",
    )
    parser.add_argument(
        "--deadline",
        type=duration,
        metavar="TIME",
        help="kill the program and its child processes after this time, such as 30s or 2m; the exit code is then 124",
    )
    parser.add_argument(
        "--record-output",
        action="store_true",
        help="record in the trace what the program prints, without secrets; it then prints to a pipe, no terminal",
    )
    add_last_step(parser)
    add_expect_options(parser, phases=False, exit_code=EXPECTATION_BROKEN)
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")


def run(options: argparse.Namespace) -> int:
    """Run the program and return its exit code."""
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise LabInputError("exec: no program is given; usage: ssosim exec -- COMMAND ...")
    if options.deadline is not None and not 0 < options.deadline <= _LONGEST_S:
        raise LabInputError(f"--deadline {options.deadline:g}: expected seconds, more than 0 and at most {_LONGEST_S}")
    expected = _read_expectation(options)
    folder = folder_of(options)
    seen: list[tuple[str, int]] = []
    code = execute(
        folder,
        argv,
        device=options.device,
        label=options.label,
        person=options.person,
        etc=options.etc,
        ipv6=options.ipv6,
        deadline=options.deadline,
        last_step=options.last_step,
        record_output=options.record_output,
        identify=lambda client, since: seen.append((client, since)),
    )
    if expected and seen:
        return _check(folder, *seen[0], expected, code)
    if expected and code == 0:
        raise LabError("the lab has not named the program, so what is expected of it was not checked; run it again")
    return code


def _read_expectation(options: argparse.Namespace) -> dict[str, str]:
    """Return what is expected as the query of ``GET /v1/verdicts``; empty if nothing is. Raises LabInputError."""
    if not expect_words(options):
        return {}
    from ssosim.verdict.expectations import ANY_PHASE  # noqa: PLC0415 - a program starts sooner without

    found = read_expectations(options, ()).get(ANY_PHASE)
    if found is None:
        return {}
    given = {
        "expect": "|".join(found.outcome),
        "never": "|".join(found.never),
        "code": "|".join(found.code),
        "reason_contains": "".join(found.reason_contains),
        "within": found.within_s,
        "max_prompts": found.max_prompts,
        "max_rate": found.max_requests_per_minute,
        "no_exposure": None if found.no_exposure is None else str(found.no_exposure).lower(),
    }
    return {key: str(value) for key, value in given.items() if value not in (None, "")}


def _check(folder: LabFolder, client: str, since: int, expected: dict[str, str], code: int) -> int:
    """Return ``code`` if ``client`` did what is expected since record number ``since``; else say what is broken."""
    from urllib.parse import urlencode  # noqa: PLC0415 - a program starts sooner without

    query = urlencode({"client": client, "since": since, **expected})
    answer = request_json(folder, "GET", f"/v1/verdicts?{query}")
    (verdict,) = cast("list[_Verdict]", answer["verdicts"])
    _note_idle_faults(folder, client, since)
    if verdict["as_expected"]:
        demanded = {key for key, value in expected.items() if value != "false"}
        if verdict["measures"]["requests"] or not demanded or demanded - _BOUNDS:
            return code
        print_error(f"{client} sent nothing in this lab, so what is expected of it was not tested", "ssosim exec")
        return code or EXPECTATION_BROKEN
    found = f"{verdict['outcome']}: {verdict['reason']}"
    for each in verdict["broken"]:
        print_error(f"{each['rule']}: expected {each['expected']}, found {each['found']}", "ssosim exec")
    print_error(f"{client} was {found}; the program ended with exit code {code}", "ssosim exec")
    return EXPECTATION_BROKEN


def _note_idle_faults(folder: LabFolder, client: str, since: int) -> None:
    """Print a note about each fault that changed no exchange of ``client`` since record number ``since``.

    They are those in force, and those that reached a limit before the program asked anything.
    """
    from urllib.parse import urlencode  # noqa: PLC0415 - a program starts sooner without

    from ssosim.lab.control.answers import Faults, parse_fault, request_typed  # noqa: PLC0415 - the same

    found = request_typed(folder, "GET", f"/v1/faults?{urlencode({'client': client, 'since': since})}", Faults)
    for each in map(parse_fault, found.faults):
        if each.idle:
            print_error(f"note: {each.fault}, in force, touched nothing of {client}: {each.idle}", "ssosim exec")
    for ended in found.ended:
        text = (
            f"note: {ended.fault} was over {ended.limit}, before {client} asked anything, so it touched nothing of it"
        )
        print_error(text, "ssosim exec")
