"""Results as text for a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ssosim.report.safe_text import clean

__all__ = ["table"]


def table(playback: dict[str, Any], columns: int | None = None) -> str:
    """The table phase by client, and below it the reason for every outcome in one sentence.

    Where that would be wider than the ``columns`` of the terminal, clients go down and phases across.
    """
    phases = playback["phases"]
    clients = list(phases[0]["clients"]) if phases else []
    rows = [["phase", "from", *clients]]
    for phase in phases:
        begin = datetime.fromisoformat(phase["start"]).strftime("%H:%M")
        rows.append([phase["phase"], begin, *(_cell(phase["clients"][client]) for client in clients)])
    grid = _grid(rows)
    if columns is not None and max(map(len, grid)) > columns:
        grid = _grid([list(row) for row in zip(*rows, strict=True)])
    lines = [f"{playback['scenario']}: {playback['title']}", "", *grid]
    width = max((len(client) for client in clients), default=0)
    for phase in phases:
        lines += ["", f"{phase['phase']}: {phase['title']}".rstrip(": ")]
        for client in clients:
            result = phase["clients"][client]
            outcome = f"{result['outcome']}{_after(result)}"
            lines.append(f"  {client:<{width}}  {outcome}: {result['reason']}{_deviation(result)}")
    judged = [phase["clients"][c] for phase in phases for c in clients if phase["clients"][c]["expected"]]
    good = sum(result["as_expected"] for result in judged)
    if playback.get("mix"):
        shares = [f"{phase['phase']} {phase['share_silent']:.0%}" for phase in phases]
        lines += ["", f"signed in silently, of the mix: {', '.join(shares)}"]
    result = f"{good} of {len(judged)} outcomes are as the scenario expects"
    if not judged:
        result = "the scenario expects nothing of these clients"
    lines += ["", f"{result}; seed {playback.get('seed', 0)}"]
    return clean("\n".join(lines))  # a program's own names are in the reasons


def _grid(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(result: dict[str, Any]) -> str:
    return f"{result['outcome']}{'' if result['as_expected'] else ' (!)'}"


def _after(result: dict[str, Any]) -> str:
    """How long a program took until that stood."""
    seconds = result.get("decided_s")
    return "" if seconds is None else f" after {seconds:.1f} s"


def _deviation(result: dict[str, Any]) -> str:
    return "" if result["as_expected"] else f" [expected: {result['expected']}]"
