"""Fixtures of these tests: a device in memory, and a lab of the same estate."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from ssosim_clients.ports import HttpResponse

from ssosim.memory import Engine, MemoryLab
from ssosim.memory.host_device import HostDevice
from ssosim.trace import Event

from .applications import PROOFS, write_proofs
from .estates import ARM, TOML, make_estate
from .libraries import find_program

PROGRAM = find_program("python")[1]
CONTOSO = Path(__file__).parents[2] / "ssosim" / "estate" / "contoso.toml"
IMDS = "http://169.254.169.254/metadata/identity/oauth2/token"


class Files(dict[str, bytes]):
    """The files that a host has written."""

    def write(self, name: str, content: bytes, *, readable: bool = True) -> None:
        """Write a file, if the program can read it."""
        if readable:
            self[name] = content

    def remove(self, name: str) -> None:
        """Remove a file."""
        self.pop(name, None)


class Program:
    """A program on a device in memory."""

    def __init__(self, lab: MemoryLab, device: str) -> None:
        self.lab, self.files = lab, Files()
        self.device = HostDevice(lab, "program", device, self.files)
        self.host = self.device.host
        self.variables = self.host.environment()

    def send(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> HttpResponse:
        """Send one request; raises NetworkFailure."""
        run = self.lab.engine.start(self.device.request(method, url, headers, body))
        self.lab.engine.run(watched=run)
        assert run.done
        answer = run.result
        assert answer is not None
        return answer

    def imds(
        self, *, resource: str = ARM, version: str = "2018-02-01", headers: Any = None, **fields: str
    ) -> HttpResponse:
        """Ask IMDS for a token."""
        query = {"api-version": version, "resource": resource, **fields}
        named = urlencode({name: value for name, value in query.items() if value})
        return self.send("GET", f"{IMDS}?{named}", {"Metadata": "true"} if headers is None else headers)

    def app_service(self, *, secret: str | None = None, version: str = "2019-08-01", **fields: str) -> HttpResponse:
        """Ask App Service for a token."""
        own = self.variables["IDENTITY_HEADER"] if secret is None else secret
        query = urlencode({"api-version": version, "resource": ARM, **fields})
        return self.send("GET", f"{self.variables['IDENTITY_ENDPOINT']}?{query}", {"X-IDENTITY-HEADER": own})

    def events(self, kind: type[Event]) -> list[Any]:
        """Return the events of one kind in the trace."""
        return [record.event for record in self.lab.trace if isinstance(record.event, kind)]


def claims_of(answer: HttpResponse) -> dict[str, Any]:
    """Return the claims of the access token in a response."""
    part = json.loads(answer.body)["access_token"].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@pytest.fixture
def lab() -> MemoryLab:
    """A lab in memory."""
    return MemoryLab(Engine(1_790_000_000.0), make_estate())


@pytest.fixture
def on(lab: MemoryLab) -> Callable[[str], Program]:
    """Start a program on a device."""
    return lambda device: Program(lab, device)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A lab with a device of each kind; the tests of this module share it."""
    from tests.conftest import Bench  # noqa: PLC0415 - the class of the fixture ``bench``

    bench = Bench(tmp_path_factory.mktemp("hosts"))
    estate = bench.home / "estate.toml"
    write_proofs(bench.home)
    estate.write_text(CONTOSO.read_text(encoding="utf-8") + TOML + PROOFS, encoding="utf-8")
    done = bench.run("up", "--detach", "--estate", str(estate))
    assert done.returncode == 0, done.stderr
    yield bench
    bench.close()


class Result(dict[str, Any]):
    """What the program printed, with its records of the trace."""

    records: list[dict[str, Any]]
    label: str

    @property
    def error_line(self) -> str:
        """Class and text of the error; empty for a token."""
        return f"{self['error']}: {self['text']}" if "error" in self else ""

    @property
    def statuses(self) -> list[int]:
        """The statuses of the answers of hosts, in their order."""
        return [each["status"] for each in self.events("HttpExchange") if each["step"] == "managed-identity"]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of one kind of event."""
        return [record for record in self.records if record["event"] == kind]


@pytest.fixture
def play_command(hosts: Any, request: pytest.FixtureRequest) -> Callable[..., Result]:
    """Run a command, which prints a line of JSON, on a device; its name in the trace is new each time.

    ``env``: variables of the program; one that is None is not set.
    """

    def run_program(
        name: str, command: list[str], device: str, *, label: str = "", env: Mapping[str, str | None] | None = None
    ) -> Result:
        label = label or f"{name}-{request.node.name[:40]}-{time.monotonic_ns()}"
        unset = [word for variable, value in (env or {}).items() if value is None for word in ("-u", variable)]
        given = [f"{variable}={value}" for variable, value in (env or {}).items() if value is not None]
        before = ["env", *unset, *given] if env else []
        done = hosts.run("exec", "--device", device, "--as", label, "--deadline", "50", "--", *before, *command)
        assert done.stdout, done.stderr
        result = Result(json.loads(done.stdout))
        result.records = [record for record in hosts.records() if record["client"] == label]
        result.label = label
        return result

    return run_program


@pytest.fixture
def play(play_command: Callable[..., Result]) -> Callable[..., Result]:
    """Run the program of a language on a device; ``label`` and ``env`` are those of ``play_command``."""

    def run_program(
        language: str, device: str, *words: str, label: str = "", env: Mapping[str, str | None] | None = None
    ) -> Result:
        return play_command(language, [*find_program(language), *words], device, label=label, env=env)

    return run_program


@pytest.fixture
def run(play: Callable[..., Result]) -> Callable[..., Result]:
    """Run the program for Python on a device; the named arguments are its variables."""

    def run_program(device: str, *words: str, label: str = "", **variables: str) -> Result:
        return play("python", device, *words, label=label, env=variables or None)

    return run_program


@pytest.fixture
def fault(hosts: Any) -> Iterator[Callable[..., None]]:
    """Apply a fault to the lab; all faults are undone after the test."""

    def apply(name: str, *fields: str) -> None:
        done = hosts.run("fault", "apply", name, *fields)
        assert done.returncode == 0, done.stderr

    yield apply
    hosts.run("fault", "undo", "all")
