"""What holds for every trace of one client: properties of the judge, the measures and the explanation."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.trace import (
    ClientFinished,
    ClientMessage,
    ConnectionFailed,
    DnsAnswered,
    Event,
    FaultApplied,
    HttpExchange,
    KdcExchange,
    LabEvent,
    LastStepDeclared,
    PhaseStarted,
    Record,
    SignInStep,
    TicketChecked,
    TokenIssued,
    UnattendedSignIn,
    UserPrompted,
)
from ssosim.verdict import Outcome, judge, measure
from ssosim.verdict.explain import explain

HOSTS = st.sampled_from(["login.example", "web.corp", "graph.example"])
FAULTS = st.sampled_from([(), (), (1,), (7,)])
HTTP = st.builds(
    HttpExchange,
    host=HOSTS,
    method=st.sampled_from(["GET", "POST", "OPTIONS"]),
    path=st.sampled_from(["/", "/token"]),
    status=st.sampled_from([0, 200, 302, 400, 401, 403, 404, 429, 500, 503]),
    auth=st.sampled_from(["none", "kerberos", "ntlm", "negotiate", "password", "bearer"]),
    code=st.sampled_from([None, None, 50126, 70016, 90033]),
    injected=st.booleans(),
    step=st.sampled_from([SignInStep.OTHER, SignInStep.REALM, SignInStep.TOKEN, SignInStep.MANAGED_IDENTITY]),
    faults=FAULTS,
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    HTTP,
    HTTP,
    st.builds(
        DnsAnswered,
        name=HOSTS,
        type=st.sampled_from(["A", "AAAA", "PTR", "SRV"]),
        rcode=st.sampled_from(["NOERROR", "NODATA", "NXDOMAIN", "SERVFAIL", "REFUSED", "DROPPED", "TRUNCATED"]),
        answers=st.sampled_from([(), ("A 192.0.2.1",), ("CNAME web.corp",), ("CNAME web.corp", "A 192.0.2.1")]),
        by=st.sampled_from(["", "resolver"]),
        faults=FAULTS,
    ),
    st.builds(
        KdcExchange,
        request=st.sampled_from(["AS", "TGS", "AP", "unreadable"]),
        service=st.sampled_from(["HTTP/web.corp", "krbtgt/CORP", ""]),
        outcome=st.sampled_from(["issued", "no answer", "KDC_ERR_S_PRINCIPAL_UNKNOWN", "KDC_ERR_PREAUTH_REQUIRED"]),
        faults=FAULTS,
    ),
    st.builds(TicketChecked, accepted=st.booleans(), mechanism=st.sampled_from(["kerberos", "ntlm"])),
    st.builds(
        TokenIssued,
        kind=st.sampled_from(["assertion", "access", "refresh", "id", "browser"]),
        grant=st.sampled_from(["password", "refresh_token", "managed_identity", "client_credentials"]),
        subject=st.just("a"),
        not_checked=st.sampled_from([(), ("mfa",)]),
    ),
    st.builds(
        ConnectionFailed,
        host=HOSTS,
        address=st.just("192.0.2.1"),
        stage=st.sampled_from(["dns", "connect", "tls", "read"]),
        reason=st.sampled_from(["refused", "unknown_ca", "unfinished"]),
        by=st.sampled_from(["device", "server", "wire"]),
        port=st.sampled_from([0, 88, 443]),
        step=st.sampled_from([SignInStep.UNKNOWN, SignInStep.REALM, SignInStep.MANAGED_IDENTITY]),
        faults=FAULTS,
    ),
    st.just(UserPrompted(reason="password")),
    st.just(UnattendedSignIn(reason="form")),
    st.just(LastStepDeclared(last_step=SignInStep.WSTRUST_TICKET)),
    st.just(LabEvent(part="device", text="started")),
    st.builds(
        ClientFinished,
        program=st.just("p"),
        exit_code=st.sampled_from([0, 1, 139, -9]),
        stopped=st.sampled_from(["", "deadline", "request", "limit"]),
    ),
)
TRACES = st.lists(EVENTS, max_size=14)
SIGNED_IN = (Outcome.SILENT, Outcome.INTERACTIVE)
few = settings(max_examples=60)


def make_records(events: Sequence[Event], client: str = "c", times: Sequence[float] = ()) -> list[Record]:
    """One record a second, or at these times."""
    moments = times or [100.0 + number for number in range(1, len(events) + 1)]
    return [Record(seq, at, client, event) for seq, (event, at) in enumerate(zip(events, moments, strict=True), 1)]


@few
@given(TRACES)
def test_each_verdict_is_whole(events: list[Event]) -> None:
    """Each trace has an outcome with a reason; its evidence are records that were given; prompts are those there."""
    records = make_records(events)
    found = judge(records, 100.0)
    assert found.reason.strip()
    assert set(found.evidence) <= {record.seq for record in records}
    assert list(found.evidence) == sorted(found.evidence)
    assert found.prompts == sum(isinstance(event, UserPrompted) for event in events)
    assert found.after_s is None or found.outcome is not Outcome.STALLED
    assert found.after_s is not None or found.outcome not in SIGNED_IN


@few
@given(TRACES)
def test_a_sign_in_has_its_record(events: list[Event]) -> None:
    """Nobody is signed in without a token or a page behind a ticket, and the evidence ends with that record."""
    records = make_records(events)
    found = judge(records, 100.0)
    if found.outcome not in SIGNED_IN:
        return
    proof = records[found.evidence[-1] - 1].event
    assert isinstance(proof, TokenIssued | HttpExchange)
    if isinstance(proof, HttpExchange):
        assert (proof.auth, proof.step, proof.injected) == ("kerberos", SignInStep.OTHER, False)
        assert 0 < proof.status < 400
        assert any(isinstance(event, TicketChecked) and event.accepted for event in events)
    assert found.after_s == records[found.evidence[-1] - 1].at - 100.0


@few
@given(TRACES)
def test_silent_means_that_nobody_was_asked(events: list[Event]) -> None:
    """With one prompt anywhere in the phase no sign-in is silent, and without one none is interactive."""
    outcome = judge(make_records(events), 100.0).outcome
    asked = any(isinstance(event, UserPrompted) for event in events)
    assert not (asked and outcome is Outcome.SILENT)
    assert asked or outcome is not Outcome.INTERACTIVE


@few
@given(TRACES, HOSTS, st.sampled_from([401, 403]))
def test_no_trace_that_ends_with_a_refused_token_is_a_sign_in(events: list[Event], host: str, status: int) -> None:
    """Whatever came before: the last thing that the client got is a refusal."""
    last = HttpExchange(host=host, method="GET", path="/last", status=status, auth="bearer", step=SignInStep.OTHER)
    assert judge(make_records([*events, last]), 100.0).outcome not in SIGNED_IN


@few
@given(TRACES)
def test_no_trace_that_ends_with_a_prompt_is_a_sign_in(events: list[Event]) -> None:
    """The user was asked, and nothing came after it."""
    assert judge(make_records([*events, UserPrompted(reason="again")]), 100.0).outcome not in SIGNED_IN


@few
@given(TRACES, st.sampled_from([1, 2, 125, 139, 255]))
def test_no_program_that_ends_with_an_error_is_signed_in(events: list[Event], code: int) -> None:
    """The exit code of the program counts, whatever it has printed and got: 139 is that of a segmentation fault."""
    end = ClientFinished(program="p", exit_code=code)
    said = ClientMessage(text="signed in: success")
    assert judge(make_records([*events, said, end]), 100.0).outcome not in SIGNED_IN


@few
@given(TRACES, st.text(max_size=30))
def test_no_outcome_depends_on_what_a_program_prints(events: list[Event], text: str) -> None:
    """A client that says that it has signed in is judged as one that says nothing."""
    quiet = judge(make_records(events), 100.0)
    loud = judge(make_records([ClientMessage(text=f"success {text}"), *events, ClientMessage(text=text)]), 100.0)
    assert (quiet.outcome, quiet.prompts, quiet.code) == (loud.outcome, loud.prompts, loud.code)


@few
@given(TRACES, st.lists(st.floats(0, 1e6), min_size=15, max_size=15))
def test_no_outcome_depends_on_times(events: list[Event], times: list[float]) -> None:
    """The order of records decides, so that verdicts are the same in real and in virtual time.

    The one exception is a TLS alert within a second after a prompt, which is part of the reason and not of the outcome.
    """
    ordered = sorted(times[: len(events)])
    timed, usual = judge(make_records(events, times=ordered), 0.0), judge(make_records(events), 100.0)
    assert (timed.outcome, timed.evidence, timed.prompts) == (usual.outcome, usual.evidence, usual.prompts)


@few
@given(TRACES)
def test_a_verdict_is_the_same_a_second_time(events: list[Event]) -> None:
    """The judge keeps nothing."""
    records = make_records(events)
    assert judge(records, 100.0) == judge(list(records), 100.0)


@few
@given(TRACES)
def test_measures_are_counts_of_what_is_there(events: list[Event]) -> None:
    """No figure is negative, none exceeds the number of records, and the peak is part of the requests."""
    records = make_records(events)
    found = measure(records, judge(records, 100.0), 100.0, 100.0)
    assert 0 <= found.failing_requests <= found.requests <= len(events)
    assert found.peak_requests_per_minute <= found.requests
    assert found.recovered_after_s is None or found.recovered_after_s >= 0
    assert found.requests_per_minute <= found.failing_requests
    assert (found.step is None) is (found.step_seq is None)


@few
@given(TRACES, TRACES)
def test_another_client_changes_no_verdict(events: list[Event], others: list[Event]) -> None:
    """Records of another client between those of this one: the outcome stays the same."""
    mixed: list[tuple[str, Event]] = []
    for number in range(max(len(events), len(others))):
        mixed += [("d", event) for event in others[number : number + 1]]
        mixed += [("c", event) for event in events[number : number + 1]]
    both = [Record(seq, 100.0 + seq, client, event) for seq, (client, event) in enumerate(mixed, 1)]
    mine = [record for record in both if record.client == "c"]
    alone = explain(mine, client="c")
    together = explain(both, client="c")
    assert [each.outcome for each in alone] == [each.outcome for each in together]


@few
@given(TRACES)
def test_a_fault_is_named_only_if_it_changed_an_exchange(events: list[Event]) -> None:
    """A chain ends with a fault only if the number of that fault stands in a record of the trace."""
    applied: list[Event] = [FaultApplied(name=f"fault-{number}", id=number) for number in (1, 2)]
    records = [
        Record(seq, 100.0 + seq, "" if isinstance(event, FaultApplied | PhaseStarted) else "c", event)
        for seq, event in enumerate([*applied, PhaseStarted(scenario="s", phase="p"), *events], 1)
    ]
    touched = {number for event in events for number in getattr(event, "faults", ())}
    for each in explain(records, client="c"):
        text = " ".join(link.text for link in each.links)
        assert "fault-2" not in text
        assert "fault-1" not in text or 1 in touched
        assert not (each.outcome is Outcome.SILENT and each.links)
        assert {link.seq for link in each.links} <= {record.seq for record in records}
