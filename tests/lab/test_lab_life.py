"""The life of a lab: after any kind of end, no process, mount or file of it is left."""

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import pytest

SLEEPER = "987654"


def ports_in_use():
    """Return the ports that sockets of the machine's network are bound to."""
    lines = [line for kind in ("tcp", "udp") for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    return {int(line.split()[1].split(":")[1], 16) for line in lines}


def lab_pid(bench):
    """Return the process id of the lab's process."""
    return json.loads((bench.home / "labs/default/lab.json").read_text())["pid"]


def parent_pid(pid):
    """Return the process id of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kill_launcher(_bench, process):
    """Send SIGKILL to the command."""
    process.kill()


def kill_lab(bench, _process):
    """Send SIGKILL to the lab's process."""
    os.kill(lab_pid(bench), signal.SIGKILL)


def kill_supervisor(bench, _process):
    """Send SIGKILL to the supervisor, the process between the two."""
    os.kill(parent_pid(lab_pid(bench)), signal.SIGKILL)


def kill_kdc(bench, _process):
    """Send SIGKILL to krb5kdc."""
    (kdc,) = (pid for pid, line in bench.processes().items() if line.startswith(b"/") and b"krb5kdc -n" in line)
    os.kill(kdc, signal.SIGKILL)


def terminate(_bench, process):
    """Send SIGTERM to the command."""
    process.terminate()


def hang_up(_bench, process):
    """Send SIGHUP to the command, as a closing terminal does."""
    process.send_signal(signal.SIGHUP)


@pytest.mark.parametrize(
    ("end", "code", "why"),
    [
        (terminate, 0, b""),
        (hang_up, 0, b""),
        (kill_launcher, -9, b""),
        (kill_lab, 1, b"its process was killed (SIGKILL)"),
        (kill_supervisor, 1, b"its supervisor was killed (SIGKILL)"),
        (kill_kdc, 1, b"krb5kdc was killed (SIGKILL)"),
    ],
)
def test_any_end_leaves_nothing(bench, end, code, why):
    """Whichever process is killed by whatever signal, nothing of the lab or its programs is left, and ``up`` says why.

    A lab without its KDC ends as well: it would blame its clients for sign-ins that it cannot serve.
    """
    process = bench.up()
    program = bench.popen("exec", "--", "sleep", SLEEPER)
    while not any(SLEEPER.encode() in line and b"exec" not in line for line in bench.processes().values()):
        time.sleep(0.01)
        assert program.poll() is None, program.stderr.read()
    end(bench, process)
    assert process.wait(60) == code
    bench.assert_nothing_left()
    assert program.wait(60) == 125
    if why:
        assert b"ended unexpectedly: " + why in process.stderr.read()
    if end is kill_kdc:
        trace = (bench.home / "labs/default/trace.jsonl").read_text()
        assert '"part":"kdc","text":"krb5kdc was killed (SIGKILL)' in trace.replace(": ", ":").replace(", ", ",")


@pytest.mark.parametrize("end", ["ctrl-c", "closed"])
def test_the_end_of_a_terminal_leaves_nothing(bench, end):
    """Ctrl-C at the terminal ends the lab with exit code 0 and says so; closing the terminal ends it as well."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "ssosim", "up"], bench.environment())  # noqa: S606 - our own
    shown = b""
    while not shown.endswith(b"run feb-2025\r\n"):  # its last words: a terminal that is gone takes no output
        shown += os.read(terminal, 4096)
    if end == "ctrl-c":
        os.write(terminal, b"\x03")
        with contextlib.suppress(OSError):  # the end of a terminal reads as an error
            while chunk := os.read(terminal, 4096):
                shown += chunk
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    bench.assert_nothing_left()
    assert os.waitstatus_to_exitcode(status) == 0
    assert (b"nothing is left running" in shown) == (end == "ctrl-c")


def test_a_signal_while_starting_leaves_nothing(bench):
    """Ctrl-C before the lab is ready gives 130 and leaves nothing."""
    process = bench.popen("up")
    while not (bench.home / "labs/default/lab.log").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    bench.assert_nothing_left()
    assert b"Traceback" not in process.stderr.read()


def test_a_kdc_that_is_killed_ends_the_start_at_once(bench):
    """``up`` does not wait for kinit, which asks a KDC that is gone for a quarter of a minute.

    The KDC is killed in the moment in which its database is there and the lab is not ready; the first ticket comes
    through a gateway that goes on. Whether kinit has begun by then is the machine's affair, the reason is always named.
    """
    process = bench.popen("up")
    kdc: list[int] = []
    while not kdc and process.poll() is None:
        kdc = [pid for pid, line in bench.processes().items() if line.startswith(b"/") and b"krb5kdc -n" in line]
    assert kdc, process.stderr.read()
    os.kill(kdc[0], signal.SIGKILL)
    process.wait(60)
    errors = process.stderr.read()
    assert process.returncode == 1, errors
    assert b"krb5kdc was killed (SIGKILL)" in errors or b"krb5kdc ended at once" in errors
    assert b"Cannot contact any KDC" not in errors
    bench.assert_nothing_left()


@pytest.mark.parametrize("kill", [kill_lab, kill_supervisor, kill_kdc])
def test_a_detached_lab_that_is_killed_leaves_nothing(bench, kill):
    """Keys and tickets of a killed lab are removed even if no command waits for it."""
    assert bench.run("up", "--detach").returncode == 0
    assert "tickets" in bench.left()
    kill(bench, None)
    bench.assert_nothing_left()
    assert bench.run("status").returncode == 1


@pytest.mark.parametrize("name", ["ip", "kinit"])
def test_a_killed_tool_fails_the_program_and_not_the_lab(bench, tmp_path, name):
    """``exec`` says which tool was killed; the lab goes on, and serves the next program."""
    tools = tmp_path / "bin"
    tools.mkdir()
    real = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    switch = tmp_path / "kill"
    script = f'#!/bin/sh\nif test -e {switch}; then kill -9 $$; fi\nexec {real} "$@"\n'
    (tools / name).write_text(script)
    (tools / name).chmod(0o755)
    path = {"PATH": f"{tools}:{os.environ['PATH']}"}
    up = bench.run("up", "--detach", env=path)
    assert up.returncode == 0, up.stderr
    switch.touch()
    done = bench.run("exec", "--device", "desk-2", "--", "true", env=path)
    assert done.returncode == 125
    assert f"{name} " in done.stderr
    assert "was killed" in done.stderr
    switch.unlink()
    assert bench.run("exec", "--device", "desk-2", "--", "true", env=path).returncode == 0
    assert bench.run("down").returncode == 0
    bench.assert_nothing_left()


def test_a_detached_lab_serves_until_down(bench):
    """``up --detach`` returns when the lab is ready and lets go of the caller's pipes; ``down`` waits for its end."""
    up = bench.run("up", "--detach", "--json")
    status = json.loads(up.stdout)
    assert (status["state"], status["name"], status["estate"]) == ("up", "default", "contoso")
    assert {part["part"] for part in status["parts"]} == {"kdc", "dns", "login", "autologon", "federation", "user"}
    assert 0 < status["ready_s"] < 10
    assert b"ssosim" in bench.processes()[status["pid"]], "pid is the lab's as the machine counts"
    shown = bench.run("status")
    assert (shown.returncode, shown.stdout.splitlines()[0][:18]) == (0, 'lab "default": up,')
    assert [lab["name"] for lab in json.loads(bench.run("status", "--json").stdout)["labs"]] == ["default"]
    down = bench.run("down", "--json")
    assert (down.returncode, json.loads(down.stdout)) == (
        0,
        {"version": "1", "kind": "down", "name": "default", "stopped": True},
    )
    assert bench.processes() == {}
    bench.assert_nothing_left(timeout_s=0)
    gone = bench.run("status", "--json")
    assert (gone.returncode, json.loads(gone.stdout)["labs"]) == (1, [])
    assert bench.run("down").returncode == 2
    assert bench.run("exec", "--", "true").returncode == 125


def test_labs_of_different_names_run_side_by_side(bench):
    """Two labs at once, each with its own programs; the same name twice is refused and the first goes on."""
    try_it = ["curl", "-sS", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}"]
    try_it.append("https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso")
    assert bench.run("up", "-d", "--name", "one").returncode == 0
    assert bench.run("up", "-d", "--name", "two").returncode == 0
    again = bench.run("up", "-d", "--name", "one")
    assert again.returncode == 2
    assert "is up already" in again.stderr
    for name in ("one", "two"):
        done = bench.run("exec", "--name", name, "--", *try_it)
        assert (done.returncode, done.stdout) == (0, "200"), done.stderr
        assert {r["client"] for r in bench.records(name)} == {"", "curl-1"}
    assert bench.run("down", "--name", "one").returncode == 0
    assert [lab["name"] for lab in json.loads(bench.run("status", "--json").stdout)["labs"]] == ["two"]
    assert bench.run("exec", "--name", "two", "--", *try_it).stdout == "200"


def test_a_program_that_is_missing_is_named(bench):
    """Without krb5kdc, ``up`` says which package brings it, exits with 3 and leaves nothing."""
    hide = 'mount --bind /dev/null "$(readlink -f /usr/sbin/krb5kdc)"; exec "$@"'
    command = [sys.executable, "-m", "ssosim", "up", "-d"]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", hide, "sh", *command],
        env=bench.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "krb5-kdc" in done.stderr
    assert "Traceback" not in done.stderr
    bench.assert_nothing_left()


def test_without_ip_the_command_to_install_it_is_given(bench):
    """A PATH without ``ip`` stops the start half-way, inside the private network: exit code 3, nothing left."""
    done = bench.run("up", "-d", env={"PATH": "/nonexistent"})
    assert (done.returncode, "iproute2" in done.stderr) == (3, True), done.stderr
    bench.assert_nothing_left()


def test_a_kdc_that_dies_at_once_is_reported(bench, tmp_path):
    """A krb5kdc that ends by itself: its exit code is reported, exit code 1, nothing left."""
    fake = tmp_path / "bin" / "krb5kdc"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho no room >&2\nexit 9\n")
    fake.chmod(0o755)
    done = bench.run("up", "-d", env={"PATH": f"{fake.parent}:{os.environ['PATH']}"})
    assert done.returncode == 1
    assert "exit code 9" in done.stderr
    assert "no room" in done.stderr
    assert "Traceback" not in done.stderr
    bench.assert_nothing_left()


def test_a_lab_that_failed_half_way_can_be_started_again(bench, tmp_path):
    """A mistake that shows only while starting ends everything that ran already; the next start is as the first."""
    text = (resources.files("ssosim.estate") / "contoso.toml").read_text()
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace('values = ["10.10.0.53"]', 'values = ["ten"]'))
    done = bench.run("up", "-d", "--estate", str(wrong))
    assert done.returncode == 2, done.stderr
    bench.assert_nothing_left()
    assert bench.run("up", "-d").returncode == 0


