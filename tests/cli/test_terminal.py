"""A command line that people like: reasons wrapped at words, colours on a terminal only, one grammar of durations."""

from __future__ import annotations

import argparse
import io
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.cli.common import say_outcomes
from ssosim.cli.durations import duration, parse_duration, signed_duration
from ssosim.lab.base.errors import LabInputError
from ssosim.output import guard_streams, release_streams
from ssosim.report.text_table import table
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.result import ClientResult, PhaseResult, RunResult

REASON = "login.microsoftonline.com refused the connection, and failed: silent words are not outcomes"
BEGIN = datetime(2025, 3, 1, 10, tzinfo=UTC)
SGR = re.compile(r"\x1b\[(\d+)m([^\x1b]*)\x1b\[0m")


def result(reason: str = REASON, client: str = "office") -> RunResult:
    """Return the result of one client in one phase."""
    one = ClientResult(outcome=Outcome.STALLED, reason=reason, as_expected=True, note="a note of some length for it")
    phase = PhaseResult(phase="away", title="a title", start=BEGIN, clients={client: one}, notes=("a fault did not",))
    return RunResult(
        version="1", scenario="x", title="t", end=BEGIN + timedelta(hours=1), as_expected=True, phases=(phase,)
    )


@given(st.integers(10, 200), st.lists(st.text("abc:()", min_size=1, max_size=30), min_size=1, max_size=20))
def test_lines_are_wrapped_at_words(columns: int, words: list[str]) -> None:
    """No line is wider than the terminal unless one word is, no word is cut, and none is lost."""
    shown = table(result(" ".join(words)), columns)
    longest = max(map(len, [*words, "[nothing", "--expect", "is", "expected]"]))
    for line in shown.splitlines()[4:]:
        assert len(line) <= max(columns, 20) or len(line.split()[-1]) > max(columns, 20) - 12 - longest
    text = " ".join(shown.split())
    assert " ".join(words) in text


def test_continued_lines_stand_below_the_reason() -> None:
    """In a terminal of 60 columns the reason stands beside the client; in a pipe it stays one line."""
    lines = table(result(), 60).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  office  stalled: "))
    assert lines[first + 1].startswith(" " * 10)
    assert lines[first + 1][10] != " "
    assert f"  office  stalled: {REASON} [nothing is expected]" in table(result()).splitlines()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch):
    """Give a function that prints a text on a terminal and returns what the terminal got."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def show(text: str) -> str:
        ours, theirs = os.openpty()
        with open(theirs, "w", encoding="utf-8", newline="") as stream:  # noqa: PTH123 - a descriptor
            monkeypatch.setattr("sys.stdout", stream)
            before = guard_streams()
            try:
                say_outcomes(text)
            finally:
                release_streams(before)
            stream.flush()
            got = os.read(ours, 65536).decode().replace("\r\n", "\n")
        os.close(ours)
        return got

    return show


def test_outcomes_have_colours_on_a_terminal(terminal) -> None:
    """Outcomes are coloured in the table and before a reason, but not the same words within a reason."""
    shown = terminal(table(result(), 80))
    assert [match[2] for match in SGR.finditer(shown)] == ["stalled", "stalled"]
    assert SGR.sub(r"\2", shown) == table(result(), 80) + "\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour_where_it_is_not_wanted(name: str, value: str, terminal, monkeypatch) -> None:
    """``NO_COLOR`` and ``TERM=dumb`` switch colours off; an empty ``NO_COLOR`` does not (no-color.org)."""
    monkeypatch.setenv(name, value)
    assert "\x1b" not in terminal(table(result()))
    monkeypatch.setenv(name, "")
    assert "\x1b" in terminal(table(result()))


def test_no_colour_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not a terminal gets plain text."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    say_outcomes(table(result()))
    assert "\x1b" not in stream.getvalue()


def test_colours_let_no_control_sequence_through(terminal) -> None:
    """An escape sequence in a name is shown by its number, beside our own colours."""
    shown = terminal("  x  silent: \x1b[2J\x07 failed")
    assert SGR.sub(r"\2", shown) == "  x  silent: \\x1b[2J\\x07 failed\n"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("30s", 30), ("500ms", 0.5), ("2m", 120), ("2min", 120), ("1h30m", 5400)]
)
def test_durations_are_alike_in_every_option(text: str, seconds: float) -> None:
    """``exec --deadline``, ``fault apply --for``, ``run --within`` and ``--expires-in`` read the same durations."""
    assert duration(text) == parse_duration(text, "--for") == signed_duration(text) == seconds
    assert signed_duration(f"-{text}") == -seconds
    assert duration("0") == duration("0s") == signed_duration("-0") == 0


@pytest.mark.parametrize("text", ["", "-1", "1x", "s", "inf", "nan", "1e999", "1h 2", "30 s s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The message says what is expected."""
    with pytest.raises(argparse.ArgumentTypeError, match="expected a duration above 0, such as 30s"):
        duration(text)
    with pytest.raises(LabInputError, match=r"--for .*expected a duration"):
        parse_duration(text, "--for")
