"""The sentence about a fault that touched nothing: when it is said, and with which reason, from records alone."""

from __future__ import annotations

from typing import Any

import pytest

from ssosim.faults import Fault, fault_from
from ssosim.scenario.idle_faults import describe_idle_faults
from ssosim.trace import (
    ConnectionFailed,
    DnsAnswered,
    Event,
    FaultApplied,
    FaultUndone,
    HttpExchange,
    KdcExchange,
    LabEvent,
    Record,
)
from tests.scenario.scenarios import make_phase

LOGIN, GRAPH = "login.microsoftonline.com", "graph.microsoft.com"
SAME = "no exchange would have been another one without it"


def asked(name: str, *answers: str, by: str = "", faults: tuple[int, ...] = ()) -> DnsAnswered:
    """An answer of DNS."""
    return DnsAnswered(name=name, type="A", rcode="NOERROR", answers=answers, by=by, faults=faults)


def got(host: str, status: int = 200, **fields: Any) -> HttpExchange:
    """An exchange of HTTP."""
    return HttpExchange(host=host, method="GET", path="/", status=status, **fields)


def requested(**fields: Any) -> KdcExchange:
    """A request to the KDC."""
    return KdcExchange(**{"request": "TGS", "service": "HTTP/x", "outcome": "issued"} | fields)


def applied(fault: Fault, number: int = 1) -> FaultApplied:
    """The record that a fault was applied."""
    return FaultApplied(name=fault.fault_name, detail=fault.detail, id=number)


def describe(faults: list[dict[str, Any]], *events: Event | tuple[str, Event]) -> tuple[str, ...]:
    """The sentences about a phase with these faults, which were applied first, and the client ``office``."""
    phase = make_phase(faults=faults)
    told: list[tuple[str, Event]] = [("", applied(fault, number)) for number, fault in enumerate(phase.faults, 1)]
    told += [each if isinstance(each, tuple) else ("office", each) for each in events]
    records = [Record(seq, float(seq), client, event) for seq, (client, event) in enumerate(told, 1)]
    return describe_idle_faults(phase, ["office", "curl"], records)


