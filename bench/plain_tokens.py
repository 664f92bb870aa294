"""CPU time of a token of the token endpoint, beside a public OAuth mock server on the same core in the same run.

    python bench/plain_tokens.py [--rounds 9] [--reference FOLDER]

The reference is oauth2-mock-server of npm, at ``VERSION``, which npm installs into a temporary folder (or it is in
``FOLDER/node_modules``). Both sign with RS256 and keys of 2048 bits: one signature for client credentials, two for a
refresh. Both servers are pinned to the first core; one load at a time, pinned to the other cores, posts the same kind
of form to either in turns, and every answer is checked. The lab does TLS, checks the client and its permissions and
writes its trace; the reference does plain HTTP and checks nothing. Without npm, or where the reference cannot be
installed, there is one line that says so, and no result.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from harness import SSOSIM, lab_up, print_result, spread, temporary_home
from sign_ins import pin_to_cores

from ssosim.estate import default_estate

VERSION = "8.2.3"
TARGET = 3.0
BLOCK, CONNECTIONS, WARM_UP = 400, 8, 2000
LOGIN, CLI = "login.microsoftonline.com", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
GRAPH = "https://graph.microsoft.com/.default"
_PORT = 18099
_ENTRY = Path("node_modules", "oauth2-mock-server", "dist", "oauth2-mock-server.mjs")


class Server:
    """A server under load: its process, the load program, and the forms for each kind of token."""

    def __init__(self, pid: int, prefix: list[str], host: str, port: int, path: str, *, tls: bool) -> None:
        self.pid, self._path = pid, path
        self.forms: dict[str, dict[str, str]] = {}
        script = str(Path(__file__).with_name("plain_tokens_load.py"))
        self._load = subprocess.Popen(
            [*prefix, sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._request("connect", host=host, port=port, tls=tls, count=CONNECTIONS)

    def _request(self, what: str, **parts: Any) -> Any:
        assert self._load.stdin
        assert self._load.stdout
        self._load.stdin.write(json.dumps({"do": what, **parts}) + "\n")
        self._load.stdin.flush()
        line = self._load.stdout.readline()
        if not line:
            sys.exit(f"the load ended with exit code {self._load.wait()}")
        return json.loads(line)

    def post(self, form: dict[str, str], count: int, expected: tuple[str, ...]) -> Any:
        """Post ``form`` ``count`` times, and return the last answer, which like all has the ``expected`` tokens."""
        return self._request("post", path=self._path, form=form, count=count, expected=expected)

    def measure(self, kind: str) -> float:
        """Return the milliseconds of the server's CPU for one response of this kind."""
        expected = ("access_token",) if kind == "client_credentials" else ("access_token", "id_token", "refresh_token")
        before = read_cpu_s(self.pid)
        self.post(self.forms[kind], BLOCK, expected)
        return (read_cpu_s(self.pid) - before) / BLOCK * 1000

    def end(self) -> None:
        """End the load program."""
        assert self._load.stdin
        self._load.stdin.close()
        self._load.wait(10)


def read_cpu_s(pid: int) -> float:
    """Return the CPU seconds that the threads of the process have used so far."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


@contextlib.contextmanager
def reference_up(folder: Path) -> Iterator[Server]:
    """Run the reference that is installed in ``folder`` for the time of the block."""
    command = ["node", str(folder / _ENTRY), "-a", "127.0.0.1", "-p", str(_PORT)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{_PORT}/.well-known/openid-configuration"):
                break
            if process.poll() is not None:
                sys.exit(f"the reference ended with exit code {process.returncode}")
            time.sleep(0.1)
        server = Server(process.pid, [], "127.0.0.1", _PORT, "/token", tls=False)
        refresh = {"client_id": CLI, "grant_type": "refresh_token", "refresh_token": "x", "scope": "openid"}
        server.forms = {
            "client_credentials": {"client_id": CLI, "client_secret": "x", "grant_type": "client_credentials"},
            "refresh_token": refresh,
        }
        yield server
        server.end()
    finally:
        process.terminate()
        process.wait(10)


def prepare_lab(pid: int) -> Server:
    """Connect to the lab, and sign a user in for a refresh token."""
    estate = default_estate()
    application = next(each for each in estate.applications if each.client_secret)
    server = Server(pid, [SSOSIM, "exec", "--"], LOGIN, 443, f"/{estate.tenants[0].id}/oauth2/v2.0/token", tls=True)
    scope = f"openid profile offline_access {GRAPH}"
    user = next(each for each in estate.users if each.upn == "alice@contoso.com")
    password = {"client_id": CLI, "grant_type": "password", "username": user.upn, "password": user.password}
    answer = server.post({**password, "scope": scope}, 1, ("refresh_token",))
    server.forms = {
        "client_credentials": {
            "client_id": application.client_id,
            "client_secret": str(application.client_secret),
            "grant_type": "client_credentials",
            "scope": GRAPH,
        },
        "refresh_token": {
            "client_id": CLI,
            "grant_type": "refresh_token",
            "refresh_token": answer["refresh_token"],
            "scope": scope,
        },
    }
    return server


def install_reference(folder: Path) -> str:
    """Install the reference into ``folder``; returns why it cannot be had, empty if it is there."""
    if (folder / _ENTRY).exists():
        return ""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "npm and node are not installed"
    command = ["npm", "install", "--no-audit", "--no-fund", f"oauth2-mock-server@{VERSION}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    return "" if done.returncode == 0 else f"npm: {(done.stderr.strip().splitlines() or ['failed'])[-1]}"


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--reference", type=Path, help="the folder in which npm has installed the reference")
    options = parser.parse_args()
    first, *others = sorted(os.sched_getaffinity(0))
    used: dict[str, dict[str, list[float]]] = {"lab": defaultdict(list), "reference": defaultdict(list)}
    ratios: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="ssobench-reference-") as temporary:
        folder = options.reference or Path(temporary)
        if why := install_reference(folder):
            print(f"plain_tokens: skipped, oauth2-mock-server cannot be had: {why}", file=sys.stderr)
            return
        with temporary_home() as home, lab_up(home) as lab, reference_up(folder) as reference:
            os.sched_setaffinity(0, set(others) or {first})  # inherited by the loads
            server = prepare_lab(lab.pid)
            with pin_to_cores(lab.pid, {first}), pin_to_cores(reference.pid, {first}):
                for kind, form in reference.forms.items():  # a just-in-time compiler needs some thousand requests
                    reference.post(form, WARM_UP, ("access_token",))
                    server.post(server.forms[kind], WARM_UP // 4, ("access_token",))
                for _ in range(options.rounds):
                    for kind in server.forms:
                        used["lab"][kind].append(server.measure(kind))
                        used["reference"][kind].append(reference.measure(kind))
                        ratios[kind].append(used["reference"][kind][-1] / used["lab"][kind][-1])
            server.end()
    shares = {kind: spread(each, 2) for kind, each in ratios.items()}
    print_result(
        "plain_tokens",
        figures={f"{kind}_cpu_ms": spread(values) for kind, values in used["lab"].items()},
        reference={
            "what": f"oauth2-mock-server {VERSION} (npm), plain HTTP, same core, same number of signatures",
            **{f"{kind}_cpu_ms": spread(values) for kind, values in used["reference"].items()},
        },
        times_the_reference_by_cpu_time=shares,
        target={"times_the_reference_by_cpu_time": TARGET},
        met=all(each["median"] >= TARGET for each in shares.values()),
    )


if __name__ == "__main__":
    main()
