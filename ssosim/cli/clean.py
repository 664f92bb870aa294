"""``ssosim clean``: remove what labs have left."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ssosim.cli.common import add_json
from ssosim.files.opening import printable_path
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.output import print_document, print_error, say

if TYPE_CHECKING:
    from ssosim.lab.process.cleaning import Findings, RemovableFolder

DESCRIPTION = """\
Remove the state of labs that are stopped (traces and logs), and the caches.

  ssosim clean                    both
  ssosim clean --dry-run          list what would be removed, and remove nothing
  ssosim clean --labs             only the labs
  ssosim clean --name blue        only this lab
  ssosim clean --caches           only prepared KDC databases and signing keys
  ssosim clean --clients          only the real clients that were installed

Only folders that ssosim made are removed; links are not followed, and everything else stays
and is listed. A lab that runs is refused by its name: exit code 2.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.allow_abbrev = False  # what removes is written out
    parser.add_argument("--name", action="append", metavar="NAME", help="the state of this lab; may be repeated")
    parser.add_argument("--labs", action="store_true", help="the state of all labs that are stopped")
    parser.add_argument("--caches", action="store_true", help="prepared KDC databases and signing keys")
    parser.add_argument("--clients", action="store_true", help="installed real clients; only if asked for")
    parser.add_argument("--dry-run", "-n", action="store_true", help="list what would be removed, and remove nothing")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Remove, or list; 0 if all that is ours is gone, 1 if something could not be removed, 2 where a lab runs."""
    if options.labs and options.name:
        raise LabInputError("--labs means all labs, and --name one of them; give one of the two")
    found = _find(options)
    if options.name and found.running:
        raise LabInputError(_running_text(found.running))  # before anything is removed
    removed, stays = (found.removable, []) if options.dry_run else _remove(found.removable)
    if options.json:
        print_document("clean", _as_data(removed, stays, found))
    else:
        _print(found, removed, "would remove" if options.dry_run else "removed")
    for text in stays:
        print_error(f"not removed: {text}")
    if found.running:
        raise LabInputError(_running_text(found.running))
    return LabError.exit_code if stays else 0


def _remove(removable: list[RemovableFolder]) -> tuple[list[RemovableFolder], list[str]]:
    """Remove each; those that are gone, and what stays, with the reason."""
    from ssosim.lab.process.cleaning import remove_empty_state_folders  # noqa: PLC0415 - not for --help

    removed: list[RemovableFolder] = []
    stays: list[str] = []
    for each in removable:
        try:
            left = each.remove()
        except LabInputError as error:  # a lab that was started meanwhile
            left = [str(error)]
        stays += left
        if not left:
            removed.append(each)
    remove_empty_state_folders()
    return removed, stays


def _find(options: argparse.Namespace) -> Findings:
    from ssosim.lab.process.cleaning import Findings, find_caches, find_labs, find_marked  # noqa: PLC0415

    everything = not (options.labs or options.caches or options.clients or options.name)
    found = Findings()
    parts = []
    if everything or options.labs or options.name:
        parts.append(find_labs(options.name or ()))
    if everything or options.caches:
        parts.append(find_caches())
    if options.clients:
        from ssosim.real_clients.folders import find_homes_folder  # noqa: PLC0415

        parts.append(find_marked(find_homes_folder(), "client"))
    for part in parts:
        found.removable += part.removable
        found.kept += part.kept
        found.running += part.running
    return found


def _print(found: Findings, removed: list[RemovableFolder], done: str) -> None:
    for each in removed:
        say(f"{done} {each.kind} {printable_path(each.path)}")
    for left in found.kept:
        say(f"left {printable_path(left.path)}: {left.reason}")
    if not removed and not found.removable and not found.kept and not found.running:
        say("there is nothing to remove")


def _running_text(names: list[str]) -> str:
    stops = "; ".join(f"ssosim down --name {name}" for name in names)
    which = ", ".join(f'"{name}"' for name in names)
    what = "labs that are" if len(names) > 1 else "a lab that is"
    return f"{which}: {what} up, and left as it is; stop first: {stops}"


def _as_data(removed: list[RemovableFolder], stays: list[str], found: Findings) -> dict[str, object]:
    return {
        "removed": [{"kind": each.kind, "path": str(each.path)} for each in removed],
        "not_removed": stays,
        "left": [{"path": str(each.path), "reason": each.reason} for each in found.kept],
        "running": found.running,
    }
