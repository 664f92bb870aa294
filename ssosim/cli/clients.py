"""``ssosim clients``: list client models and real clients, and install real clients."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NotRequired, TypedDict

from ssosim.cli.common import add_json
from ssosim.lab.base.errors import LabError, LabInputError, PrerequisiteError
from ssosim.output import clean_data, one_line, print_document, print_error, say

if TYPE_CHECKING:  # not for --help
    from ssosim.real_clients.manifest import RealClient

DESCRIPTION = """\
List the client models and the real clients.

  ssosim clients
  ssosim clients --sources                  with the sources of each client's behaviour
  ssosim clients --install                  install every real client
  ssosim clients --install curl msal-python
  ssosim clients --install --set sign-in    install those of one matrix (ssosim matrix --set)
  ssosim clients --install ./my-client      your own real client: a folder with a client.toml

Without names, real clients whose tools (java, go, node ...) this machine lacks are skipped.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--install", nargs="*", metavar="CLIENT", help="install these real clients (default: all), and list nothing"
    )
    parser.add_argument(
        "--packages", action="store_true", help="print the Debian packages that the real clients need and lack"
    )
    parser.add_argument(
        "--set",
        dest="client_sets",
        action="append",
        choices=("sign-in", "spnego", "credentials"),
        help="only real clients of this matrix; may be repeated",
    )
    parser.add_argument("--sources", action="store_true", help="list the sources of each too")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List or install; 0 if all went well."""
    from ssosim.estate.toml import TomlMistakeError  # noqa: PLC0415 - only what is asked for is imported
    from ssosim.real_clients.lookup import UnknownRealClientError, find_real_clients, list_shipped  # noqa: PLC0415

    _check_combination(options)
    try:
        shipped = [each for each in list_shipped() if each.manifest.set in (options.client_sets or [each.manifest.set])]
        if options.packages:
            return _packages(shipped)
        if options.install is not None:
            return _install(find_real_clients(options.install) or shipped, named=bool(options.install))
        rows: list[_Row] = [*([] if options.client_sets else _list_models()), *_list_real_clients(shipped)]
    except (TomlMistakeError, UnknownRealClientError) as error:
        raise LabInputError(str(error)) from error
    if options.json:
        print_document("clients", rows, "clients")
        return 0
    rows = clean_data(rows)
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        say(f"{row['name']:<{width}}  {row['text']}")
        sources = [f"source: {source}" for source in row["sources"]] if options.sources else []
        for line in (*sources, *([] if row.get("installed", True) else row.get("state", []))):
            say(f"{'':<{width}}    {line}")
    return 0


def _check_combination(options: argparse.Namespace) -> None:
    """Raise LabInputError for an option that another one would leave without effect."""
    if options.client_sets and options.install:
        raise LabInputError("--set chooses among all real clients; name none after --install, or leave --set out")
    if options.json and (options.packages or options.install is not None):
        raise LabInputError("--json: only the list of clients is a document; leave it out here")
    if options.packages and options.install is not None:
        raise LabInputError("--packages: lists, and --install installs; give one of the two")
    if options.sources and (options.packages or options.install is not None):
        raise LabInputError("--sources: only the list of clients has them; leave it out here")


class _Row(TypedDict):
    """A line of the list: a client model, or a flow of a real client, which has more fields."""

    name: str
    text: str
    sources: list[str]
    state: NotRequired[list[str]]
    installed: NotRequired[bool]
    model: NotRequired[str | None]


def _list_models() -> list[_Row]:
    from ssosim_clients.catalogue import MODELS  # noqa: PLC0415

    from ssosim.sources import load_sources  # noqa: PLC0415

    cite = load_sources().cite
    return [
        {"name": model.name, "text": model.description, "sources": [cite(source) for source in model.sources]}
        for model in MODELS.values()
    ]


def _list_real_clients(clients: Sequence[RealClient]) -> list[_Row]:
    from ssosim.real_clients.installation import describe_missing_tools, is_installed  # noqa: PLC0415

    rows: list[_Row] = []
    for client in clients:
        installed = is_installed(client)
        state = (
            "installed" if installed else describe_missing_tools(client) or "not installed: ssosim clients --install"
        )
        rows += [
            {
                "name": f"{client.name}/{flow.name}",
                "text": f"real client: {client.manifest.title}, {flow.title}",
                "sources": [client.manifest.source] if client.manifest.source else [],
                "state": [state],
                "installed": installed,
                "model": flow.model,
            }
            for flow in client.manifest.flows
        ]
        if client.manifest.unattended:
            rows.append(
                {
                    "name": client.name,
                    "text": f"real client: {client.manifest.title}, credentials without a person (docs/credentials.md)",
                    "sources": [client.manifest.source] if client.manifest.source else [],
                    "state": [state],
                    "installed": installed,
                    "model": None,
                }
            )
    return rows


def _packages(clients: Sequence[RealClient]) -> int:
    from ssosim.real_clients.installation import list_missing_tools  # noqa: PLC0415

    wanted = [package for each in clients if list_missing_tools(each) for package in each.manifest.packages]
    if wanted:
        say(" ".join(dict.fromkeys(wanted)))
    return 0


def _install(clients: Sequence[RealClient], *, named: bool) -> int:
    """Install each; return 1 if a step failed, 3 if a named real client lacks its tools."""
    from ssosim.real_clients.installation import install  # noqa: PLC0415

    worst = 0
    for client in clients:
        say(one_line(f"{client.name}: {client.manifest.title}"), end=" ... ", flush=True)
        began = time.monotonic()
        try:
            done = install(client, waiting=lambda: say("another installation is under way; waiting", end=" ... "))
        except PrerequisiteError as error:
            say("skipped", flush=True)
            print_error(str(error))
            worst = max(worst, error.exit_code if named else 0)
        except LabInputError:
            say("failed")
            raise
        except LabError as error:
            say("failed", flush=True)
            print_error(str(error))
            worst = max(worst, error.exit_code)
        else:
            say(f"installed in {time.monotonic() - began:.0f} s" if done else "is installed")
    return worst
