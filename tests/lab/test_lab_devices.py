"""What is a device's own: its ``/etc``, its name, its queues and shared memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ssosim.lab.program_devices.etc_overlay import host_name

DOMAIN = "corp.contoso.com"


def shell(lab: Any, device: str, script: str, *options: str) -> list[str]:
    """The words that a script on ``device`` prints; it must end well."""
    done = lab.run("exec", "--device", device, *options, "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    return list(done.stdout.split())


def test_what_is_written_under_etc_belongs_to_one_device(running: Any) -> None:
    """New files, changed and removed ones: there for the next program on the device, and for no other device."""
    machine = Path("/etc/passwd").read_bytes()
    script = "echo mine >/etc/new; mkdir /etc/folder; echo x >/etc/folder/y; echo '#more' >>/etc/hosts; rm /etc/shells"
    shell(running, "desk-1", f"touch /etc/shells; {script}")
    look = "cat /etc/new /etc/folder/y; tail -n1 /etc/hosts; test -e /etc/shells || echo none"
    assert shell(running, "desk-1", look) == ["mine", "x", "#more", "none"]
    away = "test ! -e /etc/new && test ! -e /etc/folder && ! grep -q more /etc/hosts && echo clean"
    assert shell(running, "desk-2", away) == ["clean"]
    shell(running, "desk-2", "echo other >/etc/new")
    assert shell(running, "desk-1", "cat /etc/new") == ["mine"]
    assert not Path("/etc/new").exists()
    assert Path("/etc/passwd").read_bytes() == machine


def test_two_programs_at_once_on_a_device_see_the_same_etc(running: Any) -> None:
    """A program sees at once what another one on its device writes."""
    wait = "until test -e /etc/signal; do sleep 0.01; done; cat /etc/signal"
    waiting = running.popen("exec", "--device", "desk-1", "--", "sh", "-c", wait)
    shell(running, "desk-1", "echo seen >/etc/signal.new; mv /etc/signal.new /etc/signal")
    assert waiting.communicate(timeout=60)[0] == b"seen\n"


def test_a_folder_of_etc_lies_over_what_the_device_has(running: Any, tmp_path: Path) -> None:
    """``--etc`` adds to the device's own files for one program, whose writes are its own."""
    (tmp_path / "given").write_text("given\n")
    shell(running, "desk-1", "echo own >/etc/own")
    script = "cat /etc/given /etc/own /etc/hostname; echo more >/etc/own"
    assert shell(running, "desk-1", script, "--etc", str(tmp_path)) == ["given", "own", "desk-1"]
    assert shell(running, "desk-1", "cat /etc/own; test ! -e /etc/given && echo gone") == ["own", "gone"]


@pytest.mark.parametrize("device", ["desk-1", "desk-2"])
def test_a_device_knows_its_name(running: Any, device: str) -> None:
    """``hostname``, ``hostname -f``, /etc/hostname, and Debian's 127.0.1.1 line; the machine keeps its own name."""
    before = os.uname().nodename
    script = "hostname; hostname -f; uname -n; cat /etc/hostname; getent hosts $(hostname)"
    full = f"{device}.{DOMAIN}"
    assert shell(running, device, script) == [device, full, device, device, "127.0.1.1", full, device]
    assert os.uname().nodename == before


PYTHON = "import socket as s; n = s.gethostname(); print(n, s.getfqdn(), s.getaddrinfo(n, 443)[0][4][0])"
JAVA = """
public class Name {
    public static void main(String[] a) throws Exception {
        var here = java.net.InetAddress.getLocalHost();
        System.out.println(here.getHostName() + " " + here.getCanonicalHostName() + " " + here.getHostAddress());
    }
}
"""


@pytest.mark.parametrize("language", ["python", *(["java"] if shutil.which("java") else [])])
def test_a_programs_own_name_resolves(running: Any, tmp_path: Path, language: str) -> None:
    """Getaddrinfo of the own name, as many programs do it at their start."""
    (tmp_path / "Name.java").write_text(JAVA)
    command = {"python": [sys.executable, "-c", PYTHON], "java": ["java", str(tmp_path / "Name.java")]}[language]
    done = running.run("exec", "--device", "desk-2", "--", *command)
    assert done.stdout.split() == ["desk-2", f"desk-2.{DOMAIN}", "127.0.1.1"], done.stderr