@pytest.mark.parametrize(
    ("fault", "events", "reason"),
    [
        ({"fault": "servfail", "names": [GRAPH]}, [asked(LOGIN)], f"no client asked for {GRAPH}"),
        (
            {"fault": "servfail", "names": ["microsoftonline.com"]},
            [asked(LOGIN)],
            "no client asked for microsoftonline",
        ),
        ({"fault": "servfail", "names": ["*.microsoft.com"]}, [asked(LOGIN)], "no client asked for *.microsoft.com"),
        ({"fault": "servfail", "names": ["*.microsoft.com"]}, [asked("microsoft.com")], "no client asked for *.micro"),
        ({"fault": "servfail", "names": ["*.com"], "types": ["TXT"]}, [asked(LOGIN)], SAME),
        ({"fault": "servfail", "names": [LOGIN.upper() + "."], "types": ["TXT"]}, [asked(LOGIN)], SAME),
        ({"fault": "servfail", "names": [GRAPH, "x.example"]}, [asked(LOGIN)], f"asked for {GRAPH} or x.example"),
        ({"fault": "wrong-address", "name": GRAPH}, [asked(LOGIN)], f"no client asked for {GRAPH}"),
        ({"fault": "wrong-address", "name": GRAPH}, [asked(LOGIN, f"CNAME {GRAPH}.")], SAME),
        ({"fault": "delegation-removed", "zone": "microsoft.com"}, [asked(GRAPH)], SAME),
        ({"fault": "delegation-removed", "zone": "microsoft.com"}, [asked("microsoft.com")], SAME),
        ({"fault": "delegation-removed", "zone": "microsoft.com"}, [asked("notmicrosoft.com")], "no client asked for"),
        ({"fault": "http-status", "host": GRAPH}, [got(LOGIN)], f"no client asked for {GRAPH}"),
        ({"fault": "http-status", "host": GRAPH, "path": "/x"}, [got(GRAPH)], SAME),
        ({"fault": "certificate-expired", "host": GRAPH}, [got(LOGIN)], f"no client asked for {GRAPH}"),
        ({"fault": "kdc-silent"}, [got(LOGIN)], "no client asked the KDC"),
        ({"fault": "kdc-silent", "kdcs": ["dc2"]}, [requested()], SAME),
        (
            {"fault": "kdc-silent", "kdcs": ["dc2"]},
            [ConnectionFailed(host="dc1", address="10.0.0.1", stage="connect", reason="refused", port=88)],
            SAME,
        ),
        ({"fault": "key-rolled"}, [requested()], "no service refused a ticket because of its key"),
        ({"fault": "servfail", "clients": ["excel"]}, [asked(LOGIN)], "it is for excel only, which did not play"),
        ({"fault": "servfail", "clients": ["office"]}, [("curl", asked(LOGIN))], "it is for office only"),
        ({"fault": "servfail", "clients": ["office", "curl"], "types": ["TXT"]}, [asked(LOGIN)], SAME),
        ({"fault": "servfail"}, [], "no client sent anything"),
        ({"fault": "servfail"}, [("resolver", asked(LOGIN))], "no client sent anything"),
        ({"fault": "servfail", "at": "resolver", "servers": ["a"]}, [asked(LOGIN, by="b")], "office asks b"),
        (
            {"fault": "servfail", "at": "resolver", "servers": ["a"]},
            [asked(LOGIN, by="b"), ("curl", asked(LOGIN, by="c"))],
            "office asks b, curl asks c",
        ),
        ({"fault": "servfail", "at": "resolver", "servers": ["a"]}, [asked(LOGIN, by="a")], SAME),
        ({"fault": "ttl-changed", "name": GRAPH, "ttl": 5}, [asked(LOGIN)], f"no client asked for {GRAPH}"),
        (
            {"fault": "servfail", "clients": ["office"]},
            [asked(LOGIN, by="resolver-1")],
            'name servers see resolver-1 and not office; at = "resolver" is for answers to clients',
        ),
        ({"fault": "servfail", "clients": ["office"], "at": "resolver"}, [asked(LOGIN, by="resolver-1")], SAME),
        ({"fault": "ttl-changed", "name": LOGIN, "ttl": 5}, [asked(LOGIN)], "no client asked a resolver, so no cache"),
    ],
)
def test_the_reason_is_what_the_clients_did_instead(
    fault: dict[str, Any], events: list[Event | tuple[str, Event]], reason: str
) -> None:
    """The first that holds: nothing was sent, another client, another server, another name, no KDC, no difference."""
    (said,) = describe([fault], *events)
    assert said.startswith(f"{fault['fault']} touched nothing: ")
    assert reason in said


@pytest.mark.parametrize(
    ("fault", "events"),
    [
        ({"fault": "servfail"}, [asked(LOGIN, faults=(1,))]),
        ({"fault": "servfail"}, [("resolver", asked(LOGIN, faults=(1,)))]),
        ({"fault": "http-status"}, [got(LOGIN, 503, faults=(1,))]),
        ({"fault": "kdc-silent"}, [requested(outcome="no answer", faults=(1,))]),
        # what a trace does not show: TTLs, and delays of what came in time
        ({"fault": "ttl-changed", "name": LOGIN, "ttl": 5}, [asked(LOGIN, by="resolver-1")]),
        ({"fault": "ttl-changed", "name": LOGIN, "ttl": 5}, [LabEvent(part="device", text="desk-1"), asked(LOGIN)]),
        ({"fault": "http-delay", "seconds": 5}, [got(LOGIN)]),
        ({"fault": "delay", "seconds": 1}, [asked(LOGIN)]),
        # a request with a refresh token says not whose it is; the code is what shows the fault
        ({"fault": "user-disabled", "user": "alice@contoso.com"}, [got(LOGIN, 400, code=50057)]),
        ({"fault": "user-disabled", "user": "alice@contoso.com"}, [got("sts.fabrikam.com", 500)]),
    ],
)
def test_a_fault_that_may_have_touched_something_is_not_called_idle(
    fault: dict[str, Any], events: list[Event | tuple[str, Event]]
) -> None:
    """An exchange names it, or it is of a kind whose effect an exchange does not name."""
    assert describe([fault], *events) == ()


