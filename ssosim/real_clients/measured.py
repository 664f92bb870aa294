"""Requests of libraries as measured before the lab existed, and the cells of the matrix that differ from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec

from ssosim.estate.toml import convert_toml
from ssosim.real_clients.batch import Cell
from ssosim.trace import SignInStep

__all__ = [
    "Measured",
    "MeasurementDifference",
    "count_compared_cells",
    "find_measurement_differences",
    "list_measured_clients",
    "load_measured",
]


class KnownDifference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A difference with a known reason: in ``rows``, ``clients`` send ``seen`` instead of what was measured."""

    rows: tuple[str, ...]
    clients: tuple[str, ...]
    seen: str
    reason: str


class ExpectedDuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The measured time until the decision of ``clients``: ``seconds``, plus or minus ``within`` seconds."""

    scenario: str
    phase: str
    clients: tuple[str, ...]
    seconds: float
    within: float


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The measurements. ``clients`` maps a library to its flows.

    ``rows`` maps a phase and a library to the number of requests for each of ``steps``, as digits, and ``token`` or
    ``none``.
    """

    scenario: str
    steps: tuple[SignInStep, ...]
    clients: dict[str, tuple[str, ...]]
    rows: dict[str, dict[str, str]]
    times: tuple[ExpectedDuration, ...] = ()
    differences: tuple[KnownDifference, ...] = ()

    def reason(self, row: str, client: str, seen: str) -> str | None:
        """Return the known reason for ``seen``; None if there is none."""
        return next(
            (d.reason for d in self.differences if row in d.rows and client in d.clients and d.seen == seen), None
        )


@dataclass(frozen=True, slots=True)
class MeasurementDifference:
    """A cell that differs from the measurement. ``reason`` is None if the difference is unexplained."""

    row: str
    client_flow: str
    facts: str
    seen: str
    reason: str | None

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.client_flow} in {self.row}: measured before [{self.facts}], now [{self.seen}]"


@cache
def load_measured() -> Measured:
    """Load the shipped measurements. Raises TomlMistakeError."""
    text = resources.files("ssosim.real_clients").joinpath("measured.toml").read_text(encoding="utf-8")
    return convert_toml(text, "measured.toml (built in)", Measured)


def find_measurement_differences(
    cells: Sequence[Cell], facts: Measured | None = None
) -> Iterator[MeasurementDifference]:
    """Yield the differences between ``cells`` and the measurements, explained or not."""
    facts = facts or load_measured()
    libraries = {client_flow: library for library, parts in facts.clients.items() for client_flow in parts}
    for cell in cells:
        library = libraries.get(cell.client, "")
        recorded = _find_recorded(cell, library, facts)
        if recorded is None:
            continue
        seen = _summarise_cell(cell, facts.steps, recorded)
        if seen != recorded:
            yield MeasurementDifference(
                cell.phase, cell.client, recorded, seen, facts.reason(cell.phase, library, seen)
            )
    yield from _find_late_decisions(cells, facts.times)


def _find_late_decisions(cells: Sequence[Cell], times: Sequence[ExpectedDuration]) -> Iterator[MeasurementDifference]:
    for wait in times:
        for cell in cells:
            if (cell.scenario, cell.phase) != (wait.scenario, wait.phase) or cell.client not in wait.clients:
                continue
            if cell.decided_s is None or abs(cell.decided_s - wait.seconds) > wait.within:
                seen = "not decided" if cell.decided_s is None else f"{cell.decided_s:.0f} s"
                yield MeasurementDifference(cell.phase, cell.client, f"{wait.seconds:.0f} s", seen, None)


def count_compared_cells(cells: Sequence[Cell]) -> int:
    """Count the cells for which there is a measurement."""
    facts = load_measured()
    libraries = {client_flow: library for library, parts in facts.clients.items() for client_flow in parts}
    rows = sum(_find_recorded(cell, libraries.get(cell.client, ""), facts) is not None for cell in cells)
    waits = {(wait.scenario, wait.phase, client) for wait in facts.times for client in wait.clients}
    return rows + sum((cell.scenario, cell.phase, cell.client) in waits for cell in cells)


def list_measured_clients(scenario: str) -> frozenset[str]:
    """Return the flows whose requests were measured in the rows of ``scenario``."""
    facts = load_measured()
    if scenario != facts.scenario:
        return frozenset()
    measured = {library for row in facts.rows.values() for library in row}
    return frozenset(flow for library, flows in facts.clients.items() if library in measured for flow in flows)


def _find_recorded(cell: Cell, library: str, facts: Measured) -> str | None:
    """Return what was measured of ``library`` in the row of ``cell``; None if nothing was."""
    return facts.rows.get(cell.phase, {}).get(library) if cell.scenario == facts.scenario else None


def _summarise_cell(cell: Cell, steps: Sequence[SignInStep], recorded: str) -> str:
    counts = []
    for step, fact in zip(steps, recorded, strict=False):
        count = cell.sent.count(step)
        if step is SignInStep.MEX:  # of the steps, the only one whose host can be another
            count += sum(each.startswith("no name") for each in cell.sent.steps)
        counts.append("-" if fact == "-" and not count else str(count))
    return f"{''.join(counts)} {'token' if cell.outcome == 'silent' else 'none'}"
