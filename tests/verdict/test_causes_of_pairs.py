"""Two faults at once: the one that breaks the client is named, and not only the one that merely touched it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import permutations
from typing import Any

import msgspec
import pytest
from ssosim_clients.catalogue import MODELS

from ssosim.estate import default_estate
from ssosim.faults import fault_from
from ssosim.memory import Engine, MemoryLab
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.model import Client, Phase, Scenario, Step
from ssosim.trace import FaultApplied, HttpExchange
from ssosim.verdict.explain import Explanation, explain

LOGIN, AUTOLOGON, STS = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com", "sts.fabrikam.com"
ZONE = "microsoftazuread-sso.com"
BEGIN = datetime(2025, 2, 25, 16, 0, tzinfo=UTC)
DEVICES = {"federated-user": "desk-3"}
Fields = dict[str, Any]

BLANK = {"fault": "name-server-blank", "zone": ZONE}
AAAA_WRONG = {"fault": "aaaa-wrong", "name": AUTOLOGON}
AAAA_DEAD = {"fault": "aaaa-dead", "name": AUTOLOGON}
WRONG = {"fault": "wrong-address", "name": AUTOLOGON, "address": "10.10.0.53"}
BOGUS = {"fault": "validation-failing", "zone": ZONE}
CUT = {"fault": "truncation-loop", "names": [AUTOLOGON], "tcp": "answer"}
LATE_CLOCK = {"fault": "clock-skew", "of": "service", "seconds": -7200, "host": LOGIN}
DISABLED = {"fault": "user-disabled", "user": "alice@contoso.com"}
FEDERATED_DISABLED = {"fault": "user-disabled", "user": "frank@fabrikam.com"}
MFA = {"fault": "mfa-required", "user": "alice@contoso.com"}
REVOKED = {"fault": "sessions-revoked", "user": "alice@contoso.com"}
EXPIRED = {"fault": "password-expired", "user": "alice@contoso.com", "for_s": 600}
EXPIRED_CERTIFICATE = {"fault": "certificate-expired", "host": LOGIN, "for_s": 600}
EMPTY_ANSWER = {"fault": "http-answer", "path": "windowstransport", "body": "<e/>", "content_type": "text/xml"}
NO_TOKEN = {"fault": "http-dropped", "path": "token"}
PAGE = {"fault": "http-page", "path": "token"}
SHORT = {"fault": "access-token-lifetime", "seconds": 60}
UNKNOWN_REALM = {"fault": "http-answer", "path": "userrealm", "body": '{"ver":"1.0","account_type":"Unknown"}',
                 "content_type": "application/json"}  # fmt: skip
SKEW = {"fault": "clock-skew", "of": "device", "seconds": -310}


@dataclass(frozen=True)
class Played:
    """What came of a client: its outcome, the faults that its chain names by their places, and the explanation."""

    outcome: str
    named: frozenset[int]
    explanation: Explanation


@lru_cache(maxsize=256)
def play(model: str, *faults: bytes) -> Played:
    """Play half an hour of ``model`` with ``faults``, each encoded as JSON, in the order in which they are applied."""
    decoded = tuple(fault_from(msgspec.json.decode(each)) for each in faults)
    scenario = Scenario(
        name="pairs",
        title="two faults",
        end=BEGIN + timedelta(minutes=30),
        phases=(Phase(name="broken", start=BEGIN, faults=decoded),),
        clients=(Client(name=model, model=model, device=DEVICES.get(model)),),
    )
    estate = default_estate()
    lab = MemoryLab(Engine(BEGIN.timestamp()), scenario.estate(estate))
    playback = play_in_memory(scenario, estate, {model: MODELS[model]}, lab=lab)
    records = tuple(lab.trace.since())
    places = {r.seq: place for place, r in enumerate(r for r in records if isinstance(r.event, FaultApplied))}
    (found,) = explain(records, client=model, phase="broken", first_steps=lab.first_steps)
    outcome = playback.result("broken", model).verdict.outcome
    assert found.outcome is outcome
    return Played(str(outcome), frozenset(places[link.seq] for link in found.links if link.seq in places), found)


def encode(*faults: Fields) -> tuple[bytes, ...]:
    """Return the faults as ``play`` takes them."""
    return tuple(msgspec.json.encode(each) for each in faults)


@pytest.mark.parametrize("model", ["office", "browser-linux", "curl-negotiate", "msal-dotnet-iwa"])
@pytest.mark.parametrize("fault", [DISABLED, MFA])
def test_the_state_of_an_account_is_named_where_only_a_ticket_says_whose_it_is(model, fault):
    """The provider knows from ticket or assertion whose request it refuses, so the exchange names the fault."""
    if play(model).outcome != play(model, *encode(fault)).outcome:
        assert play(model, *encode(fault)).named == {0}


def test_a_federation_service_names_the_account_that_it_refuses():
    """It has no codes; and a ticket that is sent again after the error is refused as a replay, which is no cause."""
    found = play("federated-user", *encode(FEDERATED_DISABLED))
    assert found.named == {0}
    texts = [link.text for link in found.explanation.links]
    assert texts[1].startswith("the service refused the ticket: replayed")
    assert texts[2] == "500 at windowstransport"


PAIRS = [
    (BLANK, AAAA_WRONG),
    (WRONG, AAAA_DEAD),
    (BOGUS, CUT),
    (EMPTY_ANSWER, EXPIRED_CERTIFICATE),
    (MFA, EXPIRED),
    (NO_TOKEN, DISABLED),
    (PAGE, SHORT),
    (LATE_CLOCK, REVOKED),
    (UNKNOWN_REALM, SKEW),
    (LATE_CLOCK, SHORT),
]


@pytest.mark.parametrize("model", ["office", "browser-linux", "curl-negotiate", "federated-user"])
@pytest.mark.parametrize("pair", [order for pair in PAIRS for order in permutations(pair)], ids=str)
def test_of_two_faults_the_one_that_breaks_the_client_is_named(model, pair):
    """If one of them alone breaks it in the same way, that one is named, whatever the other one changed besides."""
    healthy = play(model).outcome
    both = play(model, *encode(*pair))
    alone = [play(model, *encode(fault)) for fault in pair]
    breaking = {place for place, each in enumerate(alone) if each.outcome != healthy}
    if both.outcome != healthy and breaking:
        assert both.named & breaking, str(both.explanation)


def test_what_failed_after_the_question_is_not_why_the_user_was_asked():
    """The chain goes from the refused password back to the question, and from there to why it was asked."""
    found = play("federated-user", *encode(LATE_CLOCK)).explanation
    texts = [link.text for link in found.links]
    assert texts[0].startswith("400 AADSTS50056 at token")
    assert texts[1] == "the user was asked"
    assert texts[2].startswith("400 AADSTS70002: ") or "AADSTS50008" in texts[2]
    assert texts[-1].startswith("fault 'clock-skew'")


def test_an_answer_in_the_place_of_the_service_names_no_fault_of_the_directory():
    """The service was not asked, so it does not matter what it would have known."""
    scenario = Scenario(
        name="pairs",
        title="two faults",
        end=BEGIN + timedelta(minutes=1),
        phases=(Phase(name="broken", start=BEGIN, faults=(fault_from(SHORT), fault_from(PAGE))),),
        clients=(Client(name="office", model="office"),),
    )
    lab = MemoryLab(Engine(BEGIN.timestamp()), scenario.estate(default_estate()))
    play_in_memory(scenario, default_estate(), {"office": MODELS["office"]}, lab=lab)
    exchanges = [r.event for r in lab.trace.since() if isinstance(r.event, HttpExchange)]
    answers = [each for each in exchanges if each.path.endswith("/token")]
    assert answers
    assert {answer.faults for answer in answers} == {(2,)}


def test_revoked_sessions_are_named_though_a_refresh_token_names_nobody():
    """A device with a primary refresh token asks its user again, because of the fault."""
    later = BEGIN + timedelta(minutes=90)
    scenario = Scenario(
        name="revoked",
        title="a refresh token that is revoked",
        end=BEGIN + timedelta(hours=2),
        phases=(Phase(name="healthy", start=BEGIN), Phase(name="revoked", start=later, faults=(fault_from(REVOKED),))),
        clients=(Client(name="prt-device", model="prt-device"),),
    )
    lab = MemoryLab(Engine(BEGIN.timestamp()), scenario.estate(default_estate()))
    play_in_memory(scenario, default_estate(), {"prt-device": MODELS["prt-device"]}, lab=lab)
    (found,) = explain(tuple(lab.trace.since()), phase="revoked", first_steps=lab.first_steps)
    assert "AADSTS50173" in found.links[1].text
    assert found.links[-1].text.startswith("fault 'sessions-revoked'")


@pytest.mark.parametrize(
    ("first", "then", "named"),
    [
        # The client keeps the ticket that it got before the fault ended: that one is named, though it is over.
        ({"fault": "key-rolled", "at": "kdc"}, {"fault": "ttl-changed", "name": LOGIN, "ttl": 5}, "key-rolled"),
        (
            {"fault": "spn-moved", "spn": f"HTTP/{AUTOLOGON}"},
            {"fault": "ttl-changed", "name": LOGIN, "ttl": 5},
            "spn-moved",
        ),
        # Both take the same name away, or two names of the same sign-in: the last one is what keeps it from going on.
        (
            {"fault": "registry-hold", "zone": "microsoftonline.com", "negative_ttl": 60},
            {"fault": "record-set-empty", "name": LOGIN},
            "record-set-empty",
        ),
        (
            {"fault": "long-chain", "name": AUTOLOGON, "length": 16},
            {"fault": "cname-loop", "name": LOGIN},
            "cname-loop",
        ),
    ],
)
def test_of_two_faults_one_after_the_other_the_one_behind_the_last_failure_is_named(first, then, named):
    """The first ends after ten minutes, when the second begins; a client that tries again meets both."""
    steps = (
        Step(at=0.0, until=600.0, faults=(fault_from(first),)),
        Step(at=600.0, faults=(fault_from(then),)),
    )
    scenario = Scenario(
        name="sequence",
        title="one fault after the other",
        end=BEGIN + timedelta(minutes=30),
        phases=(Phase(name="broken", start=BEGIN, steps=steps),),
        clients=(Client(name="office", model="office"),),
    )
    lab = MemoryLab(Engine(BEGIN.timestamp()), scenario.estate(default_estate()))
    play_in_memory(scenario, default_estate(), {"office": MODELS["office"]}, lab=lab)
    (found,) = explain(tuple(lab.trace.since()), client="office", phase="broken", first_steps=lab.first_steps)
    assert found.links[-1].text.startswith(f"fault '{named}' at"), str(found)
