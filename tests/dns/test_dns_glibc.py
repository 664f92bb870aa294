"""What the C library's resolver makes of our answers, in a network namespace of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

SETUP = """
set -e
ip link set lo up
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
exec "$2" "$3"
"""


def test_getaddrinfo_reports_each_state_by_its_own_error(tmp_path: Path) -> None:
    """TMS9-020: NODATA is EAI_NODATA and NXDOMAIN EAI_NONAME, neither EAI_AGAIN, which is what SERVFAIL gives."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
    script = str(Path(__file__).with_name("in_namespace.py"))
    shell = ["sh", "-c", SETUP, "sh", str(tmp_path), sys.executable, script]
    unshare = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    done = subprocess.run([*unshare, *shell], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "healthy": "192.0.2.20",
        "outside": socket.EAI_NONAME,
        "emptied": socket.EAI_NODATA,
        "servfail": socket.EAI_AGAIN,
    }
