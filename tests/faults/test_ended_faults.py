"""Faults that were over before a client asked anything: from the trace, for the program that they were meant for."""

from __future__ import annotations

from typing import Any

import pytest

from ssosim.faults.core.ended_faults import find_ended_faults
from ssosim.trace import ClientFinished, DnsAnswered, Event, FaultApplied, FaultUndone, Record

APPLIED = ("", FaultApplied(name="servfail", detail="x", id=1))
ENDED = ("", FaultUndone(name="servfail", detail="x", reason="after 2 s", id=1))
UNDONE = ("", FaultUndone(name="servfail", detail="x", id=1))
ASKED = ("mine", DnsAnswered(name="a", type="A", rcode="NOERROR"))
OTHER = ("other", DnsAnswered(name="a", type="A", rcode="NOERROR"))
FINISHED = ("other", ClientFinished(program="curl", exit_code=0))
MARK: tuple[str, Any] = ("", None)
"""Where the program starts: ``since`` is the number of the record before."""


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([APPLIED, ENDED, MARK, ASKED], True),
        ([APPLIED, MARK, ENDED, ASKED], True),
        ([APPLIED, MARK, OTHER, ENDED, ASKED], True),
        ([APPLIED, ENDED, MARK], True),
        ([APPLIED, MARK, ASKED, ENDED], False),
        ([APPLIED, UNDONE, MARK, ASKED], False),
        ([APPLIED, ENDED, FINISHED, MARK, ASKED], False),
        ([FINISHED, APPLIED, ENDED, MARK, ASKED], True),
        ([APPLIED, MARK, ASKED], False),
        ([APPLIED, ENDED, MARK, FINISHED, ASKED], True),
    ],
)
def test_a_fault_counts_if_it_ended_between_two_programs(events: list[tuple[str, Event | None]], found: bool) -> None:
    """By a limit, after the end of the program before, and before the first message of this one."""
    since = events.index(MARK)
    records = [
        Record(number, float(number), client, event)
        for number, (client, event) in enumerate((each for each in events if each is not MARK), start=1)
        if event is not None
    ]
    ended = find_ended_faults(records, "mine", since)
    expected = {"id": 1, "fault": "servfail", "description": "x", "limit": "after 2 s"}
    assert ended == ([expected] if found else [])
