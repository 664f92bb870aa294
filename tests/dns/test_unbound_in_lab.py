"""Debian's unbound inside a lab as its programs' resolver: curl ends as it does when it asks the lab itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import pytest

AUTOLOGON = "autologon.microsoftazuread-sso.com"
URL = f"https://{AUTOLOGON}/contoso.com/winauth/sso"
LAB_DNS, UNBOUND = "10.10.0.53", "192.0.2.10"
CORP = '\n[[resolvers]]\nname = "corp"\naddress = "10.10.0.54"\n'
CONF = """
server:
  interface: {address}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  do-daemonize: no
  do-ip6: no
  module-config: "iterator"
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
  do-not-query-localhost: no
  local-zone: "10.in-addr.arpa." nodefault
  local-zone: "2.0.192.in-addr.arpa." nodefault
stub-zone:
  name: "."
  stub-addr: 198.18.0.1
  stub-prime: no
"""
"""The root is a stub zone: unbound 1.26 does not use the addresses of the root that it has cached with a TTL of 0."""

Ssosim = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def ssosim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssosim]:
    """The command line, with a lab up in its private network and unbound in it at the login host's port 53."""
    program = shutil.which("unbound", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        pytest.skip("unbound is not installed: ./bootstrap.sh dev")
    folder = tmp_path_factory.mktemp("unbound-lab")
    estate = folder / "mine.toml"
    estate.write_text(resources.files("ssosim.estate").joinpath("contoso.toml").read_text() + CORP)
    environment = {**os.environ, "SSOSIM_HOME": str(folder / "home")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ssosim", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)

    started = run("up", "--detach", "--estate", str(estate))
    assert started.returncode == 0, started.stderr
    (folder / "unbound.conf").write_text(CONF.format(address=UNBOUND, folder=folder))
    unbound = subprocess.Popen([*inside(folder), program, "-d", "-c", str(folder / "unbound.conf")])
    try:
        run.etc = folder / "etc"  # type: ignore[attr-defined]
        run.etc.mkdir()  # type: ignore[attr-defined]
        for _ in range(100):
            if run("exec", "--", "dig", "+tries=1", "+time=1", f"@{UNBOUND}", AUTOLOGON).returncode == 0:
                break
            time.sleep(0.1)
        yield run
    finally:
        unbound.terminate()
        unbound.wait()
        run("down")


def inside(folder: Path) -> list[str]:
    """What runs a command in the namespaces of the lab itself."""
    pid = json.loads((folder / "home" / "labs" / "default" / "lab.json").read_text())["pid"]
    own = Path("/proc/self/ns/user").readlink() == Path(f"/proc/{pid}/ns/user").readlink()
    return ["nsenter", "-t", str(pid), *([] if own else ["-U", "--preserve-credentials"]), "-n", "-m"]


def outcome(ssosim: Ssosim, server: str) -> tuple[int, str]:
    """Curl's exit code and the status of a silent sign-in, with that server in resolv.conf."""
    if server == UNBOUND:
        time.sleep(1.1)  # it counts in whole seconds: what it has just heard is good until this one ends
    folder: Path = ssosim.etc  # type: ignore[attr-defined]
    (folder / "resolv.conf").write_text(f"nameserver {server}\n")
    curl = ["curl", "-s", "--max-time", "20", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}", URL]
    done = ssosim("exec", "--etc", str(folder), "--as", f"curl-{server}", "--", *curl)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ((), (0, "200")),
        (("traffic-manager-deleted", "profile=aadg-autologon"), (6, "000")),
        (("cname-for-alias", f"name={AUTOLOGON}", "profile=aadg-autologon"), (0, "401")),
        (("name-removed", f"name={AUTOLOGON}"), (6, "000")),
        (("wrong-address", f"name={AUTOLOGON}", "address=192.0.2.30"), (7, "000")),
        # The last: unbound keeps a SERVFAIL for five seconds.
        (("servfail", f"names={AUTOLOGON}"), (6, "000")),
    ],
    ids=["healthy", "emptied", "cname", "nxdomain", "wrong-address", "servfail"],
)
def test_curl_ends_alike_behind_unbound(ssosim: Ssosim, fault: tuple[str, ...], expected: tuple[int, str]):
    """TMS9-020, TMS9-082: healthy, emptied, CNAME and the rest have one outcome, behind a real resolver and without."""
    if fault:
        applied = ssosim("fault", "apply", *fault)
        assert applied.returncode == 0, applied.stderr
    try:
        direct, through = outcome(ssosim, LAB_DNS), outcome(ssosim, UNBOUND)
    finally:
        ssosim("fault", "undo", "all")
    assert (direct, through) == (expected, expected)


def test_curl_did_ask_unbound(ssosim: Ssosim):
    """Behind unbound the trace has questions to the name servers, and none by the program itself."""
    outcome(ssosim, UNBOUND)
    lines = [json.loads(line) for line in ssosim("trace", "--json").stdout.splitlines()]
    asked = {(each["client"], each.get("by")) for each in lines if each["event"] == "DnsAnswered"}
    assert any(by and by.startswith("ns") for _, by in asked)
    assert f"curl-{UNBOUND}" not in {client for client, _ in asked}
