"""Results as text for a terminal."""

from __future__ import annotations

from ssosim.output import clean_data
from ssosim.verdict.result import ClientResult, RunResult

__all__ = ["table"]


def table(result: RunResult, columns: int | None = None) -> str:
    """Return the table of phases and clients, and below it the reason for every outcome in one sentence.

    If the table would be wider than the ``columns`` of the terminal, each client becomes a row.
    """
    result = clean_data(result)  # reasons contain names that a program sent
    clients = result.clients
    rows = [["phase", "from", *clients]]
    for phase in result.phases:
        begin = phase.start.strftime("%H:%M")
        rows.append([phase.label, begin, *(_cell(phase.clients[client]) for client in clients)])
    grid = _grid(rows)
    if columns is not None and max(map(len, grid)) > columns:
        grid = _grid([list(row) for row in zip(*rows, strict=True)])
    lines = [f"{result.scenario}: {result.title}", "", *grid]
    width = max((len(client) for client in clients), default=0)
    for phase in result.phases:
        lines += ["", f"{phase.label}: {phase.title}".rstrip(": ")]
        for client, came_to in phase.clients.items():
            outcome = f"{came_to.outcome}{_after(came_to)}"
            lines.append(f"  {client:<{width}}  {outcome}: {came_to.reason}{_deviation(came_to)}")
            lines += [f"  {'':<{width}}  {came_to.note}"] if came_to.note else []
    if result.mix:
        shares = [f"{each.label} {each.share_silent:.0%}" for each in result.phases if each.share_silent is not None]
        lines += ["", f"signed in silently, of the mix: {', '.join(shares)}"]
    good = sum(each.as_expected for each in result.judged)
    counted = f"{good} of {len(result.judged)} outcomes are as the scenario expects"
    if not result.judged:
        counted = "the scenario expects nothing of these clients"
    lines += ["", f"{counted}; seed {result.seed}"]
    return "\n".join(lines)


def _grid(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(result: ClientResult) -> str:
    return f"{result.outcome}{'' if result.as_expected else ' (!)'}"


def _after(result: ClientResult) -> str:
    """Return the time of a program's decision as text; empty for models."""
    return "" if result.decided_s is None else f" after {result.decided_s:.1f} s"


def _deviation(result: ClientResult) -> str:
    return "" if result.as_expected else f" [expected: {result.expected}]"
