from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssosim.kerberos.free_ports import find_free_address
from tests.processes import is_running, read_name

LAB = Path(__file__).parents[2] / "kdc-lab"


class Make:
    """``make -C kdc-lab`` with a state directory and a port of its own."""

    def __init__(self, directory: Path, lab: Path = LAB) -> None:
        self.state = directory / "state of the realm"
        self.lab = lab
        self.listen = str(find_free_address(None, 0))
        self.front: subprocess.Popen[str] | None = None
        self.as_user: list[str] = []

    def command(self, *targets: str) -> list[str]:
        """The command line."""
        settings = (f"STATE={self.state}", f"LISTEN={self.listen}")
        return [*self.as_user, "make", "--no-print-directory", "-C", str(self.lab), *targets, *settings]

    def run(self, target: str) -> subprocess.CompletedProcess[str]:
        """Run a target to its end."""
        return subprocess.run(
            self.command(target), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )

    def up(self) -> list[str]:
        """Start in the background; the lines of the announcement."""
        self.front = subprocess.Popen(
            self.command("up"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.front.stdout is not None
        lines = []
        for line in self.front.stdout:
            lines.append(line.strip())
            if line.strip().startswith("kvno"):
                break
        return lines

    @property
    def pid(self) -> int:
        """The KDC's process id."""
        return int((self.state / "pid").read_text())

    def close(self) -> None:
        """End whatever is left."""
        if self.front is not None:
            if self.front.poll() is None:
                os.killpg(self.front.pid, signal.SIGKILL)
            self.front.wait()
            assert self.front.stdout is not None
            self.front.stdout.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A lab that is ended whatever happens."""
    lab = Make(tmp_path)
    yield lab
    lab.close()


def runs(pid: int) -> bool:
    """Whether ``pid`` is a live krb5kdc."""
    return read_name(pid) == "krb5kdc" and is_running(pid)


def ends(pid: int) -> bool:
    """Whether the KDC is gone within two seconds."""
    deadline = time.monotonic() + 60
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not runs(pid)


def test_what_it_prints_works(make: Make) -> None:
    """The printed exports and commands, pasted into a shell, get a ticket for the cloud's service."""
    lines = [line for line in make.up() if line.startswith(("export", "kinit", "kvno"))]
    password = lines[2].split("password: ")[1]
    lines[2] = f"echo {password} | kinit alice"
    result = subprocess.run(["sh", "-ec", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert "HTTP/autologon.microsoftazuread-sso.com@CORP.CONTOSO.COM: kvno = 1" in result.stdout, result.stderr


def test_second_up_is_a_clear_message(make: Make) -> None:
    """Starting twice says that it runs, where, and how to end it; the first goes on."""
    make.up()
    second = make.run("up")
    assert second.returncode != 0
    assert f"already running, pid {make.pid}" in second.stdout
    assert runs(make.pid)


def test_taken_port_is_a_clear_message(make: Make, tmp_path: Path) -> None:
    """A port that another program holds is named, and nothing is started."""
    make.up()
    other = Make(tmp_path / "other")
    other.state.parent.mkdir()
    other.listen = make.listen
    result = other.run("up")
    assert "is in use by another program" in result.stdout
    assert result.returncode != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_no_kdc_is_left(make: Make, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM, a closed terminal and kill -9 of make leave no krb5kdc behind, and up works again."""
    make.up()
    pid = make.pid
    assert runs(pid)
    assert make.front is not None
    if number in (signal.SIGINT, signal.SIGHUP):
        # The terminal sends these to everything in its foreground.
        os.killpg(make.front.pid, number)
    else:
        make.front.send_signal(number)
    make.front.wait(timeout=60)
    assert ends(pid)
    make.close()
    assert make.up()[0].startswith("Realm CORP.CONTOSO.COM answers on")


def test_down_status_clean(make: Make) -> None:
    """Status says whether it runs, down ends it, clean removes the state and refuses while it runs."""
    assert "not running" in make.run("status").stdout
    make.up()
    status = make.run("status")
    assert status.returncode == 0
    assert f"pid {make.pid}, {make.listen}" in status.stdout
    assert "still running" in make.run("clean").stdout
    assert make.run("down").stdout == "ended\n"
    assert "not running" in make.run("down").stdout
    make.run("clean")
    assert not make.state.exists()


def test_kdc_that_dies_is_reported(make: Make) -> None:
    """When krb5kdc is killed, make ends too and says so."""
    make.up()
    os.kill(make.pid, signal.SIGKILL)
    assert make.front is not None
    assert make.front.stdout is not None
    assert "krb5kdc ended unexpectedly, exit code 137" in make.front.stdout.read()
    assert make.front.wait(timeout=60) != 0


def test_state_is_for_the_owner_only(make: Make) -> None:
    """Nobody else can read the keys."""
    make.up()
    assert make.state.stat().st_mode & 0o077 == 0
    assert all(entry.stat().st_mode & 0o077 == 0 for entry in make.state.iterdir())


def test_mistake_in_the_principals_is_shown(make: Make, tmp_path: Path) -> None:
    """A wrong line in principals.kadmin stops the start with the tool's complaint."""
    make.lab = tmp_path / "lab"
    shutil.copytree(LAB, make.lab, ignore=shutil.ignore_patterns(".state"))
    with (make.lab / "principals.kadmin").open("a") as file:
        file.write("addprink someone\n")
    result = make.run("up")
    assert 'principals.kadmin: kadmin.local: Unknown request "addprink"' in result.stdout
    assert result.returncode != 0


def test_changed_principals_count_at_the_next_up(make: Make, tmp_path: Path) -> None:
    """After an edit of principals.kadmin the next up makes the database anew; without one it is kept."""
    make.lab = tmp_path / "lab"
    shutil.copytree(LAB, make.lab, ignore=shutil.ignore_patterns(".state"))
    make.up()
    stash = (make.state / "stash").read_bytes()
    make.run("down")
    make.close()
    make.up()
    assert (make.state / "stash").read_bytes() == stash
    make.run("down")
    make.close()
    with (make.lab / "principals.kadmin").open("a") as file:
        file.write("addprinc -clearpolicy -pw secret zoe\n")
    make.up()
    assert (make.state / "stash").read_bytes() != stash


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests here already run as an ordinary user")
def test_ordinary_user(make: Make, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An ordinary user without /usr/sbin on the PATH can run the realm, and is told when the state is not his."""
    make.lab = Path(shutil.copytree(LAB, f"/tmp/kdc-lab-{os.getpid()}", ignore=shutil.ignore_patterns(".state")))  # noqa: S108
    make.lab.chmod(0o755)
    try:
        nobody = pwd.getpwnam("nobody")
        make.as_user = ["setpriv", f"--reuid={nobody.pw_uid}", "--clear-groups", "env", "PATH=/usr/bin:/bin"]
        make.state = tmp_path_factory.getbasetemp() / "roots"
        assert "cannot be written by nobody" in make.run("up").stdout
        make.state = make.lab / "own"
        make.state.mkdir()
        os.chown(make.state, nobody.pw_uid, nobody.pw_gid)
        assert make.up()[0].startswith("Realm CORP.CONTOSO.COM answers on")
        assert Path(f"/proc/{make.pid}").stat().st_uid == nobody.pw_uid
        assert make.run("down").stdout == "ended\n"
    finally:
        make.close()
        shutil.rmtree(make.lab)


@pytest.mark.parametrize("kind", ["folder", "with a lock", "link", "file", "empty name"])
def test_a_directory_of_the_users_is_refused(make: Make, tmp_path: Path, kind: str) -> None:
    """Files are overwritten and removed by name, so only a directory that was made here, or an empty one, is used."""
    own = tmp_path / "own"
    own.mkdir()
    for name in ("my.keytab", "krb5.conf", "principal-notes", "made"):
        (own / name).write_text("kept")
    match kind:
        case "folder":
            make.state = own
        case "with a lock":
            make.state = own
            (own / "lock").write_text("kept")
        case "link":
            make.state = tmp_path / "link"
            make.state.symlink_to(own)
        case "file":
            make.state = own / "made"
        case "empty name":
            make.state = ""  # type: ignore[assignment]
    before = {path.name: path.read_text() for path in own.iterdir()}
    mine = (LAB / "kdc.conf").read_text()
    for target in ("up", "clean", "down", "status"):
        result = make.run(target)
        assert result.returncode != 0
        assert f"kdc-lab: {make.state or 'STATE is empty'}" in result.stdout
        assert {path.name: path.read_text() for path in own.iterdir()} == before
    assert (LAB / "kdc.conf").read_text() == mine


def test_an_empty_directory_is_used_and_cleaned(make: Make) -> None:
    """A directory that the user has made for it is as good as a new one, and private from then on."""
    make.state.mkdir(mode=0o755)
    assert make.run("clean").returncode == 0
    assert make.state.is_dir()
    make.up()
    assert make.state.stat().st_mode & 0o777 == 0o700
    make.run("down")
    assert make.run("clean").returncode == 0
    assert not make.state.exists()
