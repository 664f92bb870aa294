"""How long ``ssosim status`` waits for a lab: its process decides, not the time."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from ssosim.cli import status

PROGRAMS = {"works": "print(1, flush=True)\nwhile True: pass", "sleeps": "print(1, flush=True)\ninput()"}


@dataclass
class Folder:
    """The folder of a lab, as far as the command reads it."""

    name: str
    pid: int

    def read_facts(self) -> dict[str, Any]:
        """The facts of the lab."""
        return {"pid": self.pid}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_lab_that_works_is_waited_for(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab that takes long is answered for while its process works; one that only sleeps is given up."""
    monkeypatch.setattr(status, "_LOOK_S", 0.01)
    released, answer = threading.Event(), object()

    def request(_: Any) -> object:
        released.wait(1.5 if kind == "works" else 60)  # five times as long as the looks at a quiet process take
        return answer

    monkeypatch.setattr(status, "_request_status", request)
    command = [sys.executable, "-c", PROGRAMS[kind]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = status._request_all([Folder("slow", process.pid)])  # type: ignore[list-item]
        released.set()
        process.kill()
    assert found == ({"slow": answer} if kind == "works" else {})
