"""Results as text for a terminal."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence

from ssosim.output import clean_data, format_share
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.result import ClientResult, RunResult

NOTHING_EXPECTED = "nothing is expected"
"""Why most sign-ins that are not judged could not fail."""

_NARROWEST = 20
_OUTCOME = re.compile(rf"(?m)(?:(?<=  )|(?<=: ))({'|'.join(Outcome)})(?=$| \(!\)|  | after [\d.]+ s:|: )")

__all__ = [
    "NOTHING_EXPECTED",
    "describe_expectations",
    "describe_figures",
    "describe_left_out",
    "describe_unjudged",
    "describe_unjudged_result",
    "find_outcomes",
    "table",
]


def table(result: RunResult, columns: int | None = None) -> str:
    """Return the table of phases and clients, and below it the reason for every outcome in one sentence.

    ``(!)`` marks a broken expectation. If the table would be wider than the ``columns`` of the terminal, each client
    becomes a row; longer lines are wrapped at words. None: nothing is wrapped.
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
    head = [f"{result.scenario}: {result.title}", *describe_left_out(result)]
    lines = [*(part for line in head for part in _wrap(line, columns)), "", *grid]
    width = max((len(client) for client in clients), default=0)
    for phase in result.phases:
        lines += ["", *_wrap(f"{phase.label}: {phase.title}".rstrip(": "), columns)]
        lines += [part for note in phase.notes for part in _wrap(f"  note: {note}", columns, "    ")]
        for client, came_to in phase.clients.items():
            outcome = f"{came_to.outcome}{_after(came_to)}"
            texts = [f"{outcome}: {came_to.reason}{_deviation(came_to)}", describe_figures(came_to), came_to.note]
            lines += _beside(client.ljust(width), [text for text in texts if text], columns)
    if result.mix:
        known = [(each.label, each.share_silent) for each in result.phases if each.share_silent is not None]
        shares = [f"{label} {format_share(share)}" for label, share in known]
        lines += ["", f"signed in silently, of the mix: {', '.join(shares)}"]
    counted, *free = describe_expectations(result)
    lines.append("")
    for line in (f"{counted}; seed {result.seed}", *free):
        lines += _wrap(line, columns)
    return "\n".join(lines)


def find_outcomes(text: str) -> Iterator[tuple[int, int, Outcome]]:
    """Yield the places of outcomes in the text of ``table`` or of ``ssosim explain``: start, end, outcome."""
    for match in _OUTCOME.finditer(text):
        yield match.start(1), match.end(1), Outcome(match[1])


def _wrap(line: str, columns: int | None, indent: str = "  ") -> list[str]:
    """Return ``line`` wrapped at words; a word that is longer than a line, such as a URL, stays whole."""
    if columns is None:
        return [line]
    return textwrap.wrap(
        line,
        max(columns, _NARROWEST),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [line]


def _beside(name: str, texts: Sequence[str], columns: int | None) -> list[str]:
    """Return ``texts`` beside ``name``; where the terminal is too narrow for two columns, below it."""
    indent = f"  {'':<{len(name)}}  "
    if columns is not None and columns - len(indent) < _NARROWEST:
        indent = "    "
        lines = [f"  {name.rstrip()}"]
    else:
        lines = []
    for text in texts:
        lines += _wrap(f"{indent}{text}", columns, indent)
    if lines and not lines[0].startswith(f"  {name.rstrip()}"):
        lines[0] = f"  {name}  {lines[0].lstrip()}"
    return lines


def describe_left_out(result: RunResult) -> list[str]:
    """Return a line about each client that did not play, with what the estate lacks."""
    return [f"left out: {client}: {why}" for client, why in result.left_out.items()]


def describe_expectations(result: RunResult) -> list[str]:
    """Return how many expectations hold, and which clients could not fail where, since nothing was expected there."""
    good = sum(each.as_expected for each in result.judged)
    pairs = sum(len(phase.clients) for phase in result.phases)
    if not result.judged:
        lines = ["not judged: nothing is expected of any outcome, so none could fail"]
    else:
        lines = [f"{good} of {len(result.judged)} outcomes are as expected"]
        if len(result.judged) < pairs:
            lines[0] += f"; nothing is expected of {pairs - len(result.judged)} more"
    alike: dict[str, list[str]] = {}
    for client in result.clients:
        if text := _describe_freedom([(each.label, each.clients[client]) for each in result.phases]):
            alike.setdefault(text, []).append(client)
    return lines + [f"{', '.join(clients)}: {text}" for text, clients in alike.items()]


def describe_unjudged(result: RunResult) -> list[str]:
    """Return a sentence about each client that could not fail in any phase, and about each that did not play.

    Where no client could, one sentence says so of the run.
    """
    left_out = [f"{client} was left out: {why}" for client, why in result.left_out.items()]
    free = [name for name in result.clients if not any(each.clients[name].is_judged for each in result.phases)]
    if free and len(free) == len(result.clients):
        return [*left_out, "not judged: nothing is expected of any outcome, so none could fail; see --expect"]
    return [*left_out, *(f"{name}: not judged: no outcome is expected of it in any phase" for name in free)]


def describe_unjudged_result(result: ClientResult) -> str:
    """Return why a sign-in that is not judged could not fail."""
    if result.expected is not None and result.expected.judges_sign_in:
        return f"expected: {result.expected}; it sent nothing, so that was not tested"
    return NOTHING_EXPECTED


def _describe_freedom(results: Sequence[tuple[str, ClientResult]]) -> str:
    """Return in which phases a client could and could not fail; empty if it could in every phase."""
    free = [phase for phase, each in results if not each.is_judged]
    if not free:
        return ""
    judged = [phase for phase, each in results if each.is_judged]
    could = f"could fail in {', '.join(judged)}" if judged else "could fail nowhere"
    if all(each.expected is not None and each.expected.no_exposure for _, each in results):
        could += ", and everywhere by an exposure" if judged else ", except by an exposure"
    return f"{could}; could not fail in {', '.join(free)} (expect more: --expect {shlex.quote(free[0])}=OUTCOME)"


def _grid(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(result: ClientResult) -> str:
    return f"{result.outcome}{'' if result.as_expected else ' (!)'}"


def _after(result: ClientResult) -> str:
    """Return the time of a program's decision as text; empty for models."""
    return "" if result.decided_s is None else f" after {result.decided_s:.1f} s"


def _deviation(result: ClientResult) -> str:
    if not result.is_judged:
        return f" [{describe_unjudged_result(result)}]"
    return "".join(f" [expected: {each}]" for each in result.broken)


def describe_figures(result: ClientResult) -> str:
    """Return attempts, prompts, request rate and exposures, where there is more than in a sign-in without trouble."""
    measures = result.measures
    exposed = dict.fromkeys(f"{each.what} to {each.where} ({each.why})" for each in measures.exposures)
    parts = [f"{result.attempts} attempts"] if result.attempts > 1 else []
    parts += [f"{result.prompts} prompts"] if result.prompts > 1 else []
    if result.attempts > 1 or any(each.rule == "max-rate" for each in result.broken):
        busiest = measures.peak_requests_per_minute
        parts.append(f"{measures.requests} requests, {busiest} in the busiest minute")
    parts += [f"exposed: {'; '.join(exposed)}"] if exposed else []
    return ", ".join(parts)
