"""``ssosim fault``: break something in a running lab, and mend it."""

from __future__ import annotations

import argparse
import difflib
import inspect
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ssosim.cli.common import add_json, add_name, folder_of
from ssosim.cli.durations import parse_duration
from ssosim.cli.parser import Parser
from ssosim.lab.base.errors import LabInputError
from ssosim.output import clean_data, print_document, say

if TYPE_CHECKING:  # not for --help
    import msgspec

    from ssosim.lab.control.answers import FaultInForce

DESCRIPTION = """\
Break something in a running lab, and mend it.

  ssosim fault list                        the faults that there are; those in force first
  ssosim fault apply servfail names=login.microsoftonline.com first=3
  ssosim fault apply http-status status=503 --first 2 --for 30s --client curl-1
  ssosim fault undo 1                      by id, by name, or all

Fields are those of the same fault in a scenario. --first, --for and --client are short for the
fields first, for_s and clients. A fault is in force until
it is undone, or until it comes to its limit. Faults may be undone in any order.
"""


class _InAnyOrder(Parser):
    """Options may stand between a fault's name and its fields, too."""

    _within = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # type: ignore[explicit-any] # argparse's
        """As always, but for the order: argparse's own way of mixing them comes back to this."""
        if self._within:
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="{list,apply,undo}", parser_class=_InAnyOrder)
    listing = actions.add_parser("list", help="the faults that there are, and those in force")
    listing.add_argument("fault", nargs="?", help="tell all about this one")
    applying = actions.add_parser(
        "apply",
        help="put a fault in force",
        epilog="For example: http-status host=login.microsoftonline.com status=503 --first 2. "
        "The fields of a fault: ssosim fault list NAME.",
    )
    applying.add_argument("fault", metavar="NAME")
    applying.add_argument(
        "fields",
        nargs="*",
        metavar="KEY=VALUE",
        help="lists: values with commas between; tables: NAME:VALUE with commas between",
    )
    applying.add_argument("--first", metavar="N", help="undo it by itself after it has struck N times")
    applying.add_argument("--for", dest="for_s", metavar="TIME", help="undo it by itself after a time: 30s, 500ms, 2m")
    applying.add_argument(
        "--client",
        action="append",
        metavar="NAME",
        help="strike only this client, by its name in the trace: that of exec --as, or curl-1, curl-2 and so on; "
        "may be repeated",
    )
    undoing = actions.add_parser("undo", help="take a fault away")
    undoing.add_argument("which", metavar="ID|NAME|all")
    for each in (listing, applying, undoing):
        add_name(each)
        add_json(each)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    from ssosim.lab.control.answers import UndoneFaults, parse_fault, request_typed  # noqa: PLC0415 - not for --help

    done: dict[str, object] | UndoneFaults
    match options.action:
        case "list":
            return list_all(options)
        case "apply":
            body = fields_of(options.fault, options.fields)
            limits = _limits(options)
            if twice := [key for key in limits if key in body]:
                raise LabInputError(f"{twice[0]}: given as a field and as the option of that field; leave one out")
            body |= limits
            done = request_typed(folder_of(options), "POST", "/v1/faults", dict[str, object], body)
            fault = clean_data(parse_fault(done))
            text = f"fault {fault.id} in force: {fault.description}{f'; note: {fault.note}' if fault.note else ''}"
        case _:
            done = request_typed(
                folder_of(options), "DELETE", f"/v1/faults/{quote(options.which, safe='')}", UndoneFaults
            )
            undone = clean_data([parse_fault(each) for each in done.undone])
            text = "\n".join(f"fault {each.id} undone: {each.description}{_idle(each)}" for each in undone)
            text = text or "no fault was in force"
    if options.json:
        print_document(f"fault-{options.action}", done)
    else:
        say(text)
    return 0


