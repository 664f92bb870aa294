"""An ordinary user, and what a machine must keep as it was."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ssosim.lab.base import linux

sys.path.insert(0, str(Path(__file__).parent))  # for what the tests of the control API share

from control_api_client import Api

NOBODY = 65534
NEEDED = (sys.base_prefix, sys.prefix, str(Path(__file__).parents[2]))
WATCHED = ("krb5.conf", "resolv.conf", "hosts", "nsswitch.conf", "ssl/certs/ca-certificates.crt", "krb5.keytab")


def _closed(path: str) -> str | None:
    """The outermost folder on the way to ``path`` that others may not pass."""
    for parent in [*reversed(Path(path).parents), Path(path)]:
        if not parent.stat().st_mode & 0o001:
            return str(parent)
    return None


def _open_the_way() -> None:
    """In a mount namespace of our own, lay Python and the checkout where an ordinary user can reach them."""
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    closed = {folder: [p for p in NEEDED if p.startswith(folder + "/")] for p in NEEDED if (folder := _closed(p))}
    for folder, paths in closed.items():
        handles = {path: os.open(path, os.O_PATH) for path in paths}
        linux.mount("tmpfs", folder, "tmpfs", options="mode=755,size=1m")
        for path, handle in handles.items():
            Path(path).mkdir(parents=True, exist_ok=True)
            linux.mount(f"/proc/self/fd/{handle}", path, flags=linux.MS_BIND | linux.MS_REC)
            os.close(handle)


@pytest.fixture
def as_user() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run ``ssosim`` as a user without any privilege, whose home is a folder of his own."""
    root = os.geteuid() == 0
    home = Path(tempfile.mkdtemp(prefix="user-"))
    if root:
        os.chown(home, NOBODY, NOBODY)

    def become() -> None:
        if root:
            _open_the_way()
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if name not in ("SSOSIM_HOME", "XDG_STATE_HOME")}
        return subprocess.run(
            [sys.executable, "-m", "ssosim", *words],
            env=env | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            preexec_fn=become,
        )

    run.home = home  # type: ignore[attr-defined]
    yield run
    run("down")
    shutil.rmtree(home)


def fingerprint() -> dict[str, str]:
    """What the machine's own settings are, file by file."""
    found = {}
    for name in WATCHED:
        path = Path("/etc", name)
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "absent"
    return found


@pytest.fixture(scope="session")
def machine_before() -> dict[str, str]:
    """The machine's own settings before the first lab."""
    return fingerprint()


@pytest.fixture
def machine_now() -> Callable[[], dict[str, str]]:
    """The machine's own settings."""
    return fingerprint


@pytest.fixture(scope="module")
def api(steered: Any) -> Api:
    """The API of a lab that several tests use; each leaves it without a fault."""
    status = json.loads(steered.run("status", "--json").stdout)["labs"][0]
    return Api(steered, status["api"])
