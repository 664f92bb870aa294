"""Ctrl-C while a large change is judged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RECORDS = 200_000
CPU_S = 0.7
"""Long after the start of the command (0.25 s where this was set), and long before its end (2.4 s)."""


def cpu_s(pid: int) -> float:
    """The CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("times", [1, 3], ids=["once", "again and again"])
def test_ctrl_c_ends_a_long_check_without_a_word(tmp_path: Path, times: int):
    """Exit code 130, or death by the signal when it is pressed again; no traceback, and no file is written."""
    lines = (f"h{number} A 192.0.2.{number % 256}\n" for number in range(RECORDS))
    text = "$TTL 300\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n" + "".join(lines)
    for side in ("before", "after"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "example.com.zone").write_text(text, encoding="ascii")
    command = [
        sys.executable,
        "-m",
        "ssosim",
        "dns",
        "check",
        "--from",
        "before",
        "--to",
        "after",
        "--markdown",
        "m.md",
    ]
    environment = {**os.environ, "SSOSIM_HOME": str(tmp_path / "state")}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None and cpu_s(process.pid) < CPU_S:
            time.sleep(0.01)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
        out, error = process.communicate()
    assert process.returncode in ((130,) if times == 1 else (130, -signal.SIGINT))
    assert (out, error) == (b"", b"")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "state") == ["after", "before"]
