"""The matrix as Markdown: a header that depends on flows and scenarios alone, and the figures of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ssosim.output import one_line
from ssosim.real_clients.batch import Cell
from ssosim.real_clients.lookup import Part
from ssosim.real_clients.matrix import PASSWORD_FAULTS, Matrix
from ssosim.real_clients.measured import Departure, compared_cells
from ssosim.scenario.model import Scenario
from ssosim.trace import SignInStep

__all__ = ["figures", "header", "render"]

_MARK = "<!-- figures: of one run, as measured -->"

_LEGEND = """\
A cell says what became of a sign-in, judged from the wire, and how many seconds after the program's start that stood.
Starting an interpreter or a JVM is part of it, and so is the load: up to twenty programs share the machine. Behind it,
what was seen: requests for **r**ealm discovery, **m**EX, **w**S-Trust or single sign-on, and **t**okens, **n**ames that
had no address, and **p**asswords posted. What is zero is left out.

Each program is one new process on a device of its own, one attempt. The lab's clock stands still while programs run, so
a fault that lasts for a while in a scenario (`short-blip`) lasts for as long as the program tries; and none of them
keeps a ticket from the phase before, so `away-again` is `away` once more.
"""

_BRIEFLY = """\
A cell: outcome, seconds from the program's start, and what was seen: requests for realm discovery (r), MEX (m),
WS-Trust or single sign-on (w), tokens (t); names without an address (n), passwords posted (p).
"""


def header(parts: Sequence[Part], scenarios: Sequence[Scenario]) -> str:
    """The page down to the figures."""
    lines = [
        "# Real clients in scenarios",
        "",
        "Made by `ssosim matrix --write docs/matrix.md`; not to be edited by hand. [What it is](real-clients.md).",
        "",
        "| client | what it is |",
        "| --- | --- |",
        *(
            f"| `{part.name}` | {one_line(part.original.manifest.title)}: {one_line(part.flow.title)} |"
            for part in parts
        ),
        "",
        "| scenario | phases |",
        "| --- | --- |",
        *(f"| `{each.name}` | {', '.join(phase.name for phase in each.phases)} |" for each in scenarios),
        "",
        _LEGEND,
        _MARK,
        "",
    ]
    return "\n".join(lines)


def render(matrix: Matrix, departures: Sequence[Departure]) -> str:
    """The page."""
    blocks = [header(matrix.parts, matrix.scenarios)]
    for scenario in matrix.scenarios:
        blocks.append(f"## {scenario.name}\n\n{one_line(scenario.title)}.\n")
        blocks.append("\n".join(_table(matrix, scenario)) + "\n")
    if any(scenario.name == PASSWORD_FAULTS for scenario in matrix.scenarios):
        blocks.append("\n".join(_compared(departures, matrix.cells)))
    return "\n".join(blocks)


def figures(page: str) -> str:
    """What a page has to say to somebody at a terminal: its tables, and below them what a cell means."""
    return page.partition(_MARK)[2].strip() + "\n\n" + _BRIEFLY


def _table(matrix: Matrix, scenario: Scenario) -> Iterator[str]:
    """Clients down and phases across; the fault rows the other way round, for they are many."""
    phases = [phase.name for phase in scenario.phases]
    present = {cell.client for cell in matrix.cells if cell.scenario == scenario.name}
    names = [part.name for part in matrix.parts if part.name in present]
    across, down = (names, phases) if scenario.name == PASSWORD_FAULTS else (phases, names)
    yield "| | " + " | ".join(across) + " |"
    yield "| --- |" + " --- |" * len(across)
    for row in down:
        places = [(column, row) if scenario.name == PASSWORD_FAULTS else (row, column) for column in across]
        cells = [matrix.cell(scenario.name, phase, client) for client, phase in places]
        yield f"| `{row}` | " + " | ".join("" if cell is None else _cell(cell) for cell in cells) + " |"


def _cell(cell: Cell) -> str:
    seen = cell.seen
    counts = [
        ("r", seen.count(SignInStep.REALM)),
        ("m", seen.count(SignInStep.MEX)),
        ("w", sum(map(seen.count, (SignInStep.WSTRUST_TICKET, SignInStep.WSTRUST_PASSWORD, SignInStep.BROWSER_SSO)))),
        ("t", seen.count(SignInStep.TOKEN)),
        ("n", sum(step.startswith("no name") for step in seen.steps)),
        ("p", seen.password_posts),
    ]
    requests = " ".join(f"{letter}{number}" for letter, number in counts if number)
    return f"{cell.outcome} {cell.decided_s or 0:.1f} {requests}".rstrip()


def _compared(departures: Sequence[Departure], cells: Sequence[Cell]) -> Iterator[str]:
    compared = compared_cells(cells)
    yield "## Against the measurement"
    yield ""
    yield "The fault rows were measured before this lab was. Digits are tries of realm discovery, MEX, WS-Trust and the"
    yield "token endpoint; then whether a token came. So were the times that libkrb5 and the JDK wait for a silent KDC."
    yield f"Of {compared} cells, {compared - len(departures)} are as measured."
    if departures:
        yield ""
        yield "| row | client | measured | seen here |"
        yield "| --- | --- | --- | --- |"
        for each in departures:
            yield f"| `{each.row}` | `{each.part}` | {one_line(str(each.facts))} | {one_line(str(each.seen))} |"
        for reason in dict.fromkeys(each.reason or "Not explained." for each in departures):
            yield ""
            yield reason
    yield ""
