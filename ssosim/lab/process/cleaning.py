"""Find and remove the folders of ssosim in the state folder and in the cache, for ``ssosim clean``.

Finding and removing are two steps on one list, so that a dry run lists exactly what a real run removes. Each folder is
checked again, by its descriptor, when it is removed.
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
from ssosim.lab.base.folder import LabFolder, cache_path, convert_folder_errors, open_labs_folder, state_home

__all__ = [
    "Findings",
    "KeptPath",
    "RemovableFolder",
    "find_caches",
    "find_labs",
    "find_marked",
    "remove_empty_state_folders",
]

_DRAFT = ".making-"
_MOVE = "move it away"


@dataclass(frozen=True, slots=True)
class KeptPath:
    """A path that is not removed, and the reason."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class RemovableFolder:
    """A folder of ssosim: ``kind`` is "lab", "realm", "keys" or "client".

    ``remove`` returns the entries that could not be removed. It raises LabInputError when the folder has lost its mark,
    or its lab is running.
    """

    kind: str
    path: Path
    remove: Callable[[], list[str]]


@dataclass(slots=True)
class Findings:
    """The folders to remove, the paths that stay because they have no mark of ssosim, and the names of running labs."""

    removable: list[RemovableFolder] = field(default_factory=list)
    kept: list[KeptPath] = field(default_factory=list)
    running: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _MarkedFolders:
    """A folder that holds marked folders: ``base`` and the names below it. Each folder on the way is checked."""

    base: Path
    names: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return self.base.joinpath(*self.names)

    @contextlib.contextmanager
    def open_descriptor(self) -> Iterator[int]:
        with open_subfolder(self.base, *self.names) as folder:
            yield folder


def find_labs(names: Sequence[str] = ()) -> Findings:
    """Find the folders of the labs in ``names``; of all labs if it is empty.

    Raises LabInputError when a named lab has no folder, or one without a mark, or when the state folder is not the
    user's.
    """
    found = Findings()
    there: list[str] = []
    with (
        convert_folder_errors(state_home() / "labs"),
        contextlib.suppress(FileNotFoundError),
        open_labs_folder() as labs,
    ):
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
            found.kept.append(KeptPath(state_home() / "labs" / name, _without_path(error)))
    return found


def _add_lab(found: Findings, folder: LabFolder) -> None:
    with convert_folder_errors(folder.path), folder.open_descriptor() as descriptor:
        check_mark(descriptor, folder.mark, folder.path)
    if folder.is_running():
        found.running.append(folder.name)
        return
    _check_mounts(folder.path)
    found.removable.append(RemovableFolder("lab", folder.path, folder.remove_all))


def find_caches() -> Findings:
    """Find prepared KDC databases and signing keys. Raises LabInputError where the cache is not the user's folder."""
    cache = cache_path()
    names = ("cache",) if cache == state_home() / "cache" else ()
    base = state_home() if names else cache
    found = _find_marked(_MarkedFolders(base, names), "keys", skipped=("realms",))
    realms = _find_marked(_MarkedFolders(base, (*names, "realms")), "realm")
    found.removable += realms.removable
    found.kept += realms.kept
    return found


def find_marked(folder: Path, kind: str) -> Findings:
    """Find the folders in ``folder`` with the mark of ``kind``; none where ``folder`` is missing.

    Raises LabInputError where ``folder`` is not the user's.
    """
    return _find_marked(_MarkedFolders(folder), kind)


def _find_marked(folder_path: _MarkedFolders, kind: str, skipped: Iterable[str] = ()) -> Findings:
    found = Findings()
    with (
        convert_folder_errors(folder_path.path, _MOVE),
        contextlib.suppress(FileNotFoundError),
        folder_path.open_descriptor() as parent,
    ):
        for name in sorted(set(os.listdir(parent)) - set(skipped)):  # noqa: PTH208 - a descriptor
            mark, path = make_mark(kind, name.partition(_DRAFT)[0]), folder_path.path / name
            try:
                with convert_folder_errors(path, _MOVE), open_folder(name, parent, path) as folder:
                    check_mark(folder, mark, path)
                _check_mounts(path)
            except LabInputError as error:
                found.kept.append(KeptPath(path, _without_path(error)))
            else:
                found.removable.append(RemovableFolder(kind, path, _removal(folder_path, name, mark)))
    return found


def remove_empty_state_folders() -> None:
    """Remove the folders ``labs`` and ``cache`` if they are empty, and then the default state folder if it is."""
    home = state_home()
    with contextlib.suppress(FolderRefusedError, OSError), open_folder(home) as state:
        with contextlib.suppress(FolderRefusedError, OSError), open_folder("cache", state) as cache:
            os.rmdir("realms", dir_fd=cache)
        for name in ("cache", "labs"):
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=state)
        if not os.environ.get("SSOSIM_HOME"):
            home.rmdir()


def _removal(folder_path: _MarkedFolders, name: str, mark: Mark) -> Callable[[], list[str]]:
    def remove() -> list[str]:
        path = folder_path.path / name
        with (
            convert_folder_errors(path, _MOVE),
            contextlib.suppress(FileNotFoundError),
            folder_path.open_descriptor() as parent,
        ):
            return remove_marked(parent, name, mark, path)
        return []

    return remove


def _check_mounts(path: Path) -> None:
    """Raise LabInputError when something is mounted at or below ``path``: it cannot be removed. Source: proc(5)."""
    above = os.path.realpath(path)
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", "rb") as lines:  # noqa: PTH123 - bytes
        for line in lines:
            point = os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), line.split()[4]))
            if point == above or point.startswith(f"{above}/"):
                raise LabInputError(
                    f"{printable_path(path)}: something is mounted at {printable_path(point)}; unmount it first"
                )


def _without_path(error: LabInputError) -> str:
    """Return the text of ``error`` without its path, which the caller prints itself."""
    return str(error).partition(": ")[2] or str(error)
