"""Fixtures of these tests: a device in memory, and a lab of the same estate."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from ssosim_clients.ports import HttpResponse

from ssosim.memory import Engine, MemoryLab
from ssosim.memory.host_device import HostDevice
from ssosim.trace import Event

from .estates import ARM, make_estate

IMDS = "http://169.254.169.254/metadata/identity/oauth2/token"


class Files(dict[str, bytes]):
    """The files that a host has written."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
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

    def imds(self, *, resource: str = ARM, version: str = "2018-02-01", headers: Any = None, **fields: str) -> HttpResponse:
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