def test_an_ordinary_user_needs_no_privilege(as_user):
    """Without root: up, a silent sign-in by curl as the same uid as outside, trace, down; files at home only."""
    up = as_user("up", "--detach")
    assert up.returncode == 0, up.stderr
    assert (as_user.home / ".local/state/ssosim/labs/default/control.sock").exists()
    url = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
    curl = as_user("exec", "--", "curl", "-sS", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}", url)
    assert (curl.returncode, curl.stdout) == (0, "200"), curl.stderr
    who = as_user("exec", "--", "sh", "-c", "id -u; klist | grep principal:; exit 5")
    uid = as_user.home.stat().st_uid
    assert (who.returncode, who.stdout) == (5, f"{uid}\nDefault principal: alice@CORP.CONTOSO.COM\n"), who.stderr
    assert "ticket accepted" in as_user("trace", "--layer", "kerberos").stdout
    assert as_user("down").returncode == 0
    assert {path.name for path in (as_user.home / ".local/state/ssosim/labs/default").iterdir()} == {
        "lab.log",
        "lock",
        "trace.jsonl",
    }


def test_another_users_lab_is_not_open_to_everybody(bench):
    """The control API's socket, the keys and the tickets have no permissions for other users."""
    assert bench.run("up", "-d").returncode == 0
    folder = bench.home / "labs/default"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "control.sock").stat().st_mode & 0o077 == 0