@pytest.mark.parametrize(
    ("device", "name"),
    [("desk-1", "desk-1"), ("Alice's PC", "Alice-s-PC"), ("-", "device"), ("x" * 80, "x" * 63), ("bücher", "b-cher")],
)
def test_a_host_name_is_one(device: str, name: str) -> None:
    """RFC 1123 has letters, digits and dashes, 63 at most, and none at the ends."""
    assert host_name(device) == name


QUEUES = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
number = libc.msgget(0x55AA, 0o600 | (0o1000 if sys.argv[1] == "make" else 0))
posix = libc.mq_open(b"/ssosim", os.O_RDWR | (os.O_CREAT if sys.argv[1] == "make" else 0), 0o600, None)
if sys.argv[1] == "make":
    open("/dev/shm/ssosim", "w").close()
print(number >= 0, posix >= 0, os.path.exists("/dev/shm/ssosim"))
"""


def test_queues_and_shared_memory_are_a_programs_own(running: Any) -> None:
    """System V and POSIX message queues and /dev/shm: neither another program, nor the machine, meets them."""

    def run(*words: str) -> list[str]:
        done = running.run("exec", "--", sys.executable, "-c", QUEUES, *words)
        assert done.returncode == 0, done.stderr
        return list(done.stdout.split())

    assert run("make") == ["True", "True", "True"]
    assert run("look") == ["False", "False", "False"]
    command = [sys.executable, "-c", QUEUES, "look"]
    outside = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert outside.stdout.split() == ["False", "False", "False"]


def test_an_ordinary_user_has_the_same(as_user: Any) -> None:
    """Name, files, queues: without any privilege, on two devices."""
    assert as_user("up", "--detach").returncode == 0
    script = f"hostname -f; echo '#mine' >>/etc/hosts && grep -c mine /etc/hosts; {sys.executable} -c '{QUEUES}' make"
    done = as_user("exec", "--device", "desk-1", "--", "sh", "-c", script)
    assert done.stdout.split() == [f"desk-1.{DOMAIN}", "1", "True", "True", "True"], done.stderr
    done = as_user("exec", "--device", "desk-1", "--", "sh", "-c", f"{sys.executable} -c '{QUEUES}' look; id -u")
    assert done.stdout.split()[:3] == ["False", "False", "False"], done.stderr
    done = as_user("exec", "--device", "desk-1", "--", "grep", "-c", "mine", "/etc/hosts")
    assert done.stdout == "1\n"
    done = as_user("exec", "--device", "desk-2", "--", "sh", "-c", "hostname; grep -c mine /etc/hosts; true")
    assert done.stdout.split() == ["desk-2", "0"], done.stderr


REFUSED = """
import os, pathlib, sys
from ssosim.lab.base import linux
from ssosim.lab.program_devices.device_files import write_device_files
from ssosim.lab.program_devices.etc_overlay import overlay_etc

def refuse(*_):
    raise OSError(1, "no overlay here")

uid, gid, home = os.getuid(), os.getgid(), pathlib.Path(sys.argv[1])
linux.overlay = linux.overlay_in = refuse
linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
linux.map_identity(0, 0, uid, gid)
linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
etc = overlay_etc({"hosts": "127.0.0.1 localhost\\n", "not/there": "x"}, home / "etc")

def on(device, text):
    made = etc.of(device, "example.test")
    child = os.fork()
    if child == 0:
        linux.unshare(linux.CLONE_NEWNS)
        write_device_files(home, {**made, "resolv_conf": "", "nss_database": None}, None)
        with open("/etc/hosts", "a+") as hosts:
            hosts.write(text)
            hosts.seek(0)
            print(device, repr(hosts.read()), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

on("one", "1")
on("two", "2")
on("one", "3")
"""


def test_where_overlays_are_refused_files_are_bound(tmp_path: Path) -> None:
    """The files that the machine has are each device's own copies, and stay between two programs."""
    before = Path("/etc/hosts").read_bytes()
    command = [sys.executable, "-c", REFUSED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    lines = "127.0.0.1 localhost\\n127.0.1.1 {0}.example.test {0}\\n::1 localhost\\n{1}"
    assert done.stdout.splitlines() == [
        f"one '{lines.format('one', '1')}'",
        f"two '{lines.format('two', '2')}'",
        f"one '{lines.format('one', '13')}'",
    ], done.stderr
    assert Path("/etc/hosts").read_bytes() == before
