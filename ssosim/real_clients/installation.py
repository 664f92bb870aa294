"""Install a real client: copy its folder, run its steps, and write down what it was made from.

Done once: a stamp holds a digest of the folder and of the tools, and while it fits nothing is done. An installation
that was interrupted has no stamp and is done again from the start; of two at once the second waits. Only a home that
was made here, or an empty folder, is emptied and filled (``ssosim.files.owned_folder``).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ssosim.files.opening import FolderRefusedError, printable_path
from ssosim.files.owned_folder import MARK_FILE, claim_folder, make_mark, open_or_create_folder
from ssosim.files.removal import empty_folder
from ssosim.lab.base.errors import LabError, LabInputError, MachineLacksError
from ssosim.real_clients.folders import home_of
from ssosim.real_clients.manifest import RealClient

__all__ = ["check_installed", "install", "is_installed", "lacking", "lacking_text"]

_STAMP = ".ssosim-installed"
_LOCK = ".ssosim-lock"
_LOG = ".ssosim-log"
_LAST_LINES = 25
_ELSEWHERE = "set SSOSIM_CLIENTS_HOME to another folder of yours"
_STEP_LIMIT_S = 1200.0
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", _STAMP, _LOCK, _LOG, MARK_FILE)
# What would lead a package manager away from the client's own home.
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_CONSTRAINT",
            "PIP_BUILD_CONSTRAINT", "PIP_REQUIRE_VIRTUALENV", "GOBIN", "GOFLAGS", "MAKEFLAGS")  # fmt: skip


def lacking(original: RealClient) -> tuple[str, ...]:
    """The programs that ``original`` needs and this machine does not have."""
    return tuple(tool for tool in original.manifest.needs if shutil.which(tool, path=_path()) is None)


def lacking_text(original: RealClient) -> str:
    """What is missing, and the Debian packages that bring it; empty if nothing is."""
    missing = lacking(original)
    if not missing:
        return ""
    packages = original.manifest.packages
    advice = f"; on Debian: apt-get install {' '.join(packages)}" if packages else ""
    return f"{original.name} needs {' and '.join(missing)}, which this machine does not have{advice}"


def _path() -> str:
    """PATH with an activated environment at its end: its ``python3`` is for ssosim, not for what it installs.

    So a client is made by the machine's own tools, and the same ones are found whether one is activated or not.
    """
    ours = {os.environ.get("VIRTUAL_ENV", ""), sys.prefix if sys.prefix != sys.base_prefix else ""} - {""}
    late = {Path(each, "bin").resolve() for each in ours}
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(sorted(places, key=lambda place: Path(place).resolve() in late))


def is_installed(original: RealClient) -> bool:
    """Whether it can be run: its tools are there, and its home fits its folder as it is now."""
    if lacking(original):
        return False
    return not original.manifest.install or _stamp_of(home_of(original)) == _digest(original)


def check_installed(original: RealClient) -> None:
    """Raise MachineLacksError, naming the command that helps, unless ``original`` can be run."""
    if text := lacking_text(original):
        raise MachineLacksError(text)
    if not is_installed(original):
        what = original.name if home_of(original).name == original.name else original.folder
        raise MachineLacksError(
            f"{original.name} is not installed, or not as its folder is now; install it with: "
            f"ssosim clients --install {what}"
        )


def install(original: RealClient, waiting: Callable[[], None] = lambda: None) -> bool:
    """Have ``original`` installed; whether there was anything to do.

    ``waiting`` is called when another installation of it is under way. Raises MachineLacksError for a missing tool,
    LabError with the last lines of a step that failed, LabInputError where nothing can be written.
    """
    if text := lacking_text(original):
        raise MachineLacksError(text)
    if is_installed(original):
        return False
    home = home_of(original)
    try:
        with _claimed(original) as folder, _alone(folder, waiting) as lock:
            if is_installed(original):  # the other one has done it
                return False
            digest = _digest(original)
            if left := empty_folder(folder, {MARK_FILE, _LOCK}):
                raise LabInputError(f"{printable_path(home)}: cannot be cleared: {printable_path(left[0])}")
            shutil.copytree(original.folder, home, ignore=_NOT_COPIED, symlinks=True, dirs_exist_ok=True)
            os.fchmod(folder, 0o700)  # it has the mode of the client's folder now
            _run_steps(original, home, lock)
            written = home / f"{_STAMP}.new"
            written.write_text(digest, encoding="ascii")
            written.replace(home / _STAMP)
    except FolderRefusedError as error:
        raise LabInputError(str(error)) from error
    except OSError as error:
        raise LabInputError(
            f"{error.filename or home}: {original.name} cannot be installed: {error.strerror}"
        ) from error
    return True


@contextlib.contextmanager
def _claimed(original: RealClient) -> Iterator[int]:
    """A descriptor of the home of ``original``, made where it is missing; raises FolderRefusedError and OSError."""
    home = home_of(original)
    with (
        open_or_create_folder(home.parent, _ELSEWHERE) as homes,
        claim_folder(homes, home.name, make_mark("client", home.name), home, _ELSEWHERE) as folder,
    ):
        yield folder


@contextlib.contextmanager
def _alone(home: int, waiting: Callable[[], None]) -> Iterator[int]:
    """Be the only one who installs into ``home``; yields the lock, which is let go when all who hold it have ended."""
    lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=home)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _run_steps(original: RealClient, home: Path, lock: int) -> None:
    log = home / _LOG
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    environment["PATH"] = _path()
    with log.open("wb") as output:
        for step in original.manifest.install:
            command = [word.replace("{home}", str(home)) for word in step]
            output.write(f"\n== {' '.join(command)}\n".encode())
            output.flush()
            problem = _run(command, home, environment, output.fileno(), lock)
            if problem:
                lines = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()[-_LAST_LINES:]
                text = "\n".join(f"    {line}" for line in lines)
                raise LabError(f"{original.name}: this step {problem}: {' '.join(command)}\nthe end of {log}:\n{text}")


def _run(command: list[str], home: Path, environment: dict[str, str], output: int, lock: int) -> str:
    """Run one step in a session of its own, and end all of it if it is not to go on; what went wrong, or nothing.

    The step holds ``lock`` too: should we be killed, the next installation waits until what we started has ended.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the steps of the client's manifest
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(lock,),
        )
    except OSError as error:
        return f"could not be started ({error.strerror})"
    try:
        code = process.wait(_STEP_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"took more than {_STEP_LIMIT_S / 60:.0f} minutes"
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return f"failed (exit code {code})" if code else ""


def _stamp_of(home: Path) -> str:
    try:
        return (home / _STAMP).read_text(encoding="ascii")
    except OSError:
        return ""


def _digest(original: RealClient) -> str:
    """Of the folder's files, of where it is installed, and of the tools by which."""
    digest = hashlib.sha256(os.fsencode(home_of(original)))
    for path in sorted(original.folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(original.folder)
            digest.update(f"\0{name}\0{os.access(path, os.X_OK)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for tool in original.manifest.needs:
        if found := shutil.which(tool, path=_path()):
            real = Path(found).resolve()
            state = real.stat()
            digest.update(f"\0{tool}\0{real}\0{state.st_size}\0{int(state.st_mtime)}\0".encode())
    return digest.hexdigest()
