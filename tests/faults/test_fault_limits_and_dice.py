"""How long a fault lasts and whom it meets by chance: limits of time and number, random numbers by client."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.faults import Delay, Drop, Fault, FaultError, HttpStatus, NameRemoved, ServFail, fault_from
from tests.faults.fault_board import AUTOLOGON, HEALTHY, LOGIN, FaultBoard


def test_a_time_limit_ends_a_fault_and_says_so() -> None:
    """The timer is of the lab's clock; the trace has the reason, and the zones are healthy again."""
    board = FaultBoard()
    NameRemoved(name=LOGIN, for_s=30).apply(board.faults)
    assert [seconds for seconds, _ in board.timer.waiting] == [30]
    assert board.look_up().outcome == "NXDOMAIN"
    board.timer.run()
    assert board.store.current == HEALTHY
    assert board.endings == [(1, "after 30 s")]


def test_what_ends_first_ends_a_fault_once() -> None:
    """The number of hits, the time limit or an undo: the timer is called off, and there is one record."""
    board = FaultBoard()
    ServFail(names=(LOGIN,), first=1, for_s=30).apply(board.faults)
    undo = ServFail(names=(AUTOLOGON,), for_s=30).apply(board.faults)
    board.ask()
    assert board.endings == [(1, "after the first 1")]
    undo()
    undo()
    assert board.timer.waiting == []
    assert board.endings == [(1, "after the first 1"), (2, "")]
    assert board.faults.undo(2) is False


def test_a_fault_that_does_not_fit_has_no_timer() -> None:
    """It was never in force, so nothing must end later."""
    board = FaultBoard()
    with pytest.raises(FaultError):
        NameRemoved(name="nowhere.fabrikam.com", for_s=5).apply(board.faults)
    assert board.timer.waiting == []
    assert board.faults.active == ()


def test_a_lab_that_ends_calls_off_all_timers() -> None:
    """``close``: the faults stay as they are, and no timer runs in a lab that is not there any more."""
    board = FaultBoard()
    Drop(for_s=5).apply(board.faults)
    ServFail(for_s=7).apply(board.faults)
    board.faults.close()
    assert board.timer.waiting == []
    assert len(board.faults.active) == 2


@pytest.mark.parametrize("first", [1, 2, 5])
@pytest.mark.parametrize(
    ("fault", "exchange"),
    [
        (lambda first: ServFail(names=(LOGIN,), first=first), "ask"),
        (lambda first: Delay(seconds=0.1, first=first), "ask"),
        (lambda first: HttpStatus(path="/userrealm/", first=first), "get"),
        (lambda first: fault_from({"fault": "kdc-refuses", "first": first}), "request_ticket"),
        (lambda first: NameRemoved(name=LOGIN, first=first), "ask"),
    ],
    ids=["servfail", "delay", "http-status", "kdc-refuses", "name-removed"],
)
def test_so_many_exchanges_are_touched(fault: Any, exchange: str, first: int) -> None:
    """``first``: exactly that many, of any client; the next one is as without the fault."""
    board = FaultBoard()
    fault(first).apply(board.faults)
    for number in range(first):
        assert len(board.faults.active) == 1, number
        getattr(board, exchange)(client=f"client-{number}")
    assert board.endings == [(1, f"after the first {first}")]
    assert getattr(board, exchange)() is None
    assert board.store.current == HEALTHY


def test_exchanges_out_of_scope_are_not_counted() -> None:
    """Another name, another client, another path: no hits."""
    board = FaultBoard()
    ServFail(names=(LOGIN,), clients=("office",), first=1).apply(board.faults)
    HttpStatus(path="/token", clients=("office",), first=1).apply(board.faults)
    board.ask(AUTOLOGON)
    board.ask(client="curl")
    board.get("/common/userrealm/x")
    board.get("/common/token", client="curl")
    assert board.endings == []