def list_all(options: argparse.Namespace) -> int:
    """Print what is in force, if the lab is up, and what there is."""
    from ssosim.faults import FAULTS, Fault  # noqa: PLC0415 - not for the other actions
    from ssosim.lab.control.answers import Faults, parse_fault, request_typed  # noqa: PLC0415
    from ssosim.sources import load_sources  # noqa: PLC0415

    addresses = load_sources().addresses_in
    folder = folder_of(options)
    active = request_typed(folder, "GET", "/v1/faults", Faults).faults if folder.is_running() else ()
    if options.fault is not None and options.fault not in FAULTS:
        near = difflib.get_close_matches(options.fault, FAULTS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "see ssosim fault list"
        raise LabInputError(f"there is no fault {options.fault!r}; {hint}")

    def about(kind: type[Fault]) -> str:
        return inspect.getdoc(kind) or ""

    if options.json:
        known = {
            name: {"about": about(kind), "sources": addresses(about(kind)), "fields": described(kind)}
            for name, kind in FAULTS.items()
        }
        print_document("fault-list", {"active": active, "faults": known})
    elif options.fault is not None:
        fields = [f"  {name}  {text}" for name, text in described(FAULTS[options.fault]).items()]
        needed = "".join(f" {name}=…" for name, text in described(FAULTS[options.fault]).items() if "required" in text)
        usage = f"ssosim fault apply {options.fault}{needed} [FIELD=VALUE ...]"
        text = about(FAULTS[options.fault])
        where = ["", "sources:", *(f"  {address}" for address in addresses(text))] if addresses(text) else []
        say("\n".join([text, *where, "", "fields:", *fields, "", usage]))
    else:
        in_force = clean_data([parse_fault(each) for each in active])
        lines = [f"in force  {each.id}  {each.fault}: {each.description}{_idle(each, 'so far ')}" for each in in_force]
        width = max(len(name) for name in FAULTS)
        lines += [f"{name:<{width}}  {about(kind).splitlines()[0]}" for name, kind in FAULTS.items()]
        say("\n".join(lines))
    return 0


def _idle(fault: FaultInForce, when: str = "") -> str:
    """What follows the description of a fault that has changed no exchange."""
    return f"; {when}it touched nothing: {fault.idle}" if fault.idle else ""


def _limits(options: argparse.Namespace) -> dict[str, object]:
    """The fields that have options of their own; raises LabInputError for what is no time."""
    found: dict[str, object] = {"first": options.first, "clients": options.client}
    if options.for_s is not None:
        found["for_s"] = seconds_of(options.for_s)
    return {key: value for key, value in found.items() if value is not None}


def seconds_of(text: str) -> float:
    """A length of time such as ``30s``, ``500ms``, ``2m``, ``1h`` or ``30``, in seconds; raises LabInputError."""
    return parse_duration(text, "--for")


def described(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Each field of a fault: its type, and its default or that it is needed."""
    import msgspec  # noqa: PLC0415 - not for --help

    found = {}
    for field in msgspec.structs.fields(kind):
        default = "required" if field.required else f"default {field.default!r}"
        kind_of = getattr(field.type, "__name__", None) if isinstance(field.type, type) else None
        found[field.name] = f"{kind_of or str(field.type).replace('typing.', '')}, {default}"
    return found


def fields_of(name: str, pairs: list[str]) -> dict[str, object]:
    """The body of the request; raises LabInputError for a field that is not written as KEY=VALUE, or is given twice."""
    from ssosim.faults import FAULTS  # noqa: PLC0415 - not for --help

    kind = FAULTS.get(name)
    fields = described(kind) if kind else {}
    lists = {field for field, about in fields.items() if about.startswith("tuple")}
    tables = {field for field, about in fields.items() if about.startswith("dict")}
    body: dict[str, object] = {"fault": name}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise LabInputError(f"{pair!r} is not written as KEY=VALUE")
        if key == "fault":
            raise LabInputError(f"{pair!r}: the fault is named before its fields, once: ssosim fault apply NAME ...")
        if key in body:
            raise LabInputError(f"{key}: given twice; a list has commas between its values: {key}=a,b")
        parts = [part.strip() for part in value.split(",")]
        # As by a variable of the shell that is not set: the fault would strike more, or less, than was meant.
        if not value.strip() and (key in lists | tables or fields.get(key) == "str, default ''"):
            raise LabInputError(f"{pair!r} has no value; leave {key} out to keep its default")
        if not all(parts) and key in lists | tables:
            raise LabInputError(f"{pair!r} has an empty value between its commas; remove it")
        body[key] = parts if key in lists else _table(key, parts) if key in tables else value
    return body


def _table(key: str, parts: list[str]) -> dict[str, str]:
    """A field of names and values, such as the headers of an answer."""
    found = {}
    for part in parts:
        name, colon, value = part.partition(":")
        if not colon:
            raise LabInputError(f"{key}: {part!r} is not written as NAME:VALUE")
        if name.strip() in found:
            raise LabInputError(f"{key}: {name.strip()!r} is given twice")
        found[name.strip()] = value.strip()
    return found
