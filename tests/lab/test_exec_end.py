"""``ssosim exec`` ends without taking the interpreter apart, and ``ip`` is run without the module subprocess."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ssosim.lab.base.errors import LabError, PrerequisiteError
from ssosim.lab.base.ip_command import run_ip

PROGRAM = """
import atexit, sys
from ssosim.cli import main
class Kept:
    def __del__(self): print("taken apart")
sys.kept = Kept()
atexit.register(print, "at exit")
sys.argv[1:] = ["exec", "--name", "none", "--", "true"]
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="labs are for Linux")
def test_exec_ends_at_once(tmp_path: Path) -> None:
    """Functions of atexit are called, output and exit code arrive, and objects are not destroyed one by one."""
    environment = {"SSOSIM_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (125, "at exit\n")
    assert 'no lab "none" is up' in done.stderr


def _put_ip(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "ip"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_ip_gets_all_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands are the standard input of ``ip``, also if they are longer than a pipe holds."""
    _put_ip(tmp_path, monkeypatch, f'cat > "{tmp_path}/got"')
    lines = [f"route add 10.0.{number // 256}.{number % 256} dev lo" for number in range(5000)]
    run_ip(lines)
    assert (tmp_path / "got").read_text(encoding="ascii").splitlines() == lines


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo no such device >&2; exit 1", "no such device"),
        ("exit 3", "ended with exit code 3"),
        ("kill -TERM $$", "was killed (signal 15)"),
        ("head -c 200000 /dev/zero | tr '\\0' x; exit 1", "xxx"),
    ],
)
def test_failures_of_ip_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: str) -> None:
    """A failure has the text of ``ip``, or says how it ended."""
    _put_ip(tmp_path, monkeypatch, script)
    with pytest.raises(LabError) as caught:
        run_ip(["link set lo up"])
    assert expected in str(caught.value)


def test_missing_ip_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ``ip`` the message names the package."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrerequisiteError, match="iproute2"):
        run_ip(["link set lo up"])
