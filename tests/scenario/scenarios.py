"""Scenarios of a few lines, for tests of their parts: text of a file, plain data, phases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ssosim.scenario.loader import convert_scenario
from ssosim.scenario.model import Client, Phase, Scenario

__all__ = ["START", "build_scenario", "make_client", "make_phase", "make_text"]

START = datetime(2025, 3, 1, 10, tzinfo=UTC)


def make_text(*, top: str = "", client: str = 'model = "office"', phase: str = "", after: str = "") -> str:
    """Return a scenario file: lines at its top, of its client ``office``, of its phase ``p`` of an hour, and after."""
    return (
        f'name = "s"\ntitle = "t"\nend = 2025-03-01T11:00:00Z\n{top}\n[[clients]]\nname = "office"\n{client}\n'
        f'[[phases]]\nname = "p"\nstart = 2025-03-01T10:00:00Z\n{phase}\n{after}'
    )


def make_phase(**fields: Any) -> Phase:
    """Return a phase called ``p``, with faults and steps as plain data."""
    data = {"name": "p", "start": "2025-03-01T10:00:00Z", **fields}
    return build_scenario(phases=[data]).phases[0]


def build_scenario(**fields: Any) -> Scenario:
    """Return a scenario of plain data: an hour, one client ``office``, one phase ``p``."""
    data: dict[str, Any] = {
        "name": "s",
        "title": "t",
        "end": "2025-03-01T11:00:00Z",
        "clients": [{"name": "office", "model": "office"}],
        "phases": [{"name": "p", "start": "2025-03-01T10:00:00Z"}],
    }
    return convert_scenario(data | fields)


def make_client(**fields: Any) -> Client:
    """Return a client called ``office`` with the model of that name."""
    return Client(**{"name": "office", "model": "office", **fields})
