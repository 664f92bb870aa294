"""A checkout in a temporary folder on a machine with fake programs: set-up without a network."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = "krb5-kdc krb5-admin-server krb5-user libkrb5-dev iproute2 util-linux curl bind9-dnsutils ca-certificates"
# For tests and benches; chromium on Debian.
PACKAGES += " unbound bind9 dnsperf nsd libnss3-tools krb5-k5tls libfaketime man-db chromium"
REAL = (
    "cat",
    "chmod",
    "cksum",
    "cmp",
    "cp",
    "date",
    "env",
    "flock",
    "grep",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "sed",
    "setsid",
    "sh",
    "sleep",
    "stat",
    "tail",
)

# Logs its arguments; for `-m venv DIR` it copies itself and a pip there, as a real environment has them.
PYTHON = """#!/bin/sh
echo "python $*" >>"$CALLS"
case "$*" in
    "-m venv "*)
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python"
        { echo '#!/bin/sh'; echo "# $PWD/$3/bin/python"; echo 'exec "${0%/*}/python" -m pip "$@"'; } >"$3/bin/pip"
        chmod 755 "$3/bin/pip" ;;
    *"-m pip install"*) eval "${DURING_PIP:-:}" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout: run its set-up, and read which programs the set-up has called."""

    path: Path
    bin: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of the set-up: PATH has the fake programs only."""
        calls = str(self.path.parent / "calls")
        return {"PATH": str(self.bin), "HOME": str(self.path.parent), "CALLS": calls} | more

    def start(self, *args: str, **more: str) -> subprocess.Popen[str]:
        """Start bootstrap.sh in a new session."""
        return subprocess.Popen(
            [self.bin / "sh", self.path / "bootstrap.sh", *args],
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *args: str, **more: str) -> tuple[int, str]:
        """Run bootstrap.sh to its end; returns exit code and all output."""
        with self.start(*args, **more) as process:
            try:
                out, err = process.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return process.returncode, out + err

    def calls(self) -> list[str]:
        """Return the calls of Python and pip since the last call of this function."""
        log = self.path.parent / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def fake(self, name: str, script: str) -> None:
        """Add a program to this machine, or replace it."""
        program = self.bin / name
        program.unlink(missing_ok=True)
        program.write_text(script)
        program.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a checkout before its first set-up, on a machine with every package, for a user who is not root."""
    made = Checkout(tmp_path / "a checkout", tmp_path / "bin")
    made.path.mkdir()
    made.bin.mkdir()
    for name in ("bootstrap.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, made.path)
    for name in ("setup", "requirements"):
        shutil.copytree(ROOT / name, made.path / name)
    for name in REAL:
        (made.bin / name).symlink_to(shutil.which(name) or pytest.fail(f"no {name} on this machine"))
    for name in ("make", "gcc", "cc"):
        made.fake(name, "#!/bin/sh\n")
    made.fake("id", "#!/bin/sh\necho 1000\n")
    made.fake("python3", PYTHON)
    made.fake("dpkg-query", f"#!/bin/sh\nfor each in {PACKAGES}; do echo $each=installed; done\n")
    return made
