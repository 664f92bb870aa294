"""``ssosim exec``: any program, unchanged, on a device of its own."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

URL = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -INT $$", 130)],
)
def test_the_exit_code_is_the_programs(running, script, code):
    """A program's exit code comes through as it is, and 128 + n where signal n ended it."""
    assert running.run("exec", "--", "sh", "-c", script).returncode == code


@pytest.mark.parametrize(
    ("program", "code"), [("no-such-program", 127), ("/etc/hostname", 126), ("/usr", 126), ("", 127)]
)
def test_what_cannot_be_run_has_a_shells_exit_code(running, program, code):
    """127 for a program that is not there, 126 for one that cannot be executed, with one line that says so."""
    done = running.run("exec", "--", program)
    assert done.returncode == code
    assert done.stderr.startswith("ssosim exec: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("program", "code"), [("no-such-program", 127), ("not-executable", 126)])
def test_a_folder_of_path_that_may_not_be_entered_is_skipped(running, tmp_path, program, code):
    """A program in no folder of PATH is not found (127), also where PATH has a folder that may not be entered."""
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "open").mkdir()
    (tmp_path / "open/not-executable").touch(mode=0o644)
    tmp_path.chmod(0o755)
    path = f"{tmp_path}/closed:{tmp_path}/open:{os.environ['PATH']}"
    done = running.run("exec", "--", program, env={"PATH": path})
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr


def test_a_program_inherits_nothing_of_the_labs(running):
    """Neither a program nor the KDC holds the lab's lock, its pipes or its socket: three streams, no more."""
    fds = running.run("exec", "--", "sh", "-c", "cd /proc/self/fd; for fd in *; do readlink $fd; done").stdout
    assert len(fds.split()) in (3, 4), fds  # the shell may hold the folder that it lists
    assert "labs/default" not in fds
    (kdc,) = [pid for pid, line in running.processes().items() if line.startswith(b"/usr/sbin/krb5kdc")]
    held = {str(path.readlink()) for path in Path(f"/proc/{kdc}/fd").iterdir()}
    assert not [name for name in held if name.endswith(("/lock", "/control.sock", "/trace.jsonl", "/lab.log"))]


def test_without_a_program_the_usage_is_shown(running):
    """``exec`` alone, or with an empty ``--``, is a mistake of usage."""
    for words in (["exec"], ["exec", "--"]):
        done = running.run(*words)
        assert (done.returncode, "no program is given" in done.stderr) == (125, True)


def test_input_and_outputs_pass_through(running):
    """Standard input, output and error are the program's own, byte for byte."""
    data = bytes(range(256)) * 1000
    done = subprocess.run(
        [sys.executable, "-m", "ssosim", "exec", "--", "sh", "-c", "echo oops >&2; cat"],
        env=running.environment(),
        input=data,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.stderr) == (data, b"oops\n")


def test_the_program_is_where_and_who_it_would_be_outside(running, tmp_path):
    """Same directory, same user and group, same environment but for the device's settings and without any proxy."""
    env = {"MINE": "kept", "HTTPS_PROXY": "http://proxy:1", "http_proxy": "http://proxy:1", "ALL_PROXY": "x"}
    done = running.run("exec", "--", "sh", "-c", "pwd; id -u; id -g; env", cwd=tmp_path, env=env)
    where, uid, gid, *environment = done.stdout.splitlines()
    assert (where, int(uid), int(gid)) == (str(tmp_path), os.getuid(), os.getgid())
    known = dict(line.split("=", 1) for line in environment if "=" in line)
    assert (known["MINE"], known["SSOSIM_LAB"]) == ("kept", "default")
    assert known["KRB5CCNAME"].startswith(f"FILE:{running.home}/labs/default/devices/")
    assert not [name for name in known if name.lower().endswith("_proxy")]


