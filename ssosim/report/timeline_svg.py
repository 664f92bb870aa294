"""The timeline as SVG: what broke, what DNS answered, and what became of each client, under one another.

Colour never stands alone: every state has a pattern and a word or a letter as well. Everything drawn is also in the
tables and explanations of the page, to which the blocks of the clients are links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ssosim.report.safe_text import escape, span
from ssosim.report.time_scale import Scale
from ssosim.report.timeline_data import Band, FaultSpan
from ssosim.verdict.result import ClientResult

__all__ = ["LETTERS", "PATTERNS", "Lane", "timeline"]

LETTERS: Mapping[str, str] = {"silent": "S", "interactive": "I", "stalled": "T", "refused": "R", "failed": "F"}
"""One letter an outcome, where there is no room for the word."""

_WIDTH, _GUTTER, _RIGHT = 1160, 268, 8
_LEAST_PHASE = 88.0
_PAD, _BOLD, _LETTER = 7.0, 1.13, 12.0
_BAND, _FAULT, _LANE, _GAP, _AXIS, _HEADING = 28, 22, 34, 8, 40, 22

PATTERNS = """<defs>
<pattern id="p-dots" width="8" height="8" patternUnits="userSpaceOnUse"><circle class="ink" cx="2" cy="2" r="1.1"/></pattern>
<pattern id="p-rise" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="ink" d="M0 0h1.6v7H0z"/></pattern>
<pattern id="p-fall" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><path class="ink" d="M0 0h1.3v9H0z"/></pattern>
<pattern id="p-cross" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="ink" d="M0 0h1.1v8H0zM0 0h8v1.1H0z"/></pattern>
<pattern id="p-bars" width="6" height="6" patternUnits="userSpaceOnUse"><path class="ink" d="M0 0h1.3v6H0z"/></pattern>
</defs>"""  # noqa: E501 - one pattern a line
"""Definitions that every drawing of the page refers to."""

_PATTERN_OF = {
    "interactive": "p-dots",
    "stalled": "p-rise",
    "refused": "p-cross",
    "failed": "p-bars",
    "cname": "p-dots",
    "empty": "p-rise",
    "gone": "p-cross",
    "failing": "p-bars",
    "mixed": "p-fall",
}


@dataclass(frozen=True, slots=True)
class Lane:
    """A client: its result in each phase, and when it began attempts."""

    client: str
    results: tuple[ClientResult, ...]
    attempts: tuple[float, ...] = ()


def timeline(
    phases: Sequence[tuple[str, float]],
    end: float,
    faults: Sequence[FaultSpan],
    bands: Sequence[Band],
    lanes: Sequence[Lane],
) -> str:
    """The drawing. ``phases`` are names and starts in seconds since the Unix epoch; without phases it is empty."""
    if not phases:
        return ""
    stops = [*(start for _, start in phases), end]
    scale = Scale.over(stops, _GUTTER, _WIDTH - _RIGHT, least=_LEAST_PHASE)
    sheet = _Sheet(scale, [name for name, _ in phases])
    sheet.axis(phases, end)
    if faults:
        sheet.heading("faults")
        sheet.faults(faults)
    if bands:
        sheet.heading("DNS")
        for band in bands:
            sheet.band(band)
    sheet.heading("clients")
    for index, lane in enumerate(lanes):
        sheet.lane(index, lane, stops)
    return sheet.finish()


class _Sheet:
    """Puts row under row."""

    def __init__(self, scale: Scale, phases: Sequence[str]) -> None:
        self._scale = scale
        self._phases = phases
        self._parts: list[str] = []
        self._y = float(_AXIS)

    def axis(self, phases: Sequence[tuple[str, float]], end: float) -> None:
        former = ""
        for index, (name, start) in enumerate(phases):
            x = self._scale.marks[index]
            label, former = _label(start, former)
            self._text(x + 4, 14, _fit(name, self._scale.marks[index + 1] - x - 8, _BOLD), "phase")
            self._text(x + 4, 30, label, "tick")
        if self._scale.marks[-1] - self._scale.marks[-2] > 130:
            label, _ = _label(end, former)
            self._text(self._scale.marks[-1] - 2, 30, label, "tick end")

    def heading(self, text: str) -> None:
        self._y += 4
        self._text(2, self._y + 14, text, "heading")
        self._y += _HEADING

    def faults(self, faults: Sequence[FaultSpan]) -> None:
        for fault in faults:
            left, right = self._scale.x(fault.begin), self._scale.x(fault.end)
            width = max(right - left, 3)
            self._text(_GUTTER - 8, self._y + 15, _fit(fault.name, _GUTTER - 10), "name")
            title = f"{fault.name}: {fault.detail}"
            self._rect(left, width, _FAULT - 4, "fault", title)
            self._text(left + _PAD, self._y + 13, _fit(fault.detail, width - 2 * _PAD), "inside")
            self._y += _FAULT
        self._y += _GAP

    def band(self, band: Band) -> None:
        self._text(_GUTTER - 8, self._y + 18, _fit(f"{band.type} {band.name}", _GUTTER - 10), "name")
        for segment in band.segments:
            left, right = self._scale.x(segment.begin), self._scale.x(segment.end)
            width = max(right - left, 1.5)
            title = f"{band.type} {band.name}: {segment.state} {segment.detail}".strip()
            kind = segment.state.replace(" ", "-")
            self._rect(left, width, _BAND - 4, f"b-{kind}", title)
            self._pattern(segment.state, left, width, _BAND - 4)
            word = segment.state if segment.state != "cname" else "CNAME"
            self._text(left + _PAD, self._y + 16, _fit(word, width - 2 * _PAD, _BOLD, cut=False), "inside halo")
        self._y += _BAND + _GAP / 2

    def lane(self, index: int, lane: Lane, stops: Sequence[float]) -> None:
        self._text(_GUTTER - 8, self._y + 19, _fit(lane.client, _GUTTER - 10), "name")
        for phase, result in enumerate(lane.results):
            self._block((phase, index), lane.client, result, stops[phase], stops[phase + 1])
        ticks = sorted({self._scale.x(at) for at in lane.attempts})
        if ticks:
            path = "".join(f"M{x:g} {self._y + _LANE - 5:g}v5" for x in ticks)
            self._parts.append(f'<path class="attempts" d="{path}" aria-hidden="true"/>')
        self._y += _LANE + _GAP

    def _block(self, place: tuple[int, int], client: str, result: ClientResult, begin: float, end: float) -> None:
        phase, lane = place
        outcome = str(result.outcome)
        after = result.after_s or 0.0
        left, right = self._scale.x(begin), self._scale.x(end)
        middle = min(self._scale.x(begin + after), right - 2) if after >= 1 else left
        label = f"{client}, {self._phases[phase]}: {outcome}"
        if not result.as_expected:
            label += f", but {' and '.join(each.expected for each in result.broken)} was expected"
        self._parts.append(f'<a href="#why-{phase}-{lane}" aria-label="{escape(label)}">')
        title = f"{label}. {result.reason}"
        if middle > left:
            self._rect(left, middle - left, _LANE - 7, "o-undecided", f"{client}: undecided for {span(after)}")
        gap = 1 if middle == left else 0
        self._rect(middle + gap, right - middle - gap - 1, _LANE - 7, f"o-{outcome} hit", title)
        self._pattern(outcome, middle + gap, right - middle - gap - 1, _LANE - 7)
        word = outcome if result.as_expected else f"{outcome} !"
        room = right - middle - 2 * _PAD
        text = word if _width(word, _BOLD) <= room else LETTERS.get(outcome, "?")
        self._text(middle + _PAD, self._y + 18, text if room >= _LETTER else "", "inside halo")
        if not result.as_expected:
            self._parts.append(
                f'<rect class="unexpected" x="{middle + gap + 1:g}" y="{self._y + 1:g}" '
                f'width="{max(right - middle - gap - 3, 1):g}" height="{_LANE - 9}"/>'
            )
        self._parts.append("</a>")

    def _rect(self, x: float, width: float, height: float, kind: str, title: str) -> None:
        self._parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{self._y:g}" width="{max(width, 1):g}" height="{height:g}" rx="2">'
            f"<title>{escape(title)}</title></rect>"
        )

    def _pattern(self, state: str, x: float, width: float, height: float) -> None:
        if name := _PATTERN_OF.get(state):
            self._parts.append(
                f'<rect class="pattern" fill="url(#{name})" x="{x:g}" y="{self._y:g}" '
                f'width="{max(width, 1):g}" height="{height:g}" rx="2"/>'
            )

    def _text(self, x: float, y: float, text: str, kind: str) -> None:
        if text:
            self._parts.append(f'<text class="{kind}" x="{x:g}" y="{y:g}" aria-hidden="true">{escape(text)}</text>')

    def finish(self) -> str:
        height = self._y + 2
        lines = "".join(f"M{x:g} 4V{height:g}" for x in self._scale.marks)
        return (
            f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="group" aria-labelledby="timeline-title timeline-text">'
            '<title id="timeline-title">Timeline</title>'
            '<desc id="timeline-text">Faults, the state of DNS records and the outcome of each client over time, '
            "left to right. The same is in the tables below; each block of a client leads to its explanation.</desc>"
            f'<path class="grid" d="{lines}" aria-hidden="true"/>{"".join(self._parts)}</svg>'
        )


def _label(at: float, former: str) -> tuple[str, str]:
    """The time of day, with the date where it is another than before."""
    moment = datetime.fromtimestamp(at, UTC)
    day = f"{moment.day} {moment:%b}"
    seconds = ":%S" if moment.second else ""
    return (moment.strftime(f"%H:%M{seconds}") + ("" if day == former else f" {day}"), day)


def _fit(text: str, room: float, weight: float = 1.0, *, cut: bool = True) -> str:
    """``text``, shortened to ``room``; empty where nothing useful fits."""
    if _width(text, weight) <= room:
        return text
    while cut and len(text) > 1:
        text = text[:-1]
        if _width(text + "…", weight) <= room:
            return f"{text}…"
    return ""


def _width(text: str, weight: float = 1.0) -> float:
    """About how wide ``text`` is at 12 pixels, on the safe side of the usual sans-serif faces."""
    return weight * sum(map(_advance, text))


def _advance(character: str) -> float:
    if character in "fijlrtI.,:;'|!()[] ":
        return 4.9
    if character in "mwMW@%…":
        return 12.0
    if character >= "\u1100":  # Hangul and later: full width, most of it
        return 12.6
    return 8.6 if character.isupper() else 7.7
