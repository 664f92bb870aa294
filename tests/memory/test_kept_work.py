"""What the lab in memory keeps for repeated requests and look-ups changes nothing, and never outlives a change."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from ssosim_clients.models.office import OFFICE
from ssosim_clients.ports import DnsFailure

from ssosim.clock import ManualClock
from ssosim.entra.core.messages import Call
from ssosim.estate import default_estate
from ssosim.exposure import ExposureFinder
from ssosim.faults import CnameForAlias, Fault, FaultError, NameRemoved, NxDomain, RealmManaged, ServFail, WrongAddress
from ssosim.memory import Engine, MemoryLab, device, memory_device
from ssosim.memory.stub_resolver import StubResolver
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.model import Phase, Scenario
from ssosim.trace import ClientEvent, DnsAnswered, HttpExchange, KdcExchange, Record, SignInStep, Trace, UserPrompted
from ssosim.verdict.by_kind import RecordsByKind

from .both import BEGIN, MODELS, scenario
from .drawn import OWN, faults
from .estates import ESTATES
from .rows import AUTOLOGON, PROFILE, STS

MANY = int(os.environ.get("SSOSIM_PARITY", "0"))
HOUR = timedelta(hours=1)
LOGIN_URL = "https://login.microsoftonline.com/common/userrealm/alice@contoso.com?api-version=1.0"
RANDOM = ("elapsed_ms", "digest", "credential", "request_id")
sampled = settings(
    max_examples=MANY or 25,
    derandomize=not MANY,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _keep_nothing(patch: pytest.MonkeyPatch) -> None:
    """Do each look-up, request and examination anew, and give way to the engine at each call."""
    patch.setattr(StubResolver, "_keep", lambda *_: None)
    patch.setattr(device, "_build_known_draft", device._build_draft)
    patch.setattr(ExposureFinder, "_keep", lambda *_: None)
    patch.setattr(Engine, "must_pause", lambda *_: True)


def _play(played: Scenario) -> object:
    """The records without what is random, the results and the notes; or why a fault does not fit."""
    estate = ESTATES.get(next(iter(played.phases[1].faults)).fault_name, default_estate())
    lab = MemoryLab(Engine(BEGIN.timestamp()), played.estate(estate))
    try:
        playback = play_in_memory(played, estate, {each.name: model_of(each) for each in played.clients}, lab=lab)
    except FaultError as refused:
        return str(refused)
    return [_describe(record) for record in lab.trace], playback.results, playback.notes


def _describe(record: Record) -> tuple[object, ...]:
    fields = msgspec.structs.asdict(record.event)
    known = {name: value for name, value in fields.items() if name not in RANDOM}
    said = {} if isinstance(record.event, UserPrompted) else known  # a prompt shows a random code
    return record.seq, record.at, record.client, type(record.event), said


@sampled
@given(
    st.sampled_from(sorted(OWN)).flatmap(lambda name: faults(name, first=True)),
    st.sampled_from(sorted(OWN)).flatmap(faults),
    st.lists(st.sampled_from(MODELS), min_size=1, max_size=3, unique=True),
)
def test_a_play_is_the_same_with_and_without_kept_work(first: Fault, second: Fault, models: list[str]) -> None:
    """Faults come and go while clients retry: each record, verdict and note is as if nothing had been kept."""
    begun = scenario([], models)
    played = msgspec.structs.replace(
        begun,
        end=BEGIN + 4 * HOUR,
        phases=tuple(
            Phase(name=f"phase-{number}", start=BEGIN + number * HOUR, faults=found)
            for number, found in enumerate(((), (first,), (second,), ()))
        ),
    )
    kept = _play(played)
    with pytest.MonkeyPatch.context() as patch:
        _keep_nothing(patch)
        assert _play(played) == kept


def _resolver(lab: MemoryLab) -> Callable[[], str]:
    """A function that looks the autologon name up on one device, for as long as the lab lives."""
    found = memory_device(lab, "office")

    def look_up() -> str:
        run = lab.engine.start(found.resolver.resolve(AUTOLOGON, "any"))
        lab.engine.run(watched=run)
        try:
            resolution = run.result
        except DnsFailure as failure:
            return failure.kind
        assert resolution is not None
        return " ".join((resolution.canonical, *resolution.addresses))

    return look_up


@pytest.mark.parametrize(
    "fault",
    [
        NameRemoved(name=AUTOLOGON),
        WrongAddress(name=AUTOLOGON, address="192.0.2.10"),
        CnameForAlias(name=AUTOLOGON, profile=PROFILE),
        NxDomain(),
        ServFail(names=(AUTOLOGON,)),
    ],
    ids=lambda fault: fault.fault_name,
)
def test_no_answer_outlives_a_fault(fault: Fault) -> None:
    """A name that was looked up before has another answer at once under a fault, and the first again after it."""
    lab = MemoryLab(Engine(), default_estate())
    look_up = _resolver(lab)
    healthy = [look_up() for _ in range(3)]
    undo = fault.apply(lab)
    broken = [look_up() for _ in range(3)]
    undo()
    assert len(set(healthy)) == len(set(broken)) == 1
    assert set(healthy).isdisjoint(broken)
    assert look_up() == healthy[0]


def test_no_answer_outlives_the_health_of_an_endpoint() -> None:
    """When the only endpoint behind a name goes down or comes back, the next look-up says so."""
    lab = MemoryLab(Engine(), default_estate())
    look_up = _resolver(lab)
    healthy = [look_up() for _ in range(3)]
    for endpoint in default_estate().traffic_managers[0].endpoints:
        lab.zones.health.override(PROFILE, endpoint.name, "stopped")
    assert look_up() == "nodata"
    for endpoint in default_estate().traffic_managers[0].endpoints:
        lab.zones.health.clear_override(PROFILE, endpoint.name)
    assert look_up() == healthy[0] != "nodata"


def test_each_repeated_query_is_recorded() -> None:
    """A look-up whose reply is kept is in the trace like the first one, with its own time."""
    lab = MemoryLab(Engine(), default_estate())
    look_up = _resolver(lab)
    for _ in range(3):
        look_up()
        lab.engine.run(lab.engine.now + 60)
    asked = list(lab.trace)
    assert [(getattr(record.event, "type", ""), record.client) for record in asked] == [
        ("A", "office"),
        ("AAAA", "office"),
    ] * 3
    assert len({record.at for record in asked}) == 3


TEXTS = st.text("abZ09-%+&=?/ü", max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    target=st.tuples(TEXTS, TEXTS).map(lambda parts: f"/{parts[0]}?{parts[1]}"),
    identifier=st.sampled_from([None, "", "no id", "00000000-0000-0000-0000-000000000001"]),
    body=st.binary(max_size=9),
)
def test_a_repeated_call_is_the_call_read_anew(method: str, target: str, identifier: str | None, body: bytes) -> None:
    """``Call.repeat`` gives what ``Call.read`` gives: only the ids that the provider makes are new ones."""
    headers = CIMultiDict(
        {"Host": "login.example:443"} | ({} if identifier is None else {"client-request-id": identifier})
    )

    def read(now: float) -> Call:
        return Call.read(method, "login.example:443", target, headers=headers, body=body, now=now, header_bytes=7)

    def parts(call: Call) -> list[object]:
        own = call.correlation_id if identifier and "-" in identifier else len(call.correlation_id)
        names = [
            each.name for each in dataclasses.fields(Call) if each.name not in ("trace_id", "correlation_id", "repeats")
        ]
        return [own, len(call.trace_id), *(getattr(call, name) for name in names)]

    first = read(1.0)
    again = first.repeat(body, 2.0, first.read_own_id())
    assert parts(again) == parts(read(2.0))
    assert again.trace_id != first.trace_id
    assert again.trace_buffer is not first.trace_buffer


def test_what_a_service_does_with_its_request_stays_there() -> None:
    """A service that changes the query of its request changes no other request, and cannot change header fields."""
    draft = device.draft_request("GET", f"{LOGIN_URL}&x=1", {"X-Own": "1"}, b"")
    first = draft.build_call(b"", 1.0)
    assert isinstance(first.query, dict)
    first.query.clear()
    assert not hasattr(first.headers, "pop")
    assert draft.build_call(b"", 2.0).query == {"api-version": "1.0", "x": "1"}


def _examine(lab: MemoryLab, url: str = LOGIN_URL, body: bytes = b"", **headers: str) -> list[str]:
    """The credentials that the lab finds in a request which a device drafts."""
    draft = device.draft_request("POST" if body else "GET", url, headers, body)
    examine = lab.provider.find_exposures
    assert examine is not None
    return [
        each.credential for each in examine(draft.build_call(body, lab.engine.now), SignInStep.REALM, in_place=False)
    ]


def test_what_was_cleared_is_examined_again_in_another_body() -> None:
    """A request that was clean is not clean with a password in place of octets of the same number."""
    lab = MemoryLab(Engine(), default_estate())
    password = default_estate().users[0].password.encode()
    clean = b"p=" + b"x" * len(password)
    url = f"https://{STS}/adfs/services/trust/mex"
    assert _examine(lab, url, clean) == _examine(lab, url, clean) == []
    assert _examine(lab, url, b"p=" + password) == ["password"]


def test_what_was_cleared_is_examined_again_after_a_change_of_the_estate() -> None:
    """A text that becomes a password is found in a request that was clean before."""
    lab = MemoryLab(Engine(), default_estate())
    url = f"{LOGIN_URL}&hint=Sesame-opens-42"
    assert _examine(lab, url) == _examine(lab, url) == []
    estate = lab.provider.estate
    first = msgspec.structs.replace(estate.users[0], password="Sesame-opens-42")
    lab.provider.set_estate(msgspec.structs.replace(estate, users=(first, *estate.users[1:])))
    assert _examine(lab, url) == ["password"]


def test_what_was_cleared_is_examined_again_after_a_code_challenge() -> None:
    """A code verifier in a request that was clean is found once its challenge is known."""
    lab = MemoryLab(Engine(), default_estate())
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    url = f"https://{AUTOLOGON}/contoso.com/winauth/trust/mex?x={verifier}"
    assert _examine(lab, url) == _examine(lab, url) == []
    _examine(lab, f"https://login.microsoftonline.com/common/oauth2/v2.0/authorize?code_challenge={challenge}")
    assert _examine(lab, url) == ["code verifier"]


def test_a_realm_that_changes_between_two_attempts_is_seen_by_the_second() -> None:
    """The same request for the realm has another answer under a fault of the directory."""
    lab = MemoryLab(Engine(), default_estate())
    found = memory_device(lab, "office")

    def ask() -> bytes:
        run = lab.engine.start(found.http.request("GET", LOGIN_URL, {"x-client-SKU": "MSAL.Desktop"}, b""))
        lab.engine.run(watched=run)
        assert run.result is not None
        return run.result.body

    assert b"Federated" in ask()
    undo = RealmManaged(tenant="contoso.com").apply(lab)
    assert b"Managed" in ask()
    undo()
    assert b"Federated" in ask()


def test_a_client_without_end_is_found_though_it_never_gives_way() -> None:
    """A model that sends requests for ever at one moment is stopped, although none of them has to pause."""
    lab = MemoryLab(Engine(), default_estate())
    found = memory_device(lab, "office")

    async def spin() -> None:
        while True:
            await found.kerberos.ntlm_token()

    lab.engine.start(spin())
    with pytest.raises(Exception, match="without letting time pass"):
        lab.engine.run(lab.engine.now + 1)


KINDS = (DnsAnswered, KdcExchange, HttpExchange)
EVENTS = (
    DnsAnswered(name="a", type="A", rcode="NOERROR"),
    KdcExchange(request="TGS", service="HTTP/a", outcome="issued"),
    HttpExchange(host="a", method="GET", path="/", status=200),
    UserPrompted(reason="password"),
)


@given(
    st.lists(st.sampled_from(EVENTS)), st.lists(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), max_size=4)
)
def test_records_are_selected_by_kind_in_their_order(events: list[object], wanted: list[list[type]]) -> None:
    """Each selection, the first and a repeated one, is that of ``isinstance``, whatever numbers the records have."""
    records = [Record(7, 0.0, "c", event) for event in events]  # type: ignore[arg-type]
    found = RecordsByKind(records)
    for kinds in (*wanted, *wanted):
        expected = [record for record in records if isinstance(record.event, tuple(kinds))]
        assert [id(record) for record in found.select(*kinds)] == [id(record) for record in expected]


@pytest.mark.parametrize("limit", [3, 1000])
@pytest.mark.parametrize("count", [1, 7, 8, 20])
def test_a_batch_of_any_length_is_recorded_like_single_events(count: int, limit: int) -> None:
    """``record_all`` stores the same numbers, times and events for a batch of any length, also over the limit."""
    clock = ManualClock(5.0)
    batch, single = Trace(clock, limit=limit), Trace(clock, limit=limit)
    entries = tuple(ClientEvent(f"c{number}", EVENTS[0]) for number in range(count))
    batch.record_all(entries)
    for entry in entries:
        single.record(entry.client, entry.event)
    assert batch.last_seq == single.last_seq == count
    assert [(each.at, each.client) for each in batch][-1:] == [(each.at, each.client) for each in single][-1:]
    if count <= limit:
        assert list(batch) == list(single)


def test_office_keeps_its_way_through_a_play() -> None:
    """A play of Office with the kept work has as many attempts as one without: none is answered by itself."""
    played = scenario([NameRemoved(name=AUTOLOGON)], ["office"])

    def count() -> int:
        lab = MemoryLab(Engine(BEGIN.timestamp()), default_estate())
        return play_in_memory(played, default_estate(), {"office": OFFICE}, lab=lab).results[0].verdict.attempts

    kept = count()
    with pytest.MonkeyPatch.context() as patch:
        _keep_nothing(patch)
        assert count() == kept > 10