def test_the_machine_keeps_its_own_settings(bench, machine_before, machine_now):
    """A lab changes nothing in /etc, even when a program in it does, and no socket of it listens on the machine."""
    before = ports_in_use()
    assert bench.run("up", "-d").returncode == 0
    assert (ports_in_use() - before) & {53, 88, 443, 8888} == set()
    words = ["sh", "-c", "cat /etc/krb5.conf /etc/resolv.conf; echo mine > /etc/ssosim-probe; cat /etc/ssosim-probe"]
    inside = bench.run("exec", "--", *words).stdout
    assert "CORP.CONTOSO.COM" in inside
    assert "nameserver 10.10.0.53" in inside
    if os.geteuid() == 0:
        assert inside.endswith("mine\n")
    assert not os.path.lexists("/etc/ssosim-probe")
    assert machine_now() == machine_before
    bench.run("down")
    assert machine_now() == machine_before


def test_a_detached_lab_outlives_the_reader_of_its_panel(bench):
    """``ssosim up --detach | head -1`` leaves a lab that runs."""
    for attempt in range(3):
        up = bench.popen("up", "--detach", "--name", f"head-{attempt}", stdout=subprocess.PIPE)
        assert up.stdout is not None
        up.stdout.close()
        up.wait(60)
        assert bench.run("status", "--name", f"head-{attempt}").returncode == 0
        assert bench.run("down", "--name", f"head-{attempt}").returncode == 0
