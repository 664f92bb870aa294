"""``ssosim exec --record-output``: what a program prints is in the trace, and goes where it went before."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest


@pytest.fixture
def messages(bench: Any) -> Any:
    """Run a shell script with its output recorded; what was printed, and the messages in the trace."""
    bench.up()

    def run(script: str, *options: str, label: str = "printer") -> tuple[Any, list[str]]:
        done = bench.run("exec", "--record-output", "--as", label, *options, "--", "sh", "-c", script)
        mine = [each for each in bench.records() if each["client"] == label]
        return done, [each["text"] for each in mine if each["event"] == "ClientMessage"]

    return run


def test_both_streams_are_recorded(bench: Any, messages: Any) -> None:
    """Each stream goes to its own place; the trace has both, before the end of the program, without secrets."""
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
    done, found = messages(f"echo to the left; echo to the right {jwt} >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "to the left\n", f"to the right {jwt}\n")
    (text,) = found
    assert ("to the left" in text, "to the right" in text, jwt in text) == (True, True, False)
    events = [each["event"] for each in bench.records() if each["client"] == "printer"]
    assert events[-2:] == ["ClientMessage", "ClientFinished"]


def test_long_output_passes_whole_and_is_cut_in_the_trace(messages: Any) -> None:
    """A program that prints much is not slowed by the trace, which says that there was more."""
    script = f"{sys.executable} -c \"print('line ' * 400_000)\""
    done, (text,) = messages(script)
    assert len(done.stdout) == 2_000_001
    assert text.endswith("… (cut)")
    assert len(text) < 9_000


def test_a_program_that_is_killed_leaves_what_it_printed(messages: Any) -> None:
    """At its deadline, with a child that holds the pipe open: the output up to then, and the code of a deadline."""
    done, (text,) = messages("echo begun; sleep 300 & sleep 300", "--deadline", "5")
    assert (done.returncode, done.stdout, text) == (124, "begun\n", "begun")


def test_without_the_option_nothing_is_recorded(bench: Any) -> None:
    """What a program prints is its own matter."""
    bench.up()
    bench.run("exec", "--", "echo", "private")
    assert "private" not in json.dumps([each for each in bench.records() if each["event"] == "ClientMessage"])
