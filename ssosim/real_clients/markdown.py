"""The matrix as Markdown: a header that depends only on flows and scenarios, and the figures of one run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ssosim.output import one_line
from ssosim.real_clients.batch import Cell
from ssosim.real_clients.cell_status import describe_broken_cells
from ssosim.real_clients.lookup import ClientFlow
from ssosim.real_clients.manifest import ClientSet
from ssosim.real_clients.matrix import PASSWORD_FAULTS, Matrix
from ssosim.real_clients.measured import MeasurementDifference, count_compared_cells
from ssosim.scenario.model import Scenario
from ssosim.trace import SignInStep

__all__ = ["escape_markdown", "extract_figures", "render_header", "render_page"]

_MARK = "<!-- figures: of one run, as measured -->"

_SIGNS = re.compile(r"[\\\\`*\[\]<>&|]")

_LEGEND = """\
A cell shows the outcome of a sign-in, judged from the wire, and the seconds from the program's start to the decision.
The time includes the start of an interpreter or a JVM and depends on the load: up to twenty programs run in parallel.
Then follow the numbers of requests for **r**ealm discovery, **m**EX, **w**S-Trust or single sign-on, and **t**okens, of
**n**ames without an address, and of **p**asswords posted. Zeros are left out.

Each program is one new process on its own device and makes one attempt. A fault that lasts for a limited time in a
scenario (`short-blip`) lasts so many real seconds from the program's first message, and each program plays alone there.
No program keeps a ticket from the phase before, so `away-again` is the same as `away`.
"""

_BRIEFLY = """\
A cell: outcome, seconds from the program's start to the decision, and the numbers of requests for realm discovery (r),
MEX (m), WS-Trust or single sign-on (w), tokens (t), of names without an address (n), and of passwords posted (p).
"""


_TITLES: dict[ClientSet, str] = {
    "sign-in": "Real clients in scenarios",
    "spnego": "HTTP libraries and browsers with Negotiate in scenarios",
}
_COMMANDS: dict[ClientSet, str] = {
    "sign-in": "ssosim matrix --write docs/matrix.md",
    "spnego": "ssosim matrix --set spnego --write docs/spnego-matrix.md",
}


def render_header(
    client_flows: Sequence[ClientFlow], scenarios: Sequence[Scenario], client_set: ClientSet = "sign-in"
) -> str:
    """Render the page of ``client_set``, which is not the set of credentials, up to the figures."""
    lines = [
        f"# {_TITLES[client_set]}",
        "",
        f"Made by `{_COMMANDS[client_set]}`; not to be edited by hand. [What it is](real-clients.md).",
        "",
        "| client | what it is |",
        "| --- | --- |",
        *(
            f"| `{each.name}` | {escape_markdown(each.client.manifest.title)}: {escape_markdown(each.flow.title)} |"
            for each in client_flows
        ),
        "",
        "| scenario | phases |",
        "| --- | --- |",
        *(f"| `{each.name}` | {', '.join(_labels(each))} |" for each in scenarios),
        "",
        _LEGEND,
        _MARK,
        "",
    ]
    return "\n".join(lines)


def render_page(matrix: Matrix, differences: Sequence[MeasurementDifference], client_set: ClientSet = "sign-in") -> str:
    """Render the whole page of ``client_set``."""
    blocks = [render_header(matrix.client_flows, matrix.scenarios, client_set)]
    for scenario in matrix.scenarios:
        blocks.append(f"## {scenario.name}\n\n{escape_markdown(scenario.title)}.\n")
        blocks.append("\n".join(_table(matrix, scenario)) + "\n")
    if broken := describe_broken_cells(matrix.cells):
        blocks.append("\n".join(["## Broken expectations", "", *(f"- {escape_markdown(each)}" for each in broken), ""]))
    if any(scenario.name == PASSWORD_FAULTS for scenario in matrix.scenarios):
        blocks.append("\n".join(_list_differences(differences, matrix.cells)))
    return "\n".join(blocks)


def extract_figures(page: str) -> str:
    """Return the tables of a page, and a short legend, for a terminal."""
    return page.partition(_MARK)[2].strip() + "\n\n" + _BRIEFLY


def escape_markdown(text: str) -> str:
    """Return ``text`` on one line as Markdown that shows it as it is: reasons contain what a client or a server sent.

    Underscores stay: within a word they mean nothing. Source: CommonMark 0.31, sections 2.4 and 6.2.
    """
    return _SIGNS.sub(r"\\\g<0>", one_line(text))


def _labels(scenario: Scenario) -> list[str]:
    return [label for phase in scenario.phases for label in phase.labels]


def _table(matrix: Matrix, scenario: Scenario) -> Iterator[str]:
    """Yield the table of a scenario: a row per client, or for the many fault rows a row per phase."""
    phases = _labels(scenario)
    present = {cell.client for cell in matrix.cells if cell.scenario == scenario.name}
    names = [client_flow.name for client_flow in matrix.client_flows if client_flow.name in present]
    across, down = (names, phases) if scenario.name == PASSWORD_FAULTS else (phases, names)
    yield "| | " + " | ".join(across) + " |"
    yield "| --- |" + " --- |" * len(across)
    for row in down:
        pairs = [(column, row) if scenario.name == PASSWORD_FAULTS else (row, column) for column in across]
        cells = [matrix.cell(scenario.name, phase, client) for client, phase in pairs]
        yield f"| `{row}` | " + " | ".join("" if cell is None else _cell(cell) for cell in cells) + " |"


def _cell(cell: Cell) -> str:
    sent = cell.sent
    counts = [
        ("r", sent.count(SignInStep.REALM)),
        ("m", sent.count(SignInStep.MEX)),
        ("w", sum(map(sent.count, (SignInStep.WSTRUST_TICKET, SignInStep.WSTRUST_PASSWORD, SignInStep.BROWSER_SSO)))),
        ("t", sent.count(SignInStep.TOKEN)),
        ("n", sum(step.startswith("no name") for step in sent.steps)),
        ("p", sent.password_posts),
    ]
    requests = " ".join(f"{letter}{number}" for letter, number in counts if number)
    sign = " (!)" if cell.broken else ""
    return f"{cell.outcome}{sign} {cell.decided_s or 0:.1f} {requests}".rstrip()


def _list_differences(differences: Sequence[MeasurementDifference], cells: Sequence[Cell]) -> Iterator[str]:
    compared = count_compared_cells(cells)
    yield "## Against the measurement"
    yield ""
    yield "The fault rows were measured before this lab existed, as were the times that libkrb5 and the JDK wait for a"
    yield "silent KDC. Digits count requests for realm discovery, MEX, WS-Trust and the token endpoint."
    yield f"Of {compared} cells, {compared - len(differences)} are as measured."
    if differences:
        yield ""
        yield "| row | client | measured before | in this run |"
        yield "| --- | --- | --- | --- |"
        for each in differences:
            facts, seen = (escape_markdown(str(value)) for value in (each.facts, each.seen))
            yield f"| `{each.row}` | `{each.client_flow}` | {facts} | {seen} |"
        for reason in dict.fromkeys(each.reason or "Not explained." for each in differences):
            yield ""
            yield reason
    yield ""