@pytest.mark.parametrize(
    "event",
    [
        got(LOGIN, 400, code=50053),
        got(LOGIN, 200),
        got("sts.fabrikam.com", 500, injected=True),
        got("sts.fabrikam.com", 500, faults=(2,)),
        got("sts.fabrikam.com", 404),
    ],
)
def test_another_refusal_is_not_the_directorys(event: HttpExchange) -> None:
    """Another code, a good answer, and an error that another fault explains: the user of the fault did not sign in."""
    (said,) = describe([{"fault": "user-disabled", "user": "alice@contoso.com"}], event)
    assert said == f"user-disabled touched nothing: {SAME}"


def test_each_fault_has_its_own_sentence_once() -> None:
    """Of several faults those that touched nothing, in their order; the same sentence is said once."""
    faults = [
        {"fault": "servfail", "names": [GRAPH]},
        {"fault": "servfail", "names": [LOGIN]},
        {"fault": "drop", "names": [GRAPH]},
        {"fault": "servfail", "names": [GRAPH], "types": ["A"]},
    ]
    found = describe(faults, asked(LOGIN, faults=(2,)))
    assert found == (
        f"servfail touched nothing: no client asked for {GRAPH}",
        f"drop touched nothing: no client asked for {GRAPH}",
    )


def test_a_fault_that_began_anew_is_said_only_if_it_never_touched_anything() -> None:
    """In a phase whose faults change, each program has the fault anew; one of them met it."""
    fault = fault_from({"fault": "drop", "for_s": 5})
    phase = make_phase(faults=[{"fault": "drop", "for_s": 5}])
    events = [
        ("", applied(fault)),
        ("office", asked(LOGIN, faults=(1,))),
        ("", applied(fault, 2)),
        ("curl", asked(LOGIN)),
    ]
    records = [Record(seq, float(seq), client, event) for seq, (client, event) in enumerate(events, 1)]
    assert describe_idle_faults(phase, ["office", "curl"], records) == ()


@pytest.mark.parametrize(
    ("events", "is_said"),
    [
        (["begins", "over", "message"], True),
        (["begins", "message", "over"], False),
        (["over", "begins", "message"], False),
        (["begins", "over"], False),
    ],
)
def test_a_fault_that_was_over_before_the_first_message(events: list[str], *, is_said: bool) -> None:
    """A program that takes two seconds to start does not meet a fault of one; the sentence says what to write."""
    fault = fault_from({"fault": "drop", "for_s": 1})
    phase = make_phase(faults=[{"fault": "drop", "for_s": 1}])
    told: dict[str, tuple[str, Event]] = {
        "begins": ("curl", LabEvent(part="device", text="started")),
        "over": ("", FaultUndone(name="drop", detail=fault.detail, reason="after 1 s", id=1)),
        "message": ("curl", asked(LOGIN)),
    }
    all_events = [("", applied(fault)), *(told[each] for each in events)]
    records = [Record(seq, float(seq), client, event) for seq, (client, event) in enumerate(all_events, 1)]
    found = describe_idle_faults(phase, ["curl"], records)
    assert (
        any("was over before the first message of curl" in each and "first-message" in each for each in found)
        is is_said
    )


def test_a_trace_of_an_older_version_says_nothing() -> None:
    """Its faults have no numbers, so nobody knows what they touched."""
    phase = make_phase(faults=[{"fault": "drop"}])
    records = [Record(1, 1.0, "", FaultApplied(name="drop", detail=phase.faults[0].detail))]
    assert describe_idle_faults(phase, ["office"], records) == ()
