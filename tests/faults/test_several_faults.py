"""Several faults on one exchange: delays add up, the newest that decides is used, and only what is used counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ssosim.dns import Effect
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.faults import (
    Delay,
    Drop,
    Fault,
    HttpDelay,
    HttpPage,
    HttpSilent,
    HttpStatus,
    JwksKeyRemoved,
    KdcDelay,
    KdcEffect,
    KdcRefuses,
    KdcSilent,
    NameRemoved,
    NxDomain,
    Refused,
    ServFail,
    TtlChanged,
    WrongAddress,
)
from ssosim.trace import DnsAnswered
from tests.faults.fault_board import AUTOLOGON, LOGIN, STS, FaultBoard


def _ask(board: FaultBoard) -> Effect | HttpEffect | KdcEffect | None:
    return board.ask()


def _get(board: FaultBoard) -> Effect | HttpEffect | KdcEffect | None:
    return board.get()


def _request(board: FaultBoard) -> Effect | HttpEffect | KdcEffect | None:
    decision = board.request_ticket()
    return None if decision is None else decision.effect


Exchange = Callable[[FaultBoard], Effect | HttpEffect | KdcEffect | None]
DECIDING: list[tuple[Exchange, Callable[[int | None], Fault], Callable[[int | None], Fault]]] = [
    (_ask, lambda first: Refused(first=first), lambda first: ServFail(first=first)),
    (_ask, lambda first: Drop(first=first), lambda first: NxDomain(first=first)),
    (_get, lambda first: HttpStatus(first=first), lambda first: HttpPage(first=first)),
    (_get, lambda first: HttpSilent(first=first), lambda first: HttpStatus(first=first)),
    (_request, lambda first: KdcRefuses(first=first), lambda first: KdcSilent(first=first)),
    (_request, lambda first: KdcSilent(first=first), lambda first: KdcRefuses(error="KDC_ERR_POLICY", first=first)),
]
IDS = ["refused-servfail", "drop-nxdomain", "status-page", "silent-status", "refuses-silent", "silent-refuses"]


def alone(fault: Fault, exchange: Exchange) -> list[tuple[str, object]]:
    """What the fault does if it is the only one, without the numbers of faults and functions made for it."""
    return _comparable(_applied(fault), exchange)


def _applied(*faults: Fault) -> FaultBoard:
    board = FaultBoard()
    for fault in faults:
        fault.apply(board.faults)
    return board


def _comparable(board: FaultBoard, exchange: Exchange) -> list[tuple[str, object]]:
    effect = exchange(board)
    fields = () if effect is None else effect.__slots__
    left_out = ("faults", "delayed_by", "replacement", "change")
    return [(name, getattr(effect, name)) for name in fields if name not in left_out]


@pytest.mark.parametrize(("exchange", "older", "newer"), DECIDING, ids=IDS)
def test_the_newest_fault_decides(
    exchange: Exchange, older: Callable[[int | None], Fault], newer: Callable[[int | None], Fault]
) -> None:
    """Of two faults that decide an exchange the newer one is used, whatever the order of their names."""
    assert _comparable(_applied(older(None), newer(None)), exchange) == alone(newer(None), exchange)
    assert _comparable(_applied(newer(None), older(None)), exchange) == alone(older(None), exchange)


@pytest.mark.parametrize(("exchange", "older", "newer"), DECIDING, ids=IDS)
def test_a_fault_whose_effect_was_not_used_is_not_counted(
    exchange: Exchange, older: Callable[[int | None], Fault], newer: Callable[[int | None], Fault]
) -> None:
    """``first = 1``: the newer one ends after the first exchange, and the older one meets the second."""
    board = _applied(older(1), newer(1))
    assert _comparable(board, exchange) == alone(newer(None), exchange)
    assert board.endings == [(2, "after the first 1")]
    assert _comparable(board, exchange) == alone(older(None), exchange)
    assert board.endings == [(2, "after the first 1"), (1, "after the first 1")]
    assert exchange(board) is None


@pytest.mark.parametrize(("exchange", "older", "newer"), DECIDING, ids=IDS)
def test_undoing_the_newer_fault_leaves_the_older(
    exchange: Exchange, older: Callable[[int | None], Fault], newer: Callable[[int | None], Fault]
) -> None:
    """The older fault was in force all the time, and is seen again as if the newer one had never been there."""
    board = _applied(older(None))
    undo = newer(None).apply(board.faults)
    undo()
    assert _comparable(board, exchange) == alone(older(None), exchange)


@pytest.mark.parametrize(
    ("exchange", "delays", "decides", "whole"),
    [
        (_ask, (Delay(seconds=1), Delay(seconds=2)), ServFail(), 3.0),
        (_get, (HttpDelay(seconds=1), HttpDelay(seconds=2)), HttpStatus(), 3.0),
        (_request, (KdcDelay(seconds=1), KdcDelay(seconds=2)), KdcRefuses(), 3.0),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_delays_add_up_beside_the_fault_that_decides(
    exchange: Exchange, delays: tuple[Fault, Fault], decides: Fault, whole: float, place: int
) -> None:
    """Both delays and the deciding effect, in whatever order they were applied."""
    faults = list(delays)
    faults.insert(place, decides)
    effect = exchange(_applied(*faults))
    assert effect is not None
    assert effect.delay == whole
    assert [each for each in _comparable(_applied(*faults), exchange) if each[0] != "delay"] == [
        each for each in alone(decides, exchange) if each[0] != "delay"
    ]


def test_the_trace_names_who_decided_and_who_delayed() -> None:
    """``faults`` are those that decide the content; those that only delay it are ``delayed_by``."""
    board = _applied(Delay(seconds=1), ServFail(), HttpDelay(seconds=2), HttpStatus(), HttpPage(), KdcDelay(seconds=1))
    asked, got = board.ask(), board.get()
    assert asked is not None
    assert got is not None
    assert (asked.faults, asked.delayed_by) == ((2,), (1,))
    assert (got.faults, got.delayed_by) == ((5,), (3,))
    decision = board.request_ticket()
    assert decision is not None
    assert decision.faults == (), "a delay in time is no cause"


@pytest.mark.parametrize(
    ("exchange", "faults", "late", "number"),
    [
        (_ask, (Delay(seconds=6), Delay(seconds=6)), lambda effect: effect.drop, (2, 1)),
        (_get, (HttpDelay(seconds=16), HttpDelay(seconds=16)), lambda effect: effect.silent, (2, 1)),
        (_request, (KdcDelay(seconds=8), KdcDelay(seconds=8)), lambda effect: effect.silent, None),
    ],
)
def test_two_delays_are_together_longer_than_a_model_waits(
    exchange: Exchange, faults: tuple[Fault, ...], late: Callable[[object], bool], number: tuple[int, ...] | None
) -> None:
    """An answer after the timeout of a model's device is none; a program gets it late."""
    model, program = FaultBoard(models=True), FaultBoard()
    for fault in faults:
        fault.apply(model.faults)
        fault.apply(program.faults)
    effect, real = exchange(model), exchange(program)
    assert effect is not None
    assert real is not None
    assert late(effect)
    assert not late(real)
    assert number is None or effect.faults == number  # type: ignore[union-attr]


