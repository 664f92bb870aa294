"""``ssosim estate``: check an estate file, begin one, and print its schema."""

from __future__ import annotations

import argparse
from pathlib import Path

from ssosim.cli.common import add_json
from ssosim.lab.base.errors import LabInputError
from ssosim.output import print_document, print_error, print_json, say

DESCRIPTION = """\
Check an estate file, write a new one to change, or print the JSON Schema for an editor.

  ssosim estate init mine.toml      a copy of the default estate, Contoso
  ssosim estate check mine.toml     every mistake with file, line and key
  ssosim estate schema > estate.schema.json

docs/estate.md lists every key. Exit code 0 if the file can be used, 2 if it cannot.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check an estate file", description="Check an estate file.")
    check.add_argument("file", type=Path, metavar="FILE")
    add_json(check)
    init = actions.add_parser("init", help="write a new estate file", description="Write the default estate to a file.")
    init.add_argument("file", type=Path, metavar="FILE", help="a new file; an existing one is not changed")
    init.add_argument(
        "--from",
        dest="source",
        choices=("contoso", "contoso-azure"),
        default="contoso",
        help="which shipped estate to copy (default: contoso); contoso-azure has subscriptions and resource servers",
    )
    actions.add_parser("schema", help="print the JSON Schema", description="Print the JSON Schema of an estate file.")


def run(options: argparse.Namespace) -> int:
    """Do it; exit code 2 for a file that cannot be used."""
    if options.action == "schema":
        from ssosim.estate.reference import build_json_schema  # noqa: PLC0415 - only what is asked for is imported

        print_json(build_json_schema())
        return 0
    return _init(options.file, options.source) if options.action == "init" else _check(options)


def _init(file: Path, source: str) -> int:
    from ssosim.estate import shipped_estate_text  # noqa: PLC0415

    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(shipped_estate_text(source))
    except FileExistsError:
        raise LabInputError(f"{file}: exists already; name a new file") from None
    except OSError as error:
        raise LabInputError(f"{file}: cannot be written: {error.strerror}") from error
    say(f"{file}: written; change it, then: ssosim estate check {file}; ssosim up --estate {file}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from ssosim.estate import EstateError, load_estate  # noqa: PLC0415
    from ssosim.lab.base.estate_option import check_zones  # noqa: PLC0415
    from ssosim.services import ServiceError, complete_estate, services_of  # noqa: PLC0415

    try:
        estate = complete_estate(load_estate(options.file))
        services = services_of(estate)
        check_zones(estate, options.file)
    except (EstateError, ServiceError, LabInputError) as error:
        if options.json:
            print_document(
                "estate-check", {"file": str(options.file), "usable": False, "mistakes": str(error).splitlines()}
            )
        else:
            print_error(str(error))
        return LabInputError.exit_code
    counts = {
        "domains": sum(len(tenant.domains) for tenant in estate.tenants),
        "users": len(estate.users),
        "devices": len(estate.devices),
        "hosts": len(estate.hosts),
        "services": len(services),
        "zones": len(estate.zones),
    }
    if options.json:
        print_document("estate-check", {"file": str(options.file), "usable": True, "mistakes": [], **counts})
    else:
        say(f"{options.file}: can be used: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    return 0
