"""What ``ssosim clean`` finds in the state folder and in the cache, and removes.

Looking and removing are two steps on one list, so that a dry run tells what the real one does. Each folder is looked at
again, by its descriptor, when it is removed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ssosim.files.opening import FolderRefusedError, open_folder, open_subfolder, printable_path
from ssosim.files.owned_folder import Mark, check_mark, make_mark, remove_marked
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.folder import LabFolder, cache_place, explained, opened_labs, state_home

__all__ = ["Findings", "Left", "Removable", "find_caches", "find_labs", "find_marked", "tidy_state_home"]

_DRAFT = ".making-"
_MOVE = "move it away"


@dataclass(frozen=True, slots=True)
class Left:
    """Something that stays: where, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Removable:
    """A folder of ours: ``kind`` is "lab", "realm", "keys" or "client". ``remove`` returns what could not be removed.

    ``remove`` raises LabInputError when the folder is not ours any more, or its lab runs.
    """

    kind: str
    path: Path
    remove: Callable[[], list[str]]


@dataclass(slots=True)
class Findings:
    """What there is to remove, what stays because it is not ours, and the names of the labs that run."""

    removable: list[Removable] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    running: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder that holds marked ones: ``base``, and the way from there. Every folder on the way is looked at."""

    base: Path
    names: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return self.base.joinpath(*self.names)

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        with open_subfolder(self.base, *self.names) as folder:
            yield folder


def find_labs(names: Sequence[str] = ()) -> Findings:
    """The state of the labs of these names, by default of all.

    Raises LabInputError when a lab that is named does not exist, or is not ours, or where the state folder is not the
    user's own.
    """
    found = Findings()
    there: list[str] = []
    with explained(state_home() / "labs"), contextlib.suppress(FileNotFoundError), opened_labs() as labs:
        there = sorted(os.listdir(labs))  # noqa: PTH208 - a descriptor
    for name in dict.fromkeys(names):
        if LabFolder.of(name).name not in there:
            raise LabInputError(f'there is no state of a lab "{name}" in {printable_path(state_home() / "labs")}')
    for name in dict.fromkeys(names) or there:
        try:
            _add_lab(found, LabFolder.of(name))
        except LabInputError as error:
            if names:
                raise
            found.left.append(Left(state_home() / "labs" / name, _without_path(error)))
    return found


def _add_lab(found: Findings, folder: LabFolder) -> None:
    with explained(folder.path), folder.opened() as descriptor:
        check_mark(descriptor, folder.mark, folder.path)
    if folder.is_running():
        found.running.append(folder.name)
        return
    _check_mounts(folder.path)
    found.removable.append(Removable("lab", folder.path, folder.remove_all))


def find_caches() -> Findings:
    """Prepared KDC databases and signing keys. Raises LabInputError where the cache is not the user's own folder."""
    place = cache_place()
    way = ("cache",) if place == state_home() / "cache" else ()
    base = state_home() if way else place
    found = _find_marked(_Place(base, way), "keys", passed_over=("realms",))
    realms = _find_marked(_Place(base, (*way, "realms")), "realm")
    found.removable += realms.removable
    found.left += realms.left
    return found


def find_marked(folder: Path, kind: str) -> Findings:
    """The folders of ``kind`` in ``folder`` that are ours; nothing where it is missing.

    Raises LabInputError where ``folder`` is not the user's own.
    """
    return _find_marked(_Place(folder), kind)


def _find_marked(place: _Place, kind: str, passed_over: Iterable[str] = ()) -> Findings:
    found = Findings()
    with explained(place.path, _MOVE), contextlib.suppress(FileNotFoundError), place.opened() as parent:
        for name in sorted(set(os.listdir(parent)) - set(passed_over)):  # noqa: PTH208 - a descriptor
            mark, path = make_mark(kind, name.partition(_DRAFT)[0]), place.path / name
            try:
                with explained(path, _MOVE), open_folder(name, parent, path) as folder:
                    check_mark(folder, mark, path)
                _check_mounts(path)
            except LabInputError as error:
                found.left.append(Left(path, _without_path(error)))
            else:
                found.removable.append(Removable(kind, path, _removal(place, name, mark)))
    return found


def tidy_state_home() -> None:
    """Remove the folders that hold labs and caches where they are empty, and the usual state folder where it is."""
    home = state_home()
    with contextlib.suppress(FolderRefusedError, OSError), open_folder(home) as state:
        with contextlib.suppress(FolderRefusedError, OSError), open_folder("cache", state) as cache:
            os.rmdir("realms", dir_fd=cache)
        for name in ("cache", "labs"):
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=state)
        if not os.environ.get("SSOSIM_HOME"):
            home.rmdir()


def _removal(place: _Place, name: str, mark: Mark) -> Callable[[], list[str]]:
    def remove() -> list[str]:
        path = place.path / name
        with explained(path, _MOVE), contextlib.suppress(FileNotFoundError), place.opened() as parent:
            return remove_marked(parent, name, mark, path)
        return []

    return remove


def _check_mounts(path: Path) -> None:
    """Raise LabInputError when something is mounted at or below ``path``, which removing would leave. See proc(5)."""
    above = os.path.realpath(path)
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", "rb") as lines:  # noqa: PTH123 - bytes
        for line in lines:
            point = os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), line.split()[4]))
            if point == above or point.startswith(f"{above}/"):
                raise LabInputError(
                    f"{printable_path(path)}: something is mounted at {printable_path(point)}; unmount it first"
                )


def _without_path(error: LabInputError) -> str:
    """The reason alone, where the path is told beside it."""
    return str(error).partition(": ")[2] or str(error)
