"""The result of ``ssosim dns check`` as text for a terminal, and as Markdown for a comment in a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ssosim.lab.control.dns_answers import Changes
from ssosim.output import clean_data
from ssosim.report.dns import changes_lines, forecast_text, outside_text, timing_text
from ssosim.scenario.check_result import CheckResult
from ssosim.scenario.forecast import Forecast, Prediction, ViewForecast
from ssosim.scenario.forecast_times import Timing

__all__ = ["check_markdown", "check_text", "outcome_sentence"]

_MAX_LINES = 200
"""The most lines of a list in Markdown: a comment on GitHub holds 65,536 characters."""

_MAX_ROWS = 60
_SIGNS = {"create": "+", "update": "!", "delete": "-"}


def outcome_sentence(result: CheckResult) -> str:
    """The outcome in one line."""
    if result.outcome == "nothing-to-do":
        return "nothing to do: the two trees hold the same zones"
    word = "passed" if result.passed else "failed"
    accepted = [each for each in result.failed if each.accepted]
    people = f", accepted by {', '.join(result.approvals.approved_by)}" if accepted and result.passed else ""
    losers = [text for each in result.forecast for text, _ in each.list_losers()]
    unplayed = f"no client model was played: {result.unplayed}" if result.unplayed else ""
    who = "; ".join(losers) or unplayed or "no client model is worse off"
    return f"check {word}{people}: risk {result.risk.level}; {who}"


def check_text(given: CheckResult) -> str:
    """Format the result for a terminal."""
    result = clean_data(given)
    if result.outcome == "nothing-to-do":
        return outcome_sentence(result)
    lines = [f"plan {result.plan}: {result.before} → {result.after}", "", *changes_lines(result.changes)]
    lines += ["", f"risk: {result.risk.level}"]
    lines += [f"  {each.level:<6}  {each.text}" for each in result.risk.reasons]
    if result.references:
        lines += ["", "who refers to it", *(f"  {each.target}: {each.text}" for each in result.references)]
    if result.lint:
        lines += ["", "lint: what the change introduces"]
        lines += [f"  {each.severity:<7}  {each.name}: {each.text}" for each in result.lint]
    for forecast in result.forecast:
        lines += ["", forecast_text(forecast)]
    if result.failed:
        lines += ["", "criteria that it does not meet"]
        for each in result.failed:
            lines.append(f"  {each.criterion}: {each.text}{' (accepted)' if each.accepted else ''}")
    lines += [f"  approval: {each}" for each in result.approvals.obstacles if result.approvals.approved_by]
    if result.to_pass:
        lines += ["", "what would pass it", *(f"  {each}" for each in result.to_pass)]
    return "\n".join([*lines, "", outcome_sentence(result)])


def check_markdown(given: CheckResult) -> str:
    """Format the result as GitHub-flavoured Markdown."""
    result = clean_data(given)
    mark = {"nothing-to-do": "nothing to do", "pass": "passed", "fail": "failed"}[result.outcome]
    lines = [f"## DNS check: {mark}", "", f"{_text(outcome_sentence(result))}.", ""]
    if result.outcome == "nothing-to-do":
        return "\n".join(lines)
    lines += [*_list_failed(result), *_losers(result), *_changes(result.changes), *_risk(result), *_lint(result)]
    lines += [f"Plan {_code(result.plan)}, from {_code(result.before)} to {_code(result.after)}.", ""]
    return "\n".join(lines)


def _list_failed(result: CheckResult) -> Iterator[str]:
    if not result.failed and not result.to_pass:
        return
    yield from ("### Criteria", "", "| criterion | limit | found | |", "|---|---|---|---|")
    for each in result.failed[:_MAX_ROWS]:
        state = "accepted" if each.accepted else "**fails**"
        yield f"| {each.criterion} | {_cell(each.limit)} | {_cell(each.text)} | {state} |"
    yield from _rest(result.failed, _MAX_ROWS)
    yield ""
    if result.to_pass:
        yield from ("What would pass it:", "", *(f"- {_text(each)}" for each in result.to_pass), "")
    if result.approvals.obstacles and result.approvals.approved_by:
        yield from ("Approvals:", "", *(f"- {_text(each)}" for each in result.approvals.obstacles), "")


def _losers(result: CheckResult) -> Iterator[str]:
    if not result.forecast:
        return
    yield from ("### Clients", "")
    for forecast in result.forecast:
        yield from (f"- {_text(outside_text(forecast, name))}" for name in forecast.outside)
    rows = [row for forecast in result.forecast for view in forecast.views for row in _rows(forecast, view)]
    if not rows:
        yield from ("No client model changes.", "")
        return
    yield from ("", "| host | where | client | outcome | SPN | hurt, the last | recovers, the last |", f"|{'---|' * 7}")
    yield from rows[:_MAX_ROWS]
    yield from _rest(rows, _MAX_ROWS)
    yield ""
    for view in (view for forecast in result.forecast for view in forecast.views):
        if text := timing_text(view):
            yield from (_text(f"For how long{f' in {view.name}' if view.name else ''}: {text}."), "")


def _rows(forecast: Forecast, view: ViewForecast) -> Iterator[str]:
    """A row for each model whose outcome or SPN changes, the ones that are worse off first."""
    changed = [each for each in view.models if each.before != each.after or _spn_moves(each)]
    for each in sorted(changed, key=lambda each: not each.worse):
        outcome = f"{each.before} → {each.after}"
        outcome = f"**{_cell(outcome)}**" if each.worse else _cell(outcome)
        spn = f"{_spns(each.spn_before)} → {_spns(each.spn_after)}" if _spn_moves(each) else _spns(each.spn_before)
        where = _cell(view.name or "everywhere")
        times = _times(each.timing)
        yield f"| {_cell(forecast.host)} | {where} | {each.names[0]} | {outcome} | {spn} | {times} |"


def _times(timing: Timing | None) -> str:
    if timing is None:
        return "|"
    after = "" if timing.retries else ", by a new sign-in"
    return f"{timing.last_hurt_s:g} s after the change | {timing.last_recovered_s:g} s after the repair{after}"


def _spn_moves(each: Prediction) -> bool:
    return bool(each.spn_after) and each.spn_before != each.spn_after


def _spns(spns: Sequence[str]) -> str:
    return " or ".join(_code(spn).replace("|", "\\|") for spn in spns) or "none"


def _changes(changes: Changes) -> Iterator[str]:
    lines = []
    for record in changes.records:
        for sign, text in (("-", record.before), ("+", record.after)):
            if text is not None:
                lines.append(f"{sign} {record.name} {text}")
    for profile in changes.profiles:
        if profile.fields:
            lines += [f"{_SIGNS['update']} traffic manager {profile.profile}: {line}" for line in profile.fields]
        else:
            text = profile.after or profile.before or ""
            lines.append(f"{_SIGNS[profile.kind]} traffic manager {profile.profile} {text}")
    lines += [f"+ zone {name}" for name in changes.zones_added]
    lines += [f"- zone {name}" for name in changes.zones_removed]
    shown = lines[:_MAX_LINES]
    fence = _fence(shown)
    yield from ("### Changes", "", f"{fence}diff", *shown, fence)
    yield from _rest(lines, _MAX_LINES)
    yield ""


def _risk(result: CheckResult) -> Iterator[str]:
    yield from (f"### Risk: {result.risk.level}", "")
    reasons = [f"- {each.level}: {_text(each.text)}" for each in result.risk.reasons]
    yield from reasons[:_MAX_LINES]
    yield from _rest(reasons, _MAX_LINES)
    yield ""


def _lint(result: CheckResult) -> Iterator[str]:
    if result.lint:
        yield from ("### Lint", "")
        yield from (f"- {each.severity}: {_code(each.name)}: {_text(each.text)}" for each in result.lint[:_MAX_ROWS])
        yield from _rest(result.lint, _MAX_ROWS)
        yield ""


def _rest(items: Sequence[object], limit: int) -> Iterable[str]:
    return (f"… and {len(items) - limit} more", "") if len(items) > limit else ()


_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~@])")


def _text(text: str) -> str:
    """Text in which no character is markup, a link, HTML or a mention of a person."""
    return _MARKUP.sub(r"\\\1", text.replace("&", "&amp;")).replace("\\@", "&#64;").replace("\\<", "&lt;")


def _cell(text: str) -> str:
    return _text(text)


def _code(text: str) -> str:
    """A code span that shows the text as it is, backticks included."""
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _fence(lines: Iterable[str]) -> str:
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    return "`" * max(3, longest + 1)
