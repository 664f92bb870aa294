"""A full disk and few file descriptors: the reason, the path and the remedy in one line, exit code 3."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ssosim.kerberos import KerberosMissingError, RealmError
from ssosim.lab.base import shortage
from ssosim.lab.base.shortage import explain_os_error, find_full_disk
from ssosim.lab.process.lab_process import encode_start_error
from ssosim.lab.process.status_messages import read_failure

SMALL_DISK = """
mount -t tmpfs -o mode=700,size={size}k none "$1" || exit 77
export SSOSIM_HOME=$1
shift
"$@"
"""


def on_small_disk(folder: Path, octets: int, *words: str, script: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``ssosim`` where the state folder is a file system of ``octets``, in a mount namespace of its own."""
    folder.mkdir()
    own = [] if os.geteuid() == 0 else ["-U", "-r"]
    text = SMALL_DISK.format(size=octets // 1024) + script
    command = ["unshare", *own, "-m", "bash", "-c", text, "bash", str(folder), sys.executable, "-m", "ssosim", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("kib", [16, 32, 64, 128, 256, 512, 768])
def test_a_lab_on_a_full_disk_says_where(tmp_path, kib):
    """Whatever step meets it, the copy of a database, ``kinit`` or ``kdb5_util``: one line, path, remedy, code 3."""
    done = on_small_disk(tmp_path / "s", kib * 1024, "up", "--detach")
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path}/s" in line
    assert "the disk is full" in line
    assert "set SSOSIM_HOME" in line


def test_a_running_lab_says_that_its_disk_is_full(tmp_path):
    """``exec`` needs a folder for its device; the error is not "an internal error", since its log cannot be written."""
    script = """
head -c 99m /dev/zero > $SSOSIM_HOME/fill
"${@:1:3}" exec -- true
echo "exec $?"
rm $SSOSIM_HOME/fill
"${@:1:3}" exec -- true
echo "exec $?"
"${@:1:3}" down
"""
    done = on_small_disk(tmp_path / "s", 8 * 2**20, "up", "--detach", script=script)
    assert "the disk is full" in done.stderr
    assert "internal error" not in done.stderr
    ends = [line for line in done.stdout.splitlines() if line.startswith("exec ")]
    assert ends[0] != "exec 0"
    assert ends[1] == "exec 0"


@pytest.mark.parametrize("limit", [14, 20, 28])
def test_few_descriptors_are_said(bench, limit):
    """The limit, and the command that raises it."""
    done = subprocess.run(
        ["bash", "-c", f'ulimit -n {limit}; exec "$@"', "bash", sys.executable, "-m", "ssosim", "up", "--detach"],
        env=os.environ | {"SSOSIM_HOME": str(bench.home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert f"too many open files: the limit is {limit}" in done.stderr
    assert "ulimit -n" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_with_room_is_not_blamed(tmp_path, monkeypatch):
    """A failure of a Kerberos program, or a missing one, is told as it is while there is room, or no program ran."""
    failure = read_failure(encode_start_error(RealmError("kinit: it failed"), None, (tmp_path,)))
    assert (failure.error, failure.exit_code) == ("kinit: it failed", 2)
    monkeypatch.setattr(shortage.os, "statvfs", lambda _: os.statvfs_result((4096, 4096, 9, 1, 1, 9, 9, 9, 0, 255)))
    assert "the disk is full (4 KiB free" in find_full_disk(tmp_path)
    failure = read_failure(encode_start_error(RealmError("kinit: it failed"), None, (tmp_path,)))
    assert failure.exit_code == 3
    assert failure.error.endswith("(kinit: it failed)")
    missing = read_failure(encode_start_error(KerberosMissingError("krb5kdc", "apt"), None, (tmp_path,)))
    assert "disk" not in missing.error


def test_an_error_of_another_kind_is_not_explained(tmp_path):
    """Only errors of space and descriptors are; a full disk only where it is known which."""
    assert explain_os_error(OSError(errno.EACCES, "x", str(tmp_path)), tmp_path) == ""
    assert explain_os_error(OSError(errno.ENOSPC, "x")) == ""
    assert str(tmp_path) in explain_os_error(OSError(errno.EDQUOT, "x", str(tmp_path / "a" / "b")))
