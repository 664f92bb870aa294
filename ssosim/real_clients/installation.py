"""Install a real client: copy its folder, run its installation steps, and write a stamp.

The stamp is a digest of the client's folder and of the tools; while it matches, nothing is installed again. An
installation that was interrupted has no stamp and is repeated from the start. Of two installations at the same time the
second waits. Only a folder that was made here, or an empty one, is emptied and filled (``ssosim.files.owned_folder``).
"""

from __future__ import annotations

import contextlib
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
from ssosim.lab.base.errors import LabError, LabInputError, PrerequisiteError
from ssosim.real_clients import debian_packages
from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.manifest import RealClient

__all__ = ["check_installed", "describe_missing_tools", "install", "is_installed", "list_missing_tools"]

_STAMP = ".ssosim-installed"
_LOCK = ".ssosim-lock"
_LOG = ".ssosim-log"
_LAST_LINES = 25
_ELSEWHERE = "set SSOSIM_CLIENTS_HOME to another folder of yours"
_STEP_LIMIT_S = 1200.0
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", _STAMP, _LOCK, _LOG, MARK_FILE)
# With these variables a package manager would install outside the client's own folder.
_REMOVED_VARIABLES = (
    "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_CONSTRAINT",
    "PIP_BUILD_CONSTRAINT", "PIP_REQUIRE_VIRTUALENV", "GOBIN", "GOFLAGS", "MAKEFLAGS",
)  # fmt: skip


def list_missing_tools(client: RealClient) -> tuple[str, ...]:
    """Return the programs that ``client`` needs and this machine lacks."""
    tools = (*client.manifest.needs, *(debian_packages.TOOLS if client.manifest.debian_packages else ()))
    return tuple(tool for tool in tools if shutil.which(tool, path=_build_path()) is None)


def describe_missing_tools(client: RealClient) -> str:
    """Describe the missing programs and the Debian packages that contain them; empty if none is missing."""
    missing = list_missing_tools(client)
    if not missing:
        return ""
    packages = client.manifest.packages
    advice = f"; on Debian: apt-get install {' '.join(packages)}" if packages else ""
    if not set(debian_packages.TOOLS).isdisjoint(missing):
        advice += f"; it is made of packages that only Debian has: {', '.join(client.manifest.debian_packages)}"
    return f"{client.name} needs {' and '.join(missing)}, which this machine does not have{advice}"


def _build_path() -> str:
    """Return PATH with an activated virtual environment moved to its end.

    So clients are installed with the machine's own tools, whether an environment is activated or not.
    """
    ours = {os.environ.get("VIRTUAL_ENV", ""), sys.prefix if sys.prefix != sys.base_prefix else ""} - {""}
    late = {Path(each, "bin").resolve() for each in ours}
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(sorted(places, key=lambda place: Path(place).resolve() in late))


def is_installed(client: RealClient) -> bool:
    """Return whether ``client`` can be run: its tools exist, and its stamp matches its folder."""
    if list_missing_tools(client):
        return False
    return not client.needs_installation or _read_stamp(find_client_home(client)) == _compute_digest(client)


def check_installed(client: RealClient) -> None:
    """Raise PrerequisiteError, naming the command that helps, unless ``client`` can be run."""
    if text := describe_missing_tools(client):
        raise PrerequisiteError(text)
    if not is_installed(client):
        what = client.name if find_client_home(client).name == client.name else client.folder
        raise PrerequisiteError(
            f"{client.name} is not installed, or its folder has changed since; install it with: "
            f"ssosim clients --install {what}"
        )


