"""``ssosim spn``: the SPN that each kind of client would request a ticket for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ssosim.cli.common import add_json, add_name, folder_of
from ssosim.lab.base.errors import LabInputError
from ssosim.output import clean_data, print_document, say

if TYPE_CHECKING:  # not for --help
    from ssosim.lab.control.spn_answers import NameShape, SpnRow, Spns

DESCRIPTION = """\
Show for a host name, with the present answers of the running lab's DNS, the service principal
name that each kind of client forms from it, and whether the KDC knows that name. Each line is a
family of rules with the same SPNs, with the clients that use it. Names joined by "then" are
requested in turn, until the KDC knows one; of names joined by "or", one is chosen at random.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_name(parser)
    parser.add_argument("host", metavar="HOST", help="the host of a URL: a name, an address or localhost")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--client", metavar="NAME", help="only this client model (see: ssosim clients)")
    only.add_argument("--rule", metavar="NAME", help="only this SPN rule, such as curl-gssapi or mit-no-rdns")
    parser.add_argument(
        "--device", metavar="NAME", help="the device whose resolver is used; by default the estate's first"
    )
    parser.add_argument("--port", type=int, help="the URL's port; by default 443, for SQL Server 1433")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the SPNs. Exit code 0; 2 for an unknown client or rule."""
    import msgspec  # noqa: PLC0415 - not for --help

    from ssosim.lab.control.answers import request_typed  # noqa: PLC0415
    from ssosim.lab.control.spn_answers import Spns  # noqa: PLC0415

    rules = [_rule(options)] if options.client or options.rule else None
    request = {"host": options.host, "rules": rules, "device": options.device, "port": options.port}
    answer = request_typed(folder_of(options), "POST", "/v1/spn", Spns, request)
    clients = _clients_of_rules()
    rows = (msgspec.structs.replace(row, clients=tuple(clients.get(row.rule, ()))) for row in answer.rules)
    answer = msgspec.structs.replace(answer, rules=tuple(rows))
    if options.json:
        print_document("spn", answer)
    else:
        say(_text(answer))
    return 0


def _rule(options: argparse.Namespace) -> str:
    """Return the name of the rule that the options select; raises LabInputError."""
    import difflib  # noqa: PLC0415 - only what is asked for is imported

    from ssosim_clients.catalogue import UnknownModelError, find_model  # noqa: PLC0415
    from ssosim_clients.spn import RULES, SpnRule  # noqa: PLC0415

    if options.rule is not None:
        if options.rule in RULES:
            return str(options.rule)
        near = difflib.get_close_matches(options.rule, RULES, n=3, cutoff=0.4) or sorted(RULES)
        raise LabInputError(f"no SPN rule is called {options.rule!r}; did you mean {', '.join(near)}?")
    try:
        model = find_model(options.client)
    except UnknownModelError as error:
        raise LabInputError(str(error)) from error
    rule = getattr(model, "spn", None)
    if not isinstance(rule, SpnRule) or rule.name not in RULES:
        raise LabInputError(f"the client {options.client!r} requests no service ticket, so it has no SPN")
    return rule.name


def _clients_of_rules() -> dict[str, list[str]]:
    """Return the names of the client models that use each SPN rule."""
    from ssosim_clients.catalogue import MODELS  # noqa: PLC0415 - only what is asked for is imported

    found: dict[str, list[str]] = {}
    for name, model in MODELS.items():
        rule = getattr(model, "spn", None)
        if rule is not None:
            found.setdefault(rule.name, []).append(name)
    return found


def _text(answer: Spns) -> str:
    answer = clean_data(answer)
    lines = [f"{answer.host}: {_shape(answer.dns)}", ""]
    groups: dict[tuple[str, str], list[SpnRow]] = {}
    for row in answer.rules:
        groups.setdefault((row.family, _describe_question(row)), []).append(row)
    width = max(len(family) for family, _ in groups)
    for (family, asked), rows in groups.items():
        names = [row.rule for row in rows]
        models = [client for row in rows for client in row.clients]
        lines.append(f"{family:<{width}}  {asked}")
        lines.append(f"{'':<{width}}    {', '.join(names)}")
        if models:
            lines.append(f"{'':<{width}}    models: {', '.join(models)}")
    return "\n".join(lines)


def _shape(dns: NameShape) -> str:
    if dns.problem:
        return f"no address ({dns.problem})"
    path = "".join(f"CNAME {name}, " for name in dns.chain)
    reverse = f"; the first leads back to {dns.reverse}" if dns.reverse else "; no PTR for the first"
    return f"{path}{', '.join(dns.addresses)}{reverse}"


def _describe_question(row: SpnRow) -> str:
    first = f"waits {row.waits_s:g} s, then " if row.waits_s else ""
    return first + _result(row)


def _result(row: SpnRow) -> str:
    if row.problem:
        return row.problem
    ways = [", then ".join(f"{each.spn} ({each.kdc})" for each in way) for way in row.outcomes]
    return f"{' or '.join(ways)}: decided by {row.chance}" if row.chance else ", ".join(ways)
