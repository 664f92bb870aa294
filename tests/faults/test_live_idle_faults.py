"""A fault of a running lab that has changed no exchange says so, with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from ssosim.cli.fault import fields_of
from ssosim.dns import ZoneStore, zones_of
from ssosim.estate import default_estate
from ssosim.faults import ActiveFaults
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.fault_handlers import apply_fault, list_faults, undo_faults
from ssosim.trace import DnsAnswered, HttpExchange, Trace

LOGIN = "login.microsoftonline.com"


@pytest.fixture
def trace() -> Trace:
    """The trace of the lab."""
    return Trace(limit=8)


@pytest.fixture
def board(trace: Trace) -> ActiveFaults:
    """The faults of the lab."""
    return ActiveFaults(ZoneStore(zones_of(default_estate())), trace)


def ask(trace: Trace, name: str, *faults: int, client: str = "office") -> None:
    """Record that a client asked for ``name``, and the faults that changed the answer."""
    trace.record(client, DnsAnswered(name=name, type="A", rcode="NOERROR", faults=faults))


def start(board: ActiveFaults, fault: str, **fields: Any) -> int:
    """Apply a fault as the control API does; returns its number."""
    number: int = apply_fault(board, default_estate(), {"fault": fault, **fields})["id"]
    return number


def idle(board: ActiveFaults) -> list[str]:
    """Why each fault in force has changed nothing."""
    return [each["idle"] for each in list_faults(board)["faults"]]


def test_a_name_that_no_client_asks_for_is_named(board: ActiveFaults, trace: Trace) -> None:
    """A misspelt name strikes nobody: the list says who was not asked for."""
    start(board, "nxdomain", names=["login.microsoftonline.example"])
    assert idle(board) == ["no client sent anything"]
    ask(trace, LOGIN)
    assert idle(board) == ["no client asked for login.microsoftonline.example"]


@pytest.mark.parametrize(
    ("clients", "words"),
    [
        (["curl-1"], []),
        (["office", "curl-1"], []),
        (["curl"], ["no client 'curl' has been seen", "did you mean 'curl-1'?", "ssosim exec --as curl"]),
        (["ofice", "curl-1"], ["no client 'ofice' has been seen", "did you mean 'office'?"]),
        (["later"], ["no client 'later' has been seen: the fault is for a program of that name"]),
    ],
)
def test_a_client_that_nobody_has_seen_is_noted(
    board: ActiveFaults, trace: Trace, clients: list[str], words: list[str]
) -> None:
    """The fault strikes no program that runs: the answer says under which name one would be struck."""
    ask(trace, LOGIN, client="curl-1")
    ask(trace, LOGIN)
    note = apply_fault(board, default_estate(), {"fault": "nxdomain", "names": [LOGIN], "clients": clients}).get(
        "note", ""
    )
    assert all(each in note for each in words)
    assert bool(note) is bool(words)
    assert "note" not in list_faults(board)["faults"][0]


def test_no_client_is_said_to_be_unseen_where_records_were_dropped(board: ActiveFaults, trace: Trace) -> None:
    """The trace has dropped its oldest records, and with them clients that may run still."""
    for _ in range(9):
        ask(trace, LOGIN)
    assert trace.dropped
    body = {"fault": "nxdomain", "names": [LOGIN], "clients": ["curl"]}
    assert "note" not in apply_fault(board, default_estate(), body)


def test_a_fault_that_changed_an_exchange_is_not_idle(board: ActiveFaults, trace: Trace) -> None:
    """One exchange that names the fault is enough, and other faults stay idle."""
    one = start(board, "nxdomain", names=[LOGIN])
    start(board, "nxdomain", names=["nope.example"])
    ask(trace, LOGIN, one)
    assert idle(board) == ["", "no client asked for nope.example"]


def test_what_came_before_a_fault_does_not_count(board: ActiveFaults, trace: Trace) -> None:
    """Exchanges from before the fault are no reason and no effect of it."""
    ask(trace, LOGIN)
    start(board, "nxdomain", names=[LOGIN])
    assert idle(board) == ["no client sent anything"]


def test_a_fault_for_other_clients_names_them(board: ActiveFaults, trace: Trace) -> None:
    """A fault for a client that does not come says for whom it is."""
    start(board, "http-status", status=503, clients=["outlook"])
    ask(trace, LOGIN)
    assert idle(board) == ["it is for outlook only, which did not play: office did"]


def test_one_client_can_be_asked_about(board: ActiveFaults, trace: Trace) -> None:
    """A fault that struck another client, or this one in an earlier run, touched nothing of this run."""
    one = start(board, "nxdomain", names=[LOGIN])
    ask(trace, LOGIN, one)
    ask(trace, LOGIN, one, client="curl")
    before = trace.last_seq
    ask(trace, "sts.fabrikam.com", client="curl")
    reasons = [list_faults(board, *which)["faults"][0]["idle"] for which in [("curl", before), ("curl", 0), ("", 0)]]
    assert reasons == [f"no client asked for {LOGIN}", "", ""]


@pytest.mark.parametrize("which", ["1", "nxdomain", "all"])
def test_undo_says_that_a_fault_touched_nothing(board: ActiveFaults, trace: Trace, which: str) -> None:
    """A fault that is undone and changed nothing says so, however it is named."""
    start(board, "nxdomain", names=["nope.example"])
    ask(trace, LOGIN)
    assert [each["idle"] for each in undo_faults(board, which)["undone"]] == ["no client asked for nope.example"]


def test_nothing_is_said_where_the_trace_has_lost_the_begin(board: ActiveFaults, trace: Trace) -> None:
    """A trace that has dropped the fault's beginning may have dropped its effect, too."""
    start(board, "nxdomain", names=["nope.example"])
    for _ in range(10):
        ask(trace, LOGIN)
    assert trace.dropped
    assert idle(board) == [""]


def test_nothing_is_said_of_effects_that_no_record_shows(board: ActiveFaults, trace: Trace) -> None:
    """A delay of an answer leaves no mark in the trace, so a client that asked may have waited."""
    start(board, "http-delay", seconds=2.0, host=LOGIN)
    trace.record("office", HttpExchange(method="GET", host=LOGIN, path="/", status=200))
    assert idle(board) == [""]


@pytest.mark.parametrize(
    ("fault", "pair"),
    [("drop", "names="), ("servfail", "types= "), ("http-status", "host="), ("kdc-silent", "clients=")],
)
def test_a_field_without_a_value_is_refused(fault: str, pair: str) -> None:
    """An empty variable of the shell must not make a fault strike every name, host or client."""
    with pytest.raises(LabInputError, match="has no value; leave"):
        fields_of(fault, [pair])


@pytest.mark.parametrize("value", ["a.example,", ",a.example", "a.example,,b.example"])
def test_a_list_with_an_empty_value_is_refused(value: str) -> None:
    """An empty variable within a list must not make a fault strike less than was meant."""
    with pytest.raises(LabInputError, match="empty value between its commas"):
        fields_of("drop", [f"names={value}"])


def test_spaces_around_the_commas_of_a_list_are_no_part_of_its_values() -> None:
    """``names=a, b`` names a and b."""
    assert fields_of("drop", ["names=a.example, b.example"])["names"] == ["a.example", "b.example"]