def test_a_directory_that_is_gone_does_not_matter(running, tmp_path):
    """Started in a directory that was removed, the program runs all the same."""
    done = subprocess.run(
        ["sh", "-c", f"mkdir gone && cd gone && rmdir ../gone && {sys.executable} -m ssosim exec -- echo here"],
        env=running.environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr


def test_a_device_has_its_own_user(running):
    """``--device`` chooses who is signed on; outside the company's network there is no KDC and no ticket."""
    klist = running.run("exec", "--device", "desk-2", "--", "klist")
    assert "bob@CORP.CONTOSO.COM" in klist.stdout
    laptop = running.run("exec", "--device", "laptop-1", "--", "klist")
    assert (laptop.returncode, "No credentials cache" in laptop.stderr) == (1, True)
    trace = ("env", "KRB5_TRACE=/dev/stderr", "kinit", "alice@CORP.CONTOSO.COM")
    kinit = running.run("exec", "--device", "laptop-1", "--", *trace)
    assert "Cannot contact any KDC" in kinit.stderr
    assert "stream 10.10.0.88:88" in kinit.stderr
    assert "Sending initial UDP request" not in kinit.stderr, "there is no route: kinit can send nothing to wait for"
    curl = ["curl", "-sS", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}", URL]
    assert running.run("exec", "--device", "laptop-1", "--", *curl).stdout == "401"


@pytest.mark.parametrize(
    ("device", "upn", "password"),
    [
        ("desk-1", "alice@contoso.com", "Alice-lab-password-1"),
        ("desk-3", "frank@fabrikam.com", "Frank-lab-password-1"),
    ],
)
def test_a_program_knows_who_is_signed_on(running, device, upn, password):
    """Name and lab password are in the environment, for programs that sign in by password; in no argument."""
    script = "echo $SSOSIM_USER $SSOSIM_PASSWORD; cat /proc/[0-9]*/cmdline"
    done = running.run("exec", "--device", device, "--", "sh", "-c", script)
    first, _, arguments = done.stdout.partition("\n")
    assert first == f"{upn} {password}"
    assert password not in arguments


def test_an_unknown_device_is_a_mistake_of_usage(running):
    """The message lists the devices; exit code 125, which is no program's."""
    done = running.run("exec", "--device", "desk-9", "--", "true")
    assert done.returncode == 125
    assert "'desk-9'" in done.stderr
    assert "known: desk-1, desk-2, desk-3, laptop-1" in done.stderr


def test_the_trace_knows_a_program_by_its_label(running):
    """``--as`` names the program in the trace; without it the program's own name, numbered."""
    running.run("exec", "--as", "my client", "--", "sh", "-c", "getent hosts login.windows.net; exit 3")
    mine = [record for record in running.records() if record["client"] == "my client"]
    assert ("DnsAnswered", "login.windows.net") in {(r["event"], r.get("name")) for r in mine}
    assert (mine[-1]["event"], mine[-1]["program"], mine[-1]["exit_code"]) == ("ClientFinished", "sh", 3)


def test_what_a_program_leaves_running_ends_with_it(running):
    """Neither setsid nor a double fork lets a program outlive its ``exec``."""
    script = "setsid -f sleep 424243; (sleep 424243 & ); nohup sleep 424243 >/dev/null 2>&1 & exit 0"
    assert running.run("exec", "--", "sh", "-c", script).returncode == 0
    assert not [line for line in running.processes().values() if b"sleep 424243" in line]


def test_a_killed_exec_takes_its_program_along(running):
    """Kill -9 of ``exec`` ends the program and what it started."""
    process = running.popen("exec", "--", "sh", "-c", "setsid -f sleep 424244; echo up; sleep 424244")
    assert process.stdout.readline() == b"up\n"
    process.kill()
    process.wait()
    end = time.monotonic() + 60
    while (left := [n for n in running.processes().values() if b"sleep 424244" in n]) and time.monotonic() < end:
        time.sleep(0.01)
    assert left == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_forwarded(running, number):
    """A signal to ``exec`` reaches the program, which may take its time and choose its exit code."""
    script = f"trap 'echo bye; exit 12' {number.name.removeprefix('SIG')}; echo up; while :; do sleep 0.05; done"
    process = running.popen("exec", "--", "sh", "-c", script)
    assert process.stdout.readline() == b"up\n"
    process.send_signal(number)
    assert process.wait(60) == 12
    assert process.stdout.read() == b"bye\n"


def test_the_terminal_is_the_programs(running):
    """On a terminal, Ctrl-C goes to the program and not to ``exec``, whose exit code is still the program's."""
    words = ["sh", "-c", "trap 'exit 9' INT; test -t 0 && echo up; while :; do sleep 0.05; done"]
    pid, terminal = pty.fork()
    if pid == 0:
        ssosim = [sys.executable, "-m", "ssosim"]
        os.execve(sys.executable, [*ssosim, "exec", "--", *words], running.environment())  # noqa: S606 - our own
    assert os.read(terminal, 100) == b"up\r\n"
    os.write(terminal, b"\x03")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 9


def test_there_is_no_way_out(running):
    """A public address is unreachable at once, by IPv4 and IPv6, TCP and UDP; an outside name does not exist."""
    script = (
        "import socket as s, sys\n"
        "for family, kind, to in ((2, 1, '1.1.1.1'), (2, 2, '8.8.8.8'), (10, 1, '2606:4700:4700::1111')):\n"
        "    try: s.socket(family, kind).connect((to, 53)); print('reached', to)\n"
        "    except OSError as error: print(error.errno)\n"
        "try: s.getaddrinfo('www.example.org', 443)\n"
        "except s.gaierror as error: print(error.errno == s.EAI_NONAME)\n"
    )
    done = running.run("exec", "--", sys.executable, "-c", script)
    assert done.stdout.split() == ["101", "101", "101", "True"], done.stderr  # at once: a lost packet ends with 110


def test_programs_do_not_see_each_other(running):
    """A program's processes and network interfaces are its own."""
    one = running.popen("exec", "--", "sh", "-c", "echo up; sleep 424245")
    assert one.stdout.readline() == b"up\n"
    seen = running.run("exec", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
    assert "sleep 424245" not in seen
    addresses = running.run("exec", "--", "ip", "-o", "-4", "addr").stdout
    assert [line.split()[1] for line in addresses.splitlines()] == ["lo", "eth0"]
    one.kill()
