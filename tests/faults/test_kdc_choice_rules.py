"""Which of several KDCs answers: libkrb5 asks them in order, waits a second for each, and takes the first reply."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.faults import KdcDelay, KdcRefuses, KdcSilent, fault_from
from ssosim.faults.core.kdc_choice import NEXT_KDC_S, KdcChoice, choose_kdc
from ssosim.faults.core.kdc_effect import KdcDecision, KdcEffect, KdcRule, list_closed_kdcs
from tests.faults.fault_board import FaultBoard

SILENT, CLOSED = KdcEffect(silent=True), KdcEffect(refused=True)
ANSWERS = {"good": None, "silent": SILENT, "closed": CLOSED, "error": KdcEffect(error=14)}


def choose(*kinds: str | float) -> tuple[KdcChoice, list[str]]:
    """Choose among KDCs that answer, are silent, are closed, refuse, or answer after so many seconds; who was asked."""
    effects = [KdcEffect(delay=each) if isinstance(each, int | float) else ANSWERS[each] for each in kinds]
    names = [f"dc{number}" for number in range(len(kinds))]
    asked: list[str] = []

    def decide(name: str) -> KdcDecision | None:
        asked.append(name)
        effect = effects[names.index(name)]
        return None if effect is None else KdcDecision(effect, ())

    return choose_kdc(names, decide), asked


@pytest.mark.parametrize(
    ("kinds", "number", "wait", "asked"),
    [
        # krb5, lib/krb5/os/sendto_kdc.c: in order; a second for each; at once where the connection is refused
        (["good"], 0, 0, 1),
        (["good", "good"], 0, 0, 1),
        (["silent", "good"], 1, 1, 2),
        (["silent", "silent", "good"], 2, 2, 3),
        (["closed", "good"], 1, 0, 2),
        (["closed", "silent", "good"], 2, 1, 3),
        (["silent", "closed", "good"], 2, 1, 3),
        (["error", "good"], 0, 0, 1),
        (["silent", "error", "good"], 1, 1, 2),
        # a reply after more than a second: the next one is asked meanwhile, and the reply that comes first counts
        ([0.5, "good"], 0, 0, 1),
        ([1.0, "good"], 0, 0, 1),
        ([1.5, "good"], 1, 1, 2),
        ([1.5, 3.0], 0, 0, 2),
        ([5.0, "silent", "good"], 2, 2, 3),
        ([5.0, "silent", "silent"], 0, 0, 3),
        ([9.0, 5.0, 1.0], 2, 2, 3),
        (["silent", 5.0], 1, 1, 2),
    ],
)
def test_who_answers_after_which_wait(kinds: list[str | float], number: int, wait: float, asked: int) -> None:
    """The KDC whose reply counts, how long it took until it was asked, and how many were asked at all."""
    choice, who = choose(*kinds)
    assert (choice.number, choice.wait, len(who)) == (number, wait, asked)


@pytest.mark.parametrize(
    ("kinds", "passed"),
    [
        (["silent", "good"], [0]),
        (["closed", "silent", "good"], [0, 1]),
        ([1.5, "good"], [0]),
        ([1.5, 3.0], [1]),
        ([5.0, "silent", "good"], [0, 1]),
        (["good", "silent"], []),
    ],
)
def test_who_was_asked_in_vain(kinds: list[str | float], passed: list[int]) -> None:
    """Each KDC that was asked and whose reply did not count is in the trace, so that a fault of it can be a cause."""
    choice, _ = choose(*kinds)
    assert sorted(each.number for each in choice.passed) == passed
    assert choice.number not in passed


@pytest.mark.parametrize(
    ("kinds", "number", "wait", "passed"),
    [
        (["closed"], 0, 0, []),
        (["closed", "closed"], 1, 0, [0]),
        (["silent"], 0, 0, []),
        (["silent", "closed"], 0, 0, [1]),
        (["closed", "silent"], 1, 0, [0]),
        (["silent", "silent"], 1, 13, [0]),
        (["silent", "silent", "silent"], 2, 26, [0, 1]),
    ],
)
def test_where_none_answers(kinds: list[str | float], number: int, wait: float, passed: list[int]) -> None:
    """The last silent KDC has the failure, and each further silent one makes the wait longer; a closed one does not."""
    choice, asked = choose(*kinds)
    assert (choice.number, choice.wait) == (number, wait)
    assert sorted(each.number for each in choice.passed) == passed
    assert len(asked) == len(kinds)
    assert choice.decision is not None
    assert choice.decision.effect.is_missing


@given(st.lists(st.sampled_from(["good", "silent", "closed", "error"]) | st.floats(0.1, 9), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_the_first_reply_counts(kinds: list[str | float]) -> None:
    """For all KDCs: nobody who was asked replies earlier than the one that is chosen, and all before it were asked."""
    choice, asked = choose(*kinds)
    replies, wait = {}, 0.0
    for number, kind in enumerate(kinds):
        if number >= len(asked):
            break
        if kind in ("silent", "closed"):
            wait += NEXT_KDC_S if kind == "silent" else 0.0
            continue
        replies[number] = wait + (kind if isinstance(kind, float) else 0.0)
        wait += NEXT_KDC_S
    if replies:
        assert choice.number == min(replies, key=lambda number: (replies[number], number))
    else:
        assert choice.decision is not None
        assert choice.decision.effect.is_missing


@pytest.mark.parametrize(
    ("fault", "kdc", "is_met"),
    [
        (KdcSilent(), "", True),
        (KdcSilent(), "dc1", True),
        (KdcSilent(kdcs=("dc1",)), "dc1", True),
        (KdcSilent(kdcs=("dc1",)), "dc2", False),
        (KdcSilent(kdcs=("dc1",)), "", False),
        (KdcRefuses(clients=("curl",)), "dc1", False),
        (KdcRefuses(clients=("curl", "office")), "dc1", True),
        (fault_from({"fault": "kdc-connection-refused", "kdcs": ["dc2"]}), "dc1", False),
        (fault_from({"fault": "kdc-connection-refused", "kdcs": ["dc1"]}), "dc1", True),
    ],
)
def test_a_fault_is_of_its_kdcs_and_clients(fault: KdcSilent, kdc: str, *, is_met: bool) -> None:
    """Without ``kdcs`` it is each of them; a KDC without a name meets only such faults."""
    board = FaultBoard()
    fault.apply(board.faults)
    assert (board.request_ticket(kdc=kdc) is not None) is is_met


def test_looking_ahead_is_no_hit() -> None:
    """``decide_kdc_request`` may be asked about KDCs that no request reaches; only a request is counted."""
    board = FaultBoard()
    KdcRefuses(first=1).apply(board.faults)
    for _ in range(3):
        assert board.faults.decide_kdc_request(None, "office") is not None  # type: ignore[arg-type]
    assert board.endings == []
    assert board.request_ticket() is not None
    assert board.endings == [(1, "after the first 1")]
    assert board.request_ticket() is None


def test_a_reply_in_time_is_because_of_no_delay() -> None:
    """Delays are named as causes only where the reply comes too late for a model."""
    board, late = FaultBoard(models=True), FaultBoard(models=True)
    KdcDelay(seconds=14.9).apply(board.faults)
    KdcDelay(seconds=15).apply(late.faults)
    in_time, too_late = board.request_ticket(), late.request_ticket()
    assert in_time is not None
    assert too_late is not None
    assert (in_time.effect.silent, in_time.faults) == (False, ())
    assert (too_late.effect.silent, too_late.faults) == (True, (1,))


@pytest.mark.parametrize(
    ("rules", "closed"),
    [
        ([], {}),
        ([("closed", (), 1)], {"dc1": 1, "dc2": 1}),
        ([("closed", ("dc1",), 1)], {"dc1": 1}),
        ([("closed", ("dc1",), 1), ("closed", ("dc2",), 2)], {"dc1": 1, "dc2": 2}),
        ([("closed", ("dc1",), 1), ("closed", (), 2)], {"dc1": 2, "dc2": 2}),
        ([("silent", (), 1)], {}),
    ],
)
def test_the_ports_that_are_closed(rules: list[tuple[str, tuple[str, ...], int]], closed: dict[str, int]) -> None:
    """Where nothing listens, by the newest fault that closes the port; a silent KDC listens."""
    made = [
        KdcRule(lambda _message, _client: None, fault=fault, kdcs=kdcs, closed=kind == "closed")
        for kind, kdcs, fault in rules
    ]
    assert list_closed_kdcs(made, ["dc1", "dc2"]) == closed
