"""The report: one HTML file that needs nothing else, to be read on a screen, on paper or aloud.

No script, no external resource; a content security policy allows its own style sheet and nothing more. Whatever comes
from a trace is escaped on its way in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from string import Template

from ssosim import __version__
from ssosim.report.evidence import evidence
from ssosim.report.safe_text import escape, span
from ssosim.report.text_table import describe_expectations, describe_left_out
from ssosim.report.timeline_data import FaultSpan, attempts, fault_spans, record_bands
from ssosim.report.timeline_svg import LETTERS, PATTERNS, Lane, timeline
from ssosim.trace import Record
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.result import ClientResult, PhaseResult, RunResult

__all__ = ["html_report"]


def html_report(result: RunResult, records: Sequence[Record], *, again: str = "") -> str:
    """The page; ``again`` is the command that repeats the run."""
    phases = result.phases
    end = result.end.timestamp()
    begin = phases[0].start.timestamp() if phases else end
    clients = result.clients
    faults = fault_spans(records, end)
    tries = attempts(records)
    lanes = [
        Lane(client, tuple(phase.clients[client] for phase in phases), tries.get(client, ())) for client in clients
    ]
    drawing = timeline(
        [(phase.label, phase.start.timestamp()) for phase in phases],
        end,
        faults,
        record_bands(records, begin, end),
        lanes,
    )
    style = _part("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return Template(_part("report.html")).substitute(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=style,
        patterns=PATTERNS,
        title=escape(result.title),
        name=escape(result.scenario),
        when=f"{_moment(begin)} to {_moment(end)} UTC, {span(end - begin)}",
        seed=escape(result.seed),
        result=_summary(result),
        again=f"<p>To repeat it: <code>{escape(again)}</code></p>" if again else "",
        drawing=drawing,
        legend=_legend(),
        verdicts=_left_out(result) + _verdicts(phases, clients),
        explanations="".join(_phase(number, phase, clients, records) for number, phase in enumerate(phases)),
        faults=_faults(faults),
        sources=_sources(result.sources),
        records=len(records),
        version=escape(__version__),
    )


def _part(name: str) -> str:
    return resources.files("ssosim.report").joinpath(name).read_text(encoding="utf-8")


def _summary(result: RunResult) -> str:
    judged = result.judged
    good = sum(each.as_expected for each in judged)
    if not judged:
        return '<p class="result">Not judged: nothing is expected of any outcome, so none could fail.</p>'
    kind, sign = ("good", "✓") if good == len(judged) else ("bad", "✗")
    text = "; ".join(describe_expectations(result))
    return f'<p class="result {kind}"><span aria-hidden="true">{sign}</span> {escape(text)}</p>'


def _legend() -> str:
    meaning = {
        Outcome.SILENT: "signed in without the user",
        Outcome.INTERACTIVE: "the user was asked, and is signed in",
        Outcome.STALLED: "not signed in, and nobody was told",
        Outcome.REFUSED: "a service said no",
        Outcome.FAILED: "ended with an error that is shown",
    }
    items = "".join(f"<li>{_chip(outcome)} <span>{text}</span></li>" for outcome, text in meaning.items())
    return f'<ul class="legend" aria-label="What the outcomes mean">{items}</ul>'


def _chip(outcome: Outcome) -> str:
    return (
        f'<span class="chip c-{outcome}"><span class="letter" aria-hidden="true">{LETTERS[outcome]}</span>'
        f"{escape(outcome)}</span>"
    )


def _verdicts(phases: Sequence[PhaseResult], clients: Sequence[str]) -> str:
    year = f" {phases[0].start.astimezone(UTC).year}" if phases else ""
    head = "".join(
        f'<th scope="col">{escape(phase.label)}<br>'
        f'<time datetime="{phase.start.isoformat()}">{_moment(phase.start.timestamp()).replace(year, "")}</time></th>'
        for phase in phases
    )
    rows = []
    for lane, client in enumerate(clients):
        cells = "".join(
            f'<td><a href="#why-{number}-{lane}">{_chip(phase.clients[client].outcome)}</a>'
            f"{_after(phase.clients[client])}{_describe_unexpected(phase.clients[client])}</td>"
            for number, phase in enumerate(phases)
        )
        rows.append(f'<tr><th scope="row">{escape(client)}</th>{cells}</tr>')
    return (
        '<table class="verdicts"><caption>Outcome of each client in each phase; phases with their start, UTC</caption>'
        f'<thead><tr><th scope="col">client</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _after(result: ClientResult) -> str:
    after = result.after_s
    return f' <span class="after">after {span(after)}</span>' if after is not None and after >= 1 else ""


def _describe_unexpected(result: ClientResult) -> str:
    if result.as_expected:
        return ""
    return f' <strong class="wrong">expected: {escape("; ".join(map(str, result.broken)))}</strong>'


def _left_out(result: RunResult) -> str:
    return "".join(f'<p class="note">{escape(line)}</p>' for line in describe_left_out(result))


def _phase(number: int, phase: PhaseResult, clients: Sequence[str], records: Sequence[Record]) -> str:
    title = f": {escape(phase.title)}" if phase.title else ""
    head = (
        f'<section aria-labelledby="phase-{number}"><h3 id="phase-{number}">'
        f'<time datetime="{phase.start.isoformat()}">{_moment(phase.start.timestamp())}</time> '
        f"<b>{escape(phase.label)}</b>{title}</h3>"
    )
    parts = [head, *(f'<p class="note">Note: {escape(note)}</p>' for note in phase.notes)]
    for lane, client in enumerate(clients):
        result = phase.clients[client]
        shown = " open" if not result.as_expected else ""
        parts.append(
            f"<details{shown}><summary><b>{escape(client)}</b> {_chip(result.outcome)}{_describe_unexpected(result)} "
            f'<span class="reason">{escape(result.reason)}</span></summary>'
            f'<div class="why" id="why-{number}-{lane}">{_facts(result)}{_lines(result, records)}</div></details>'
        )
    return "".join([*parts, "</section>"])


def _facts(result: ClientResult) -> str:
    after = result.after_s
    facts: list[tuple[str, object]] = [
        ("decided", "never in this phase" if after is None else f"after {span(after)}" if after >= 1 else "at once"),
        ("attempts", result.attempts),
        ("prompts", result.prompts),
        ("requests", result.measures.requests),
        ("requests in the busiest minute", result.measures.peak_requests_per_minute),
        ("SPN asked for", result.spn),
        ("expected", result.expected or "nothing"),
        ("exposed", "; ".join(f"{each.what} to {each.where}: {each.why}" for each in result.measures.exposures)),
        ("first failed step", result.measures.step or ""),
        ("note", result.note),
    ]
    if result.decided_s is not None:
        facts.append(("real seconds until decided", result.decided_s))
    items = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts if v != "")
    return f"<dl>{items}</dl>"


def _lines(result: ClientResult, records: Sequence[Record]) -> str:
    lines = evidence(records, result.evidence)
    if not lines:
        return '<p class="none">No single exchange decided it.</p>'
    rows = "".join(
        f'<tr><td>{line.seq}</td><td><time datetime="{_iso(line.at)}">{_moment(line.at, seconds=True)}</time></td>'
        f"<td>{escape(line.layer)}</td><td>{escape(line.text)}</td></tr>"
        for line in lines
    )
    return (
        '<table class="lines"><caption>What was seen on the wire</caption><thead><tr><th scope="col">no.</th>'
        f'<th scope="col">time (UTC)</th><th scope="col">layer</th><th scope="col">event</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _faults(faults: Sequence[FaultSpan]) -> str:
    if not faults:
        return "<p>No fault was applied.</p>"
    rows = "".join(
        f'<tr><th scope="row">{escape(fault.name)}</th><td>{_moment(fault.begin)}</td><td>{_moment(fault.end)}</td>'
        f"<td>{span(fault.end - fault.begin)}</td><td>{escape(fault.detail)}</td></tr>"
        for fault in faults
    )
    return (
        '<table><caption>What was broken, and for how long</caption><thead><tr><th scope="col">fault</th>'
        '<th scope="col">from (UTC)</th><th scope="col">to (UTC)</th><th scope="col">length</th>'
        f'<th scope="col">what it did</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _sources(sources: Sequence[str]) -> str:
    if not sources:
        return ""
    items = "".join(f"<li>{escape(source)}</li>" for source in sources)
    return f'<section aria-labelledby="sources"><h2 id="sources">Sources of the scenario</h2><ul>{items}</ul></section>'


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(at: float, *, seconds: bool = False) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    clock = moment.strftime("%H:%M:%S") + f".{moment.microsecond // 1000:03d}" if seconds else moment.strftime("%H:%M")
    if not seconds and moment.second:
        clock = moment.strftime("%H:%M:%S")
    return clock if seconds else f"{moment.day} {moment:%b %Y} {clock}"