def install(client: RealClient, waiting: Callable[[], None] = lambda: None) -> bool:
    """Install ``client`` if it is not installed; return whether anything was done.

    ``waiting`` is called if another process is installing the client. Raises PrerequisiteError for a missing tool,
    LabError with the last lines of a step that failed, LabInputError if the folder cannot be written.
    """
    if text := describe_missing_tools(client):
        raise PrerequisiteError(text)
    if is_installed(client):
        return False
    home = find_client_home(client)
    try:
        with _claim_home(client) as folder, _lock_home(folder, waiting) as lock:
            if is_installed(client):  # by the other process
                return False
            digest = _compute_digest(client)
            if left := empty_folder(folder, {MARK_FILE, _LOCK}):
                raise LabInputError(f"{printable_path(home)}: cannot be cleared: {printable_path(left[0])}")
            shutil.copytree(client.folder, home, ignore=_NOT_COPIED, symlinks=True, dirs_exist_ok=True)
            _copy_linked_files(client.folder, home)
            os.fchmod(folder, 0o700)  # copytree has set the mode of the client's folder
            _run_steps(client, home, lock)
            written = home / f"{_STAMP}.new"
            written.write_text(digest, encoding="ascii")
            written.replace(home / _STAMP)
    except FolderRefusedError as error:
        raise LabInputError(str(error)) from error
    except OSError as error:
        raise LabInputError(f"{error.filename or home}: {client.name} cannot be installed: {error.strerror}") from error
    return True


@contextlib.contextmanager
def _claim_home(client: RealClient) -> Iterator[int]:
    """Yield a descriptor of the home of ``client``, created if missing; raises FolderRefusedError and OSError."""
    home = find_client_home(client)
    with (
        open_or_create_folder(home.parent, _ELSEWHERE) as homes,
        claim_folder(homes, home.name, make_mark("client", home.name), home, _ELSEWHERE) as folder,
    ):
        yield folder


@contextlib.contextmanager
def _lock_home(home: int, waiting: Callable[[], None]) -> Iterator[int]:
    """Lock ``home`` for this installation; yields the descriptor of the lock.

    The lock is released when all processes that inherited the descriptor have ended.
    """
    import fcntl  # noqa: PLC0415 - Windows has none, and no real client

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


def _run_steps(client: RealClient, home: Path, lock: int) -> None:
    log = home / _LOG
    environment = {name: value for name, value in os.environ.items() if name not in _REMOVED_VARIABLES}
    environment["PATH"] = _build_path()
    with log.open("wb") as output:
        for step in (*_build_unpack_steps(client, home), *client.manifest.install):
            command = [word.replace("{home}", str(home)) for word in step]
            output.write(f"\n== {' '.join(command)}\n".encode())
            output.flush()
            problem = _run_step(command, home, environment, output.fileno(), lock)
            if problem:
                lines = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()[-_LAST_LINES:]
                text = "\n".join(f"    {line}" for line in lines)
                raise LabError(f"{client.name}: this step {problem}: {' '.join(command)}\nthe end of {log}:\n{text}")


def _build_unpack_steps(client: RealClient, home: Path) -> tuple[tuple[str, ...], ...]:
    """Build the steps that unpack the client's Debian packages, if it has some. Raises PrerequisiteError."""
    if not client.manifest.debian_packages:
        return ()
    needed = debian_packages.list_needed_packages(client.name, client.manifest.debian_packages)
    return debian_packages.build_unpack_steps(needed, home / debian_packages.FOLDER)


def _run_step(command: list[str], home: Path, environment: dict[str, str], output: int, lock: int) -> str:
    """Run one step in its own session and kill all of its processes at the end; return the problem, or "".

    The step inherits ``lock``: if this process is killed, the next installation waits until the step has ended.
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


def _read_stamp(home: Path) -> str:
    try:
        return (home / _STAMP).read_text(encoding="ascii")
    except OSError:
        return ""


def _copy_linked_files(source: Path, home: Path) -> None:
    """Replace the links in ``home`` to files outside of the client's folder ``source`` by copies of these files.

    Real clients share files so: a relative link would lead nowhere from the place of installation.
    """
    for path in source.rglob("*"):
        if path.is_symlink() and path.is_file() and not path.resolve().is_relative_to(source.resolve()):
            copy = home / path.relative_to(source)
            copy.unlink()
            shutil.copy(path, copy)


def _compute_digest(client: RealClient) -> str:
    """Compute the digest of the folder's files, of the place of installation and of the tools."""
    digest = hashlib.sha256(os.fsencode(find_client_home(client)))
    for path in sorted(client.folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(client.folder)
            digest.update(f"\0{name}\0{os.access(path, os.X_OK)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for tool in client.manifest.needs:
        if found := shutil.which(tool, path=_build_path()):
            real = Path(found).resolve()
            state = real.stat()
            digest.update(f"\0{tool}\0{real}\0{state.st_size}\0{int(state.st_mtime)}\0".encode())
    return digest.hexdigest()