@pytest.mark.parametrize("probability", [0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("exchange", ["ask", "get"])
def test_a_share_of_the_exchanges_is_touched(exchange: str, probability: float) -> None:
    """Of 2,000 exchanges the share, within four standard deviations; 1 touches all."""
    kind = "servfail" if exchange == "ask" else "http-status"
    board = FaultBoard()
    fault_from({"fault": kind, "probability": probability, "seed": 5}).apply(board.faults)
    find = getattr(board, exchange)
    touched = sum(find() is not None for _ in range(2_000))
    wide = 4 * (2_000 * probability * (1 - probability)) ** 0.5
    assert abs(touched - 2_000 * probability) <= wide


def _draws(board: FaultBoard, client: str, number: int = 24) -> list[bool]:
    return [board.ask(client=client) is not None for _ in range(number)]


@given(st.integers(-5, 5), st.lists(st.sampled_from(["curl", "excel"]), max_size=6))
@settings(max_examples=25, deadline=None)
def test_other_clients_do_not_change_a_clients_luck(seed: int, others: list[str]) -> None:
    """The random numbers are of the fault's seed and the client's name, so a run can be repeated."""
    alone, together = FaultBoard(), FaultBoard()
    for board in (alone, together):
        ServFail(probability=0.5, seed=seed).apply(board.faults)
    for other in others:
        together.ask(client=other)
    assert _draws(alone, "office") == _draws(together, "office")


def test_another_seed_or_client_is_another_sequence() -> None:
    """Else all clients of a fleet would fail at the same moment, and ``--seed`` would change nothing."""
    boards = [FaultBoard() for _ in range(2)]
    for seed, board in enumerate(boards):
        ServFail(probability=0.5, seed=seed).apply(board.faults)
    first, second = (_draws(board, "office", 64) for board in boards)
    assert first != second
    assert _draws(boards[0], "curl", 64) != first


@pytest.mark.parametrize(
    ("fields", "low", "high", "mean"),
    [
        ({"seconds": 2}, 2, 2, 2),
        ({"seconds": 2, "distribution": "uniform", "spread": 1}, 1, 3, 2),
        ({"seconds": 2, "distribution": "uniform", "spread": 5}, 0, 7, 2.3),
        ({"seconds": 2, "distribution": "uniform", "spread": 2, "longest": 3}, 0, 3, 1.9),
        ({"seconds": 2, "distribution": "exponential"}, 0, 60, 2),
        ({"seconds": 2, "distribution": "exponential", "longest": 2.5}, 0, 2.5, 1.4),
    ],
)
def test_delays_are_drawn_as_the_distribution_says(
    fields: dict[str, Any], low: float, high: float, mean: float
) -> None:
    """The bounds hold for each of 1,500 draws, none is negative, and the mean is near that of the distribution."""
    board = FaultBoard()
    fault_from({"fault": "delay", "seed": 3, **fields}).apply(board.faults)
    effects = [board.ask() for _ in range(1_500)]
    delays = [0.0 if effect is None else effect.delay for effect in effects]
    assert low <= min(delays) <= max(delays) <= high
    assert sum(delays) / len(delays) == pytest.approx(mean, rel=0.12)


@pytest.mark.parametrize(
    ("value", "ok"),
    [(0, False), (1, True), (-1, False), (10**9, True)],
)
@pytest.mark.parametrize(
    "fault", [{"fault": "drop"}, {"fault": "kdc-silent"}, {"fault": "name-removed", "name": LOGIN}]
)
def test_first_is_one_or_more(fault: dict[str, Any], value: int, *, ok: bool) -> None:
    """A fault of no exchange is none."""
    if ok:
        assert fault_from({**fault, "first": value}).hit_limit == value
    else:
        with pytest.raises(FaultError, match=f"first {value} is not 1 or more"):
            fault_from({**fault, "first": value})


@pytest.mark.parametrize(("value", "ok"), [(0, False), (0.001, True), (31_622_400, True), (31_622_401, False)])
def test_a_time_limit_is_above_0_and_at_most_a_year(value: float, *, ok: bool) -> None:
    """Of every fault, also of one that counts no exchanges."""
    data = {"fault": "delegation-removed", "zone": "fabrikam.com", "for_s": value}
    if ok:
        assert fault_from(data).for_s == value
    else:
        with pytest.raises(FaultError, match="is not above 0 and at most 31622400 seconds"):
            fault_from(data)


def test_undoing_all_counts_them() -> None:
    """The newest first, so that each is undone over the same layers as it was applied."""
    board = FaultBoard()
    faults: list[Fault] = [NameRemoved(name=LOGIN), ServFail(), HttpStatus()]
    for fault in faults:
        fault.apply(board.faults)
    assert board.faults.undo_all() == 3
    assert [number for number, _ in board.endings] == [3, 2, 1]
    assert board.faults.undo_all() == 0
