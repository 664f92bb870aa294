"""``ssosim exec``: run a program inside a lab."""

from __future__ import annotations

import argparse

from ssosim.cli.common import add_name, folder_of
from ssosim.cli.durations import duration
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.program_devices.execute import execute
from ssosim.lab.scripted_user import BEHAVIOURS

_LONGEST_S = 31 * 86_400

DESCRIPTION = """\
Run any program inside a lab, with the lab's DNS, the lab's CA and a Kerberos ticket of the
signed-on user, and without access to the internet. The exit code is the program's; 125 for
every mistake of ssosim itself, 124 for a program that --deadline ended.

  ssosim exec -- curl --negotiate -u : https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso
  ssosim exec -- klist
  ssosim exec --device desk-2 -- ./my-client --login
  ssosim exec --person refuses -- ./my-client --login
  ssosim exec --etc my-policies -- chromium

A scripted user signs in on every page that the program opens ($BROWSER, xdg-open) and with
every device code that it gets; --person selects another behaviour.
"""


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
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")


def run(options: argparse.Namespace) -> int:
    """Run the program and return its exit code."""
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise LabInputError("exec: no program is given; usage: ssosim exec -- COMMAND ...")
    if options.deadline is not None and not 0 < options.deadline <= _LONGEST_S:
        raise LabInputError(f"--deadline {options.deadline:g}: expected seconds, more than 0 and at most {_LONGEST_S}")
    return execute(
        folder_of(options),
        argv,
        device=options.device,
        label=options.label,
        person=options.person,
        etc=options.etc,
        ipv6=options.ipv6,
        deadline=options.deadline,
    )
