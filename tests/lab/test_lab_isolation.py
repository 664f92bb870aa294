"""No packet of a program leaves the private network, and none of the outside's abstract sockets is in reach."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssosim.kerberos.free_ports import bind_pair

ESCAPE = str(Path(__file__).with_name("escape.py"))
PUBLIC = ("1.1.1.1", "198.51.100.77", "2606:4700:4700::1111")


def of_the_machine():
    """The machine's own addresses and its default gateways."""
    shown = subprocess.run(["ip", "-j", "addr"], capture_output=True, text=True, check=True).stdout
    links = [each for each in json.loads(shown) if each["ifname"] != "lo"]
    own = [a["local"] for link in links for a in link["addr_info"] if a["scope"] == "global"]
    routes = json.loads(
        subprocess.run(["ip", "-j", "route"], capture_output=True, text=True, check=True).stdout or "[]"
    )
    return own, [route["gateway"] for route in routes if route["dst"] == "default" and "gateway" in route]


class Outside:
    """Listens on the machine, outside of any lab: UDP, TCP, raw ICMP where allowed, and an abstract Unix socket."""

    def __init__(self, mark):
        self.mark, self.sockets = mark, list(bind_pair("::", 0))
        self.own, self.gateways = of_the_machine()
        for each in self.sockets:
            assert not each.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), "it hears IPv4 as well"
        self.port = self.sockets[0].getsockname()[1]
        abstract = self._add(socket.AF_UNIX, socket.SOCK_STREAM)
        abstract.bind("\0" + mark)
        abstract.listen()
        with contextlib.suppress(PermissionError):
            self._add(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)

    def _add(self, *kind):
        made = socket.socket(*kind)
        made.setblocking(False)
        self.sockets.append(made)
        return made

    def seen(self, patience=0.5):
        """Whatever came that is not of somebody else: connections, datagrams with the mark, echo requests like ours."""
        found, end = [], time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            for ready in select.select(self.sockets, [], [], left)[0]:
                if ready.type is socket.SOCK_STREAM:
                    connection, peer = ready.accept()
                    connection.close()
                    found.append(peer or "abstract")
                    continue
                data, peer = ready.recvfrom(2048)
                if self.mark.encode() in data or (
                    ready.family is socket.AF_INET and data[20:28] == b"\x08\0\xf7\xff\0\0\0\0"
                ):
                    found.append(peer)
        return found


@pytest.fixture
def outside():
    """The listener."""
    made = Outside(f"escaped-{os.getpid()}-{time.monotonic_ns()}")
    yield made
    for each in made.sockets:
        each.close()


def test_the_listener_hears_what_is_sent_outside(outside):
    """The same program, run on the machine itself, is heard by every way: what follows could fail."""
    if not outside.own:
        pytest.skip("this machine has no address but loopback")
    words = [outside.mark, str(outside.port), outside.own[0]]
    subprocess.run([sys.executable, ESCAPE, "--gently", *words], capture_output=True, timeout=60, check=True)
    seen = outside.seen()
    assert seen.count("abstract") == 1
    assert len([peer for peer in seen if len(peer) == 4]) == 2, "one connection, one datagram"
    if os.geteuid() == 0:
        assert [peer for peer in seen if len(peer) == 2], "an echo request"


@pytest.mark.parametrize("more", [[], ["--ipv6"]], ids=["ipv4", "dual"])
def test_no_packet_leaves_the_lab(running, outside, more):
    """Not to public addresses, not to the machine's own nor its gateway; by sockets, hand-made packets and frames."""
    addresses = [*PUBLIC, *outside.own, *outside.gateways]
    words = ["exec", "--deadline", "50", *more, "--", sys.executable, ESCAPE, outside.mark, str(outside.port)]
    done = running.run(*words, *addresses)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert outside.seen() == []


def test_no_packet_of_an_ordinary_users_program_leaves_the_lab(as_user, outside):
    """The same for a lab without privileges."""
    assert as_user("up", "--detach").returncode == 0
    addresses = [*PUBLIC, *outside.own, *outside.gateways]
    done = as_user(
        "exec", "--deadline", "50", "--", sys.executable, ESCAPE, outside.mark, str(outside.port), *addresses
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert outside.seen() == []


def test_a_program_cannot_reach_another_device(running):
    """Devices reach the lab's hosts only, not each other."""
    one = running.popen("exec", "--", "sh", "-c", "ip -o -4 addr show eth0; exec sleep 60")
    address = one.stdout.readline().split()[3].decode().partition("/")[0]
    script = f"import socket as s; s.create_connection(({address!r}, 9), 2)"
    done = running.run("exec", "--", sys.executable, "-c", script)
    assert "Network is unreachable" in done.stderr
    one.kill()


def test_sockets_in_the_file_system_are_not_held_back(running, tmp_path):
    """What ARCHITECTURE.md says of the file system goes for Unix sockets with a path: a program runs as its owner."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        script = f"import socket as s; s.socket(s.AF_UNIX).connect({str(tmp_path / 'socket')!r})"
        assert running.run("exec", "--", sys.executable, "-c", script).returncode == 0
