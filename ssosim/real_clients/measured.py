"""What the facts say that libraries send, and where the matrix differs from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec

from ssosim.estate.toml import convert_toml
from ssosim.real_clients.batch import Cell
from ssosim.trace import SignInStep

__all__ = ["Departure", "Measured", "compared_cells", "departures", "measured"]


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A difference whose reason is known: in ``rows``, of ``clients``, ``seen`` instead of what was measured."""

    rows: tuple[str, ...]
    clients: tuple[str, ...]
    seen: str
    reason: str


class Wait(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long ``clients`` took until it was decided: ``seconds``, more or less ``within``."""

    scenario: str
    phase: str
    clients: tuple[str, ...]
    seconds: float
    within: float


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``rows`` map a phase and a library to tries of each of ``steps`` and ``token`` or ``none``.

    ``clients`` map a library to the flows that are it.
    """

    scenario: str
    steps: tuple[SignInStep, ...]
    clients: dict[str, tuple[str, ...]]
    rows: dict[str, dict[str, str]]
    times: tuple[Wait, ...] = ()
    differences: tuple[Known, ...] = ()

    def reason(self, row: str, client: str, seen: str) -> str | None:
        """Why ``seen`` is as it is; None where nobody knows."""
        return next(
            (d.reason for d in self.differences if row in d.rows and client in d.clients and d.seen == seen), None
        )


@dataclass(frozen=True, slots=True)
class Departure:
    """A cell that is not as the facts say. ``reason`` is None where nobody has explained it."""

    row: str
    part: str
    facts: str
    seen: str
    reason: str | None

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.part} in {self.row}: the facts say [{self.facts}], seen [{self.seen}]"


@cache
def measured() -> Measured:
    """The list that is shipped. Raises TomlMistakeError."""
    text = resources.files("ssosim.real_clients").joinpath("measured.toml").read_text(encoding="utf-8")
    return convert_toml(text, "measured.toml (built in)", Measured)


def departures(cells: Sequence[Cell], facts: Measured | None = None) -> Iterator[Departure]:
    """Where ``cells`` differ from the facts, explained or not; what was not played is passed over."""
    facts = facts or measured()
    libraries = {part: library for library, parts in facts.clients.items() for part in parts}
    for cell in cells:
        library = libraries.get(cell.client)
        said = facts.rows.get(cell.phase, {}).get(library or "") if cell.scenario == facts.scenario else None
        if said is None or library is None:
            continue
        seen = _seen(cell, facts.steps, said)
        if seen != said:
            yield Departure(cell.phase, cell.client, said, seen, facts.reason(cell.phase, library, seen))
    yield from _late(cells, facts.times)


def _late(cells: Sequence[Cell], times: Sequence[Wait]) -> Iterator[Departure]:
    for wait in times:
        for cell in cells:
            if (cell.scenario, cell.phase) != (wait.scenario, wait.phase) or cell.client not in wait.clients:
                continue
            if cell.decided_s is None or abs(cell.decided_s - wait.seconds) > wait.within:
                seen = "not decided" if cell.decided_s is None else f"{cell.decided_s:.0f} s"
                yield Departure(cell.phase, cell.client, f"{wait.seconds:.0f} s", seen, None)


def compared_cells(cells: Sequence[Cell]) -> int:
    """How many of ``cells`` the facts say something of."""
    facts = measured()
    parts = {part for parts in facts.clients.values() for part in parts}
    rows = sum(cell.scenario == facts.scenario and cell.client in parts for cell in cells)
    waits = {(wait.scenario, wait.phase, client) for wait in facts.times for client in wait.clients}
    return rows + sum((cell.scenario, cell.phase, cell.client) in waits for cell in cells)


def _seen(cell: Cell, steps: Sequence[SignInStep], said: str) -> str:
    counts = []
    for step, fact in zip(steps, said, strict=False):
        count = cell.seen.count(step)
        if step is SignInStep.MEX:  # of the steps, the only one whose host can be another
            count += sum(each.startswith("no name") for each in cell.seen.steps)
        counts.append("-" if fact == "-" and not count else str(count))
    return f"{''.join(counts)} {'token' if cell.outcome == 'silent' else 'none'}"
