"""``ssosim doctor``: what this machine lacks."""

from __future__ import annotations

import argparse

from ssosim.cli.common import add_json
from ssosim.lab.base.errors import PrerequisiteError
from ssosim.lab.process.doctor import check_machine
from ssosim.output import one_line, print_document, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the findings; exit code 3 if something that a lab needs is missing."""
    findings = check_machine()
    if options.json:
        print_document("doctor", [finding.as_dict() for finding in findings], "checks")
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            say(f"  {finding.mark:<7}  {finding.name:<{width}}  {one_line(finding.text)}")
    return 0 if all(finding.good or not finding.needed for finding in findings) else PrerequisiteError.exit_code
