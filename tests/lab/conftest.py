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

sys.path.insert(0, str(Path(__file__).parent))  # for what the tests of the control API share
sys.path.insert(0, str(Path(__file__).parents[1]))

from control_api_client import Api
from ordinary_user import NOBODY, become_nobody

WATCHED = ("krb5.conf", "resolv.conf", "hosts", "nsswitch.conf", "ssl/certs/ca-certificates.crt", "krb5.keytab")


@pytest.fixture
def as_user() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run ``ssosim`` as a user without any privilege, whose home is a folder of his own."""
    root = os.geteuid() == 0
    home = Path(tempfile.mkdtemp(prefix="user-"))
    if root:
        os.chown(home, NOBODY, NOBODY)

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
            preexec_fn=become_nobody,
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
def api(api_lab: Any) -> Api:
    """The API of a lab that several tests use; each leaves it without a fault."""
    status = json.loads(api_lab.run("status", "--json").stdout)["labs"][0]
    return Api(api_lab, status["api"])
