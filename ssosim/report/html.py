"""The report: one HTML file that needs nothing else, to be read on a screen, on paper or aloud.

No script, no external resource; a content security policy allows its own style sheet and nothing more. Whatever comes
from a trace is escaped on its way in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from string import Template
from typing import Any

from ssosim import __version__
from ssosim.report.evidence import evidence
from ssosim.report.safe_text import escape, span
from ssosim.report.timeline_data import FaultSpan, attempts, fault_spans, record_bands
from ssosim.report.timeline_svg import LETTERS, PATTERNS, Lane, timeline
from ssosim.trace import Record

__all__ = ["html_report"]

_SHOWN_ELSEWHERE = {"outcome", "reason", "after_s", "spn", "attempts", "evidence", "expected", "as_expected", "phase"}


def html_report(playback: Mapping[str, Any], records: Sequence[Record], *, again: str = "") -> str:
    """The page. ``playback`` is as ``ssosim run --json`` prints it, ``again`` the command that repeats the run."""
    phases = list(playback["phases"])
    begin, end = _at(phases[0]["start"]), _at(playback["end"])
    clients = list(phases[0]["clients"])
    faults = fault_spans(records, end)
    tries = attempts(records)
    lanes = [
        Lane(
            client,
            tuple({**phase["clients"][client], "phase": phase["phase"]} for phase in phases),
            tries.get(client, ()),
        )
        for client in clients
    ]
    drawing = timeline(
        [(phase["phase"], _at(phase["start"])) for phase in phases],
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
        title=escape(playback["title"]),
        name=escape(playback["scenario"]),
        when=f"{_moment(begin)} to {_moment(end)} UTC, {span(end - begin)}",
        seed=escape(playback.get("seed", 0)),
        result=_result(phases, clients),
        again=f"<p>To repeat it: <code>{escape(again)}</code></p>" if again else "",
        drawing=drawing,
        legend=_legend(),
        verdicts=_verdicts(phases, clients),
        explanations="".join(_phase(number, phase, clients, records) for number, phase in enumerate(phases)),
        faults=_faults(faults),
        sources=_sources(playback.get("sources", ())),
        records=len(records),
        version=escape(__version__),
    )


def _part(name: str) -> str:
    return resources.files("ssosim.report").joinpath(name).read_text(encoding="utf-8")


def _result(phases: Sequence[Mapping[str, Any]], clients: Sequence[str]) -> str:
    judged = [phase["clients"][c] for phase in phases for c in clients if phase["clients"][c]["expected"]]
    good = sum(bool(verdict["as_expected"]) for verdict in judged)
    if not judged:
        return '<p class="result">The scenario expects nothing of these clients.</p>'
    kind, sign = ("good", "✓") if good == len(judged) else ("bad", "✗")
    text = f"{good} of {len(judged)} outcomes are as the scenario expects"
    return f'<p class="result {kind}"><span aria-hidden="true">{sign}</span> {text}</p>'


def _legend() -> str:
    meaning = {
        "silent": "signed in without the user",
        "interactive": "the user was asked, and is signed in",
        "stalled": "not signed in, and nobody was told",
        "refused": "a service said no",
        "failed": "ended with an error that is shown",
    }
    items = "".join(
        f"<li>{_chip(outcome)} <span>{text}</span></li>" for outcome, text in meaning.items() if outcome in LETTERS
    )
    return f'<ul class="legend" aria-label="What the outcomes mean">{items}</ul>'


def _chip(outcome: str) -> str:
    known = outcome if outcome in LETTERS else "undecided"
    return (
        f'<span class="chip c-{known}"><span class="letter" aria-hidden="true">{LETTERS.get(outcome, "?")}</span>'
        f"{escape(outcome)}</span>"
    )


def _verdicts(phases: Sequence[Mapping[str, Any]], clients: Sequence[str]) -> str:
    year = f" {datetime.fromtimestamp(_at(phases[0]['start']), UTC).year}"
    head = "".join(
        f'<th scope="col">{escape(phase["phase"])}<br>'
        f'<time datetime="{escape(phase["start"])}">{_moment(_at(phase["start"])).replace(year, "")}</time></th>'
        for phase in phases
    )
    rows = []
    for lane, client in enumerate(clients):
        cells = "".join(
            f'<td><a href="#why-{number}-{lane}">{_chip(phase["clients"][client]["outcome"])}</a>'
            f"{_after(phase['clients'][client])}{_unexpected(phase['clients'][client])}</td>"
            for number, phase in enumerate(phases)
        )
        rows.append(f'<tr><th scope="row">{escape(client)}</th>{cells}</tr>')
    return (
        '<table class="verdicts"><caption>Outcome of each client in each phase; phases with their start, UTC</caption>'
        f'<thead><tr><th scope="col">client</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _after(verdict: Mapping[str, Any]) -> str:
    after = verdict.get("after_s")
    return f' <span class="after">after {span(after)}</span>' if after is not None and after >= 1 else ""


def _unexpected(verdict: Mapping[str, Any]) -> str:
    if verdict["as_expected"]:
        return ""
    return f' <strong class="wrong">expected: {escape(verdict["expected"])}</strong>'


def _phase(number: int, phase: Mapping[str, Any], clients: Sequence[str], records: Sequence[Record]) -> str:
    title = f": {escape(phase['title'])}" if phase["title"] else ""
    head = (
        f'<section aria-labelledby="phase-{number}"><h3 id="phase-{number}">'
        f'<time datetime="{escape(phase["start"])}">{_moment(_at(phase["start"]))}</time> '
        f"<b>{escape(phase['phase'])}</b>{title}</h3>"
    )
    parts = [head]
    for lane, client in enumerate(clients):
        verdict = phase["clients"][client]
        shown = " open" if not verdict["as_expected"] else ""
        parts.append(
            f"<details{shown}><summary><b>{escape(client)}</b> {_chip(verdict['outcome'])}{_unexpected(verdict)} "
            f'<span class="reason">{escape(verdict["reason"])}</span></summary>'
            f'<div class="why" id="why-{number}-{lane}">{_facts(verdict)}{_lines(verdict, records)}</div></details>'
        )
    return "".join([*parts, "</section>"])


def _facts(verdict: Mapping[str, Any]) -> str:
    after = verdict.get("after_s")
    facts: list[tuple[str, object]] = [
        ("decided", "never in this phase" if after is None else f"after {span(after)}" if after >= 1 else "at once"),
        ("attempts", verdict.get("attempts", "")),
        ("SPN asked for", verdict.get("spn", "")),
        ("expected", verdict["expected"] or "nothing"),
    ]
    # Verdicts may come to say more: what is plain is shown as it is.
    for key, value in verdict.items():
        if key not in _SHOWN_ELSEWHERE and isinstance(value, (str, int, float)):
            facts.append((key.replace("_", " "), value))
    items = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts if v != "")
    return f"<dl>{items}</dl>"


def _lines(verdict: Mapping[str, Any], records: Sequence[Record]) -> str:
    lines = evidence(records, verdict.get("evidence", ()))
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


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(at: float, *, seconds: bool = False) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    clock = moment.strftime("%H:%M:%S") + f".{moment.microsecond // 1000:03d}" if seconds else moment.strftime("%H:%M")
    if not seconds and moment.second:
        clock = moment.strftime("%H:%M:%S")
    return clock if seconds else f"{moment.day} {moment:%b %Y} {clock}"
