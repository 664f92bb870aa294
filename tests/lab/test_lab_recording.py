"""The trace's file: all records in order, bounded on disk, readable whatever happens to the disk meanwhile."""

from __future__ import annotations

import asyncio
import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ssosim.lab.base.folder import ensure_cache_folder, rotated_trace_path
from ssosim.lab.core.trace_reader import read_trace_lines
from ssosim.lab.core.trace_writer import record_to_file
from ssosim.trace import ClientEvent, DnsAnswered, LabEvent, Trace
from ssosim.trace.export import read_records, record_to_json

PAUSE = 0.06


def note(text: str) -> LabEvent:
    """Something that happens."""
    return LabEvent(part="lab", text=text)


async def wait_for(errors: list[OSError]) -> None:
    """Wait until an error is reported, and then for the time of another one."""
    async with asyncio.timeout(60):
        while not errors:  # noqa: ASYNC110 - the writer wakes nobody
            await asyncio.sleep(PAUSE)
    await asyncio.sleep(PAUSE)


def sizes_in(folder: Path) -> dict[str, int]:
    """The files there, and how long each is."""
    return {each.name: each.stat().st_size for each in folder.iterdir()}


async def test_the_file_has_all_records_of_the_trace(tmp_path: Path) -> None:
    """Records of before, single ones, and the same one many times: line for line as each would be written alone."""
    trace, path = Trace(), tmp_path / "trace.jsonl"
    trace.record("", note("before"))
    with record_to_file(trace, path):
        assert len(path.read_text().splitlines()) == 1, "what there was is there at once"
        often = ClientEvent("c", DnsAnswered(name="a.example", type="A", rcode="NOERROR"))
        for number in range(5):
            trace.record_all([often] * number)
            trace.record("d", note(f"\ud800 {number}"))
            await asyncio.sleep(PAUSE / 3)
        trace.record("", note("at the end"))
    trace.record("", note("after"))
    assert path.read_text().splitlines() == [record_to_json(record) for record in trace.since()[:-1]]
    assert [*read_records(read_trace_lines(path))] == [*trace.since()[:-1]]


async def test_a_long_trace_is_rotated_and_the_oldest_part_removed(tmp_path: Path) -> None:
    """Two files at most, neither much longer than the limit; together the newest records without a gap."""
    trace, path = Trace(), tmp_path / "trace.jsonl"
    rotated_trace_path(path).write_text("of a lab before\n")
    with record_to_file(trace, path, max_octets=3000):
        for number in range(100):
            trace.record("", note(f"{number} {'x' * 100}"))
            if number % 5 == 0:
                await asyncio.sleep(PAUSE / 2)
    sizes = sizes_in(tmp_path)
    assert set(sizes) == {"trace.jsonl", "trace.1.jsonl"}
    assert max(sizes.values()) < 3000 + 6 * 300
    kept = [record.seq for record in read_records(read_trace_lines(path))]
    assert kept == list(range(kept[0], 101))
    assert 1 < kept[0] < 90


def test_a_follower_continues_in_the_next_file(tmp_path: Path) -> None:
    """A file that is rotated while it is read is read to its end, then the new one."""
    path = tmp_path / "trace.jsonl"
    path.write_text("1\n2\nhal")
    with path.open("a") as writing:

        def steps() -> Iterator[bool]:
            yield True
            writing.write("f\n3\n")
            writing.flush()
            path.replace(rotated_trace_path(path))
            yield True
            path.write_text("4\n")
            yield True
            with path.open("a") as more:
                more.write("5\n")
            yield False

        step = steps()
        assert [*read_trace_lines(path, lambda: next(step))] == ["1\n", "2\n", "half\n", "3\n", "4\n", "5\n"]
    assert [*read_trace_lines(path)] == ["1\n", "2\n", "half\n", "3\n", "4\n", "5\n"]


async def test_a_file_that_cannot_be_created_does_not_end_the_writing(tmp_path: Path) -> None:
    """If no new file can be created, that is reported once; the records are written when one can be created."""
    errors: list[OSError] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
    trace, path = Trace(), tmp_path / "trace.jsonl"
    in_the_way = tmp_path / "trace.new"
    with record_to_file(trace, path, max_octets=10):
        trace.record("", note("first"))
        await asyncio.sleep(PAUSE)
        in_the_way.mkdir()
        trace.record("", note("late"))
        await wait_for(errors)
        assert [error.errno for error in errors] == [errno.EISDIR]
        in_the_way.rmdir()
        trace.record("", note("last"))
    assert [record.seq for record in read_records(read_trace_lines(path))] == [1, 2, 3]


@contextmanager
def files_no_longer_than(octets: int) -> Iterator[None]:
    """A disk that takes only the first part of what is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_partial_line_is_removed(tmp_path: Path) -> None:
    """Where a disk fills up within a line, the line is removed and written again later; no record is lost."""
    errors: list[OSError] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
    trace, path = Trace(), tmp_path / "trace.jsonl"
    with record_to_file(trace, path):
        trace.record("", note("first"))
        await asyncio.sleep(PAUSE)
        with files_no_longer_than(1000):
            trace.record("", note("x" * 5000))
            await wait_for(errors)
        assert [error.errno for error in errors] == [errno.EFBIG]
        trace.record("", note("last"))
    assert [record.seq for record in read_records(read_trace_lines(path))] == [1, 2, 3]


def test_a_state_folder_that_was_open_to_others_is_closed(tmp_path, monkeypatch):
    """Keys and tickets go there: a folder that was there before with another mode is its owner's alone from now on."""
    (tmp_path / "cache").mkdir(mode=0o755)
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path))
    assert ensure_cache_folder().stat().st_mode & 0o777 == 0o700
