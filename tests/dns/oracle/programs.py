"""Starts Debian's named and unbound on loopback, and sends questions to them."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dns.message

__all__ = ["Program", "free_port", "run_named", "run_unbound"]

SEARCH = "/usr/sbin:/usr/bin:/usr/local/sbin"
READY_ATTEMPTS = 300
LOOPBACK = "127.0.0.1"

NAMED_CONF = """
options {{
  directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; allow-query {{ any; }}; dnssec-validation no; empty-zones-enable no; notify no;
  minimal-responses yes;  // the lab sends what a stub needs, not what saves a resolver a query
  zero-no-soa-ttl no;     // RFC 2308 section 5 has no other TTL for the question SOA
  check-names primary ignore; check-integrity no; check-mx ignore; check-srv-cname ignore; check-mx-cname ignore;
  check-sibling no; check-wildcard no; check-dup-records ignore; check-spf ignore; max-records-per-type 0;
  rate-limit {{ responses-per-second 0; }}; masterfile-format text;
}};
controls {{ }};
logging {{ channel file {{ file "{folder}/named.log"; severity info; }}; category default {{ file; }}; }};
"""

UNBOUND_CONF = """
server:
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  do-daemonize: no
  do-ip6: no
  module-config: "iterator"
  do-not-query-localhost: no
  minimal-responses: yes
  qname-minimisation: no
  num-threads: 1
  local-zone: "test." nodefault
  local-zone: "invalid." nodefault
  root-hints: "{folder}/root.hints"
"""


@dataclass(frozen=True)
class Program:
    """A running DNS server on loopback."""

    port: int
    version: str
    log: Path

    def ask(self, query: dns.message.Message) -> dns.message.Message:
        """Send one query over UDP, and over TCP if the response is truncated. Raises OSError for silence."""
        wire = query.to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(60)
            udp.connect((LOOPBACK, self.port))
            udp.send(wire)
            response = udp.recv(65535)
        if response[2] & 0x02:
            with socket.create_connection((LOOPBACK, self.port), timeout=60) as tcp, tcp.makefile("rwb") as stream:
                stream.write(struct.pack("!H", len(wire)) + wire)
                stream.flush()
                response = stream.read(struct.unpack("!H", stream.read(2))[0])
        return dns.message.from_wire(response)


def free_port() -> int:
    """A port of 127.0.0.1 that is free over UDP and TCP now."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((LOOPBACK, 0))
            with contextlib.suppress(OSError):
                udp.bind((LOOPBACK, tcp.getsockname()[1]))
                return int(tcp.getsockname()[1])


@contextlib.contextmanager
def run_named(folder: Path, zones: Mapping[str, str]) -> Iterator[Program]:
    """Run named with the zones (file text by origin), which it serves as they stand. Raises OSError."""
    port = free_port()
    conf = NAMED_CONF.format(folder=folder, port=port)
    for number, (origin, text) in enumerate(zones.items()):
        file = folder / f"{number}.zone"
        file.write_text(text)
        conf += f'zone "{origin}" {{ type primary; file "{file}"; }};\n'
    (folder / "named.conf").write_text(conf)
    program = _find("named")
    with _running([program, "-f", "-c", str(folder / "named.conf"), "-n", "1"], folder, port):
        version = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stdout.strip()
        yield Program(port, version, folder / "named.log")


@contextlib.contextmanager
def run_unbound(folder: Path, hints: str, more: str = "") -> Iterator[Program]:
    """Run unbound with the root hints (zone file text) and further lines of its configuration. Raises OSError."""
    port = free_port()
    (folder / "root.hints").write_text(hints)
    (folder / "unbound.conf").write_text(UNBOUND_CONF.format(folder=folder, port=port) + more)
    program = _find("unbound")
    with _running([program, "-d", "-c", str(folder / "unbound.conf")], folder, port):
        version = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stdout.splitlines()[0]
        yield Program(port, version, folder / "unbound.log")


def _find(name: str) -> str:
    program = shutil.which(name, path=SEARCH)
    if program is None:
        raise FileNotFoundError(f"{name} is not installed: ./bootstrap.sh dev")
    return program


@contextlib.contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """Run a server in the foreground until the block ends; the block starts when it answers."""
    environment = {**os.environ, "PATH": SEARCH}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=folder)
    try:
        _wait_until_ready(process, folder, port)
        yield
    finally:
        process.terminate()
        process.wait(timeout=120)


def _wait_until_ready(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    probe = dns.message.make_query("ready.invalid.", "A").to_wire()
    for _ in range(READY_ATTEMPTS):
        if process.poll() is not None:
            break
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            udp.settimeout(0.1)
            udp.connect((LOOPBACK, port))
            udp.send(probe)
            if udp.recv(512):
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise OSError(f"{process.args!r} does not answer: {(folder / 'output').read_text()[-2000:]}")
