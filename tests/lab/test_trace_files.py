"""The trace files: no line is lost between writer, rotation and reader, in whatever order they take turns."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.lab.base.folder import rotated_trace_path
from ssosim.lab.core.trace_reader import read_trace_lines
from ssosim.lab.core.trace_writer import record_to_file
from ssosim.trace import LabEvent, Trace
from ssosim.trace.export import parse_record


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader's pauses take no time."""
    monkeypatch.setattr("ssosim.lab.core.trace_reader.time.sleep", lambda _: None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a trace file."""
    return tmp_path / "trace.jsonl"


def rotate(path: Path) -> None:
    """Do what the writer does: the file becomes the rotated part, and a new one begins."""
    path.replace(rotated_trace_path(path))
    path.write_text("", encoding="utf-8")


def append(path: Path, text: str) -> None:
    """Write more of the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


STEPS = st.lists(st.sampled_from(["write", "half", "rotate", "read"]), max_size=12)


@settings(max_examples=30)
@given(STEPS)
def test_a_follower_reads_each_line_once_and_in_order(steps: list[str]) -> None:
    """Writes, partial writes and rotations between its reads, one rotation a read at most: nothing is lost or twice."""
    folder = Path(tempfile.mkdtemp())
    path, written = folder / "trace.jsonl", list[str]()
    path.write_text("", encoding="utf-8")

    def write() -> None:
        append(path, f"{len(written)}\n")
        written.append("x" * halves.pop() + f"{len(written)}\n")
        halves.append(0)

    def play() -> Iterator[bool]:
        rotated = False
        for step in steps:
            if step == "read":
                rotated = False
                yield True
            elif step == "half":
                append(path, "x")
                halves[0] += 1
            else:
                write()  # the writer rotates between whole lines
                if step == "rotate" and not rotated:
                    rotated = True
                    rotate(path)
        write()
        yield False

    halves, turns = [0], play()
    try:
        assert [*read_trace_lines(path, lambda: next(turns, False))] == written
    finally:
        shutil.rmtree(folder)


def test_a_slow_follower_reads_what_was_rotated_twice(path: Path) -> None:
    """Between two reads the file may be rotated twice: the part between is read before the new file."""
    path.write_text("1\n", encoding="utf-8")

    def lines() -> Iterator[bool]:
        append(path, "2\n")
        rotate(path)
        append(path, "3\n")
        rotate(path)
        append(path, "4\n")
        yield True
        yield False

    steps = lines()
    assert [*read_trace_lines(path, lambda: next(steps))] == ["1\n", "2\n", "3\n", "4\n"]


def test_the_last_lines_before_the_end_are_read(path: Path) -> None:
    """What is written between the last read and the end of the lab is read."""
    path.write_text("1\n", encoding="utf-8")

    def running() -> bool:
        append(path, "2\n")
        return False

    assert [*read_trace_lines(path, running)] == ["1\n", "2\n"]


def test_a_line_that_never_ends_is_left(path: Path) -> None:
    """A partial line, as a killed lab leaves it, is no record; octets that are no UTF-8 lose no other line."""
    path.write_bytes(b'1\n\xff\n{"seq":3,"at')
    assert [*read_trace_lines(path)] == ["1\n", "\ufffd\n"]


def test_a_missing_file_is_an_error_at_once(path: Path) -> None:
    """Without the current file there is no trace, also where an older part exists."""
    rotated_trace_path(path).write_text("1\n", encoding="utf-8")
    with pytest.raises(FileNotFoundError):
        read_trace_lines(path)


@pytest.mark.parametrize("batch", [1, 7, 50])
async def test_the_files_hold_the_newest_records_without_a_gap(
    batch: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any number of rotations the two files are a whole end of the trace: its numbers follow one another."""
    monkeypatch.setattr("ssosim.lab.core.trace_writer.DELAY_S", 0)
    trace = Trace()
    with record_to_file(trace, path, max_octets=1000):
        for number in range(1, 201):
            trace.record("c", LabEvent(part="p", text=f"event {number}"))
            if number % batch == 0:
                await asyncio.sleep(0.0001)  # the writer has its turn
    numbers = [parse_record(line).seq for line in read_trace_lines(path)]
    assert numbers == [*range(numbers[0], 201)]
    assert numbers[0] > 1
    assert rotated_trace_path(path).stat().st_size > 1000


async def test_no_limit_keeps_every_record_in_one_file(path: Path) -> None:
    """Without a limit nothing is rotated, and an older part of an earlier lab is removed at the start."""
    rotated_trace_path(path).write_text("old\n", encoding="utf-8")
    trace = Trace()
    with record_to_file(trace, path, max_octets=None):
        for number in range(300):
            trace.record("c", LabEvent(part="p", text=f"event {number}"))
    assert [parse_record(line).seq for line in read_trace_lines(path)] == [*range(1, 301)]
    assert not rotated_trace_path(path).exists()