def test_a_change_of_the_reply_is_one_of_the_effects_that_decide() -> None:
    """A newer page replaces the document, so the fault that would change the document is not used and not counted."""
    board = _applied(JwksKeyRemoved(first=1), HttpPage(first=1))
    effect = board.get("/common/discovery/v2.0/keys")
    assert effect is not None
    assert effect.reply is not None
    assert effect.change is None
    effect = board.get("/common/discovery/v2.0/keys")
    assert effect is not None
    assert effect.change is not None
    assert board.get("/common/discovery/v2.0/keys") is None


@pytest.mark.parametrize("answer_fault", [ServFail(), Refused(), Drop(), NxDomain()])
@pytest.mark.parametrize("is_older", [True, False])
def test_an_answer_without_the_content_of_the_zones_is_no_hit_of_a_zone_fault(
    answer_fault: Fault, *, is_older: bool
) -> None:
    """``name-removed`` with ``first`` counts the answers that it made different; SERVFAIL is not one of them."""
    removed = NameRemoved(name=LOGIN, first=1)
    board = _applied(*((removed, answer_fault) if is_older else (answer_fault, removed)))
    board.ask()
    board.ask()
    assert board.endings == []
    board.faults.undo(2 if is_older else 1)
    assert board.look_up().outcome == "NXDOMAIN"
    board.ask()
    assert board.endings[-1] == (1 if is_older else 2, "after the first 1")


@pytest.mark.parametrize(
    ("name", "kind", "is_hit"),
    [(LOGIN, "A", True), (LOGIN, "AAAA", False), (AUTOLOGON, "A", False), (STS, "A", False)],
)
def test_a_zone_fault_counts_the_answers_that_it_made_different(name: str, kind: str, *, is_hit: bool) -> None:
    """Answers about other names and types are the same as before the fault, so they are no hits."""
    board = _applied(WrongAddress(name=LOGIN, first=1))
    board.ask(name, kind)
    assert bool(board.endings) is is_hit


def test_an_answer_that_differs_by_its_ttl_only_is_another_answer() -> None:
    """The TTL is a part of the record set (RFC 2181 section 5.2), so ``ttl-changed`` can be limited to answers."""
    board = _applied(TtlChanged(name=LOGIN, ttl=5, first=2))
    board.ask()
    assert board.look_up().answer[0].ttl == 5
    board.ask()
    assert board.endings == [(1, "after the first 2")]
    assert board.look_up().answer[0].ttl != 5


def test_an_unreadable_question_is_no_hit() -> None:
    """The trace has a question that no parser reads; a fault that counts answers ignores it and does not fail."""
    board = _applied(NameRemoved(name=LOGIN, first=1))
    find = board.faults.state.rules[0].effect
    assert find(DnsAnswered(name="a..b", type="A", rcode="FORMERR"), "office") is None
    assert find(DnsAnswered(name=LOGIN, type="no-type", rcode="FORMERR"), "office") is None
    assert board.endings == []
