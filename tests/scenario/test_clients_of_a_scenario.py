"""Which clients play: by name, by model, on a device of the estate, and what is expected of those that remain."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ssosim.estate import default_estate
from ssosim.estate.device_choice import DeviceChoice
from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.client_choice import UnknownClientError, find_client, model_of, with_clients
from ssosim.scenario.fitting import fit_faults, fit_scenario
from ssosim.scenario.in_memory import play_in_memory
from ssosim.verdict.outcome import Outcome
from tests.scenario.scenarios import build_scenario, make_client

ESTATE = default_estate()
TWO = [
    {"name": "desk", "model": "office", "kind": "mail"},
    {"name": "web", "model": "federated-user", "device": {"user": "federated"}},
]


def phase(**fields: Any) -> list[dict[str, Any]]:
    """One phase as plain data."""
    return [{"name": "p", "start": "2025-03-01T10:00:00Z", **fields}]


def without_federated_users() -> Any:
    """The estate, with devices of managed users only."""
    kept = tuple(each for each in ESTATE.devices if not each.user.endswith("@fabrikam.com"))
    return msgspec.structs.replace(ESTATE, devices=kept)


def test_the_clients_own_name_precedes_a_model() -> None:
    """A client of the scenario called like a model is meant by that name; the model is an added client."""
    scenario = build_scenario(clients=[{"name": "office", "model": "ssms"}, {"name": "x", "model": "office"}])
    assert find_client(scenario, "office").model == "ssms"
    added = find_client(scenario, "federated-user")
    assert (added.model, added.added, added.device) == ("federated-user", True, DeviceChoice(user="federated"))
    assert find_client(scenario, "ssms").device == DeviceChoice(user="managed")


@pytest.mark.parametrize(
    ("name", "words"), [("ofice", "did you mean office"), ("", "known: desk, web, "), ("DESK", "known")]
)
def test_an_unknown_client_lists_those_there_are(name: str, words: str) -> None:
    """The scenario's own first, then the models, and the near names."""
    with pytest.raises(UnknownClientError) as caught:
        find_client(build_scenario(clients=TWO), name)
    assert words in str(caught.value)
    assert f"there is no client {name!r} in s; known: desk, web, " in str(caught.value)


@pytest.mark.parametrize(
    ("kept", "expect", "expect_at"),
    [
        ("desk", {"desk", "mail", "office", "*"}, {"desk", "*"}),
        ("web", {"web", "federated-user", "*"}, {"*"}),
    ],
)
def test_expectations_of_clients_that_do_not_play_are_dropped(kept: str, expect: set[str], expect_at: set[str]) -> None:
    """Those of the remaining client stay, by name, kind, model and ``*``, also of single sign-ins."""
    keys = ["desk", "mail", "office", "web", "federated-user", "*"]
    scenario = build_scenario(
        clients=TWO,
        phases=phase(
            sign_in_at=[0], expect=dict.fromkeys(keys, "silent"), expect_at={"0": {"desk": "failed", "*": "failed"}}
        ),
    )
    one = with_clients(scenario, [find_client(scenario, kept)])
    assert set(one.phases[0].expect) == expect
    assert set(one.phases[0].expect_at["0"]) == expect_at
    assert [client.name for client in one.clients] == [kept]


def test_a_client_without_its_device_is_left_out_with_the_reason() -> None:
    """The others play; its expectations are dropped with it, and the playback says who was left out."""
    scenario = build_scenario(clients=TWO, phases=phase(expect={"web": "failed", "desk": "silent"}))
    fitted = fit_scenario(scenario, without_federated_users())
    assert [client.name for client in fitted.scenario.clients] == ["desk"]
    assert fitted.left_out["web"].startswith("needs a device in the corporate network whose user is in a federated")
    assert set(fitted.scenario.phases[0].expect) == {"desk"}
    models = {client.name: model_of(client) for client in scenario.clients}
    played = play_in_memory(scenario, without_federated_users(), models)
    assert (played.as_expected, list(played.left_out)) == (True, ["web"])


def test_a_scenario_without_any_client_left_is_refused() -> None:
    """It would test nothing, and pass; the reasons of all clients are said."""
    scenario = build_scenario(clients=TWO[1:])
    with pytest.raises(LabInputError, match="no client can play on the estate 'contoso': web needs a device"):
        fit_scenario(scenario, without_federated_users())


def test_a_client_that_the_user_added_plays_on_the_first_device() -> None:
    """The user asked for it by name, so it is not left out in silence."""
    added = make_client(name="web", model="federated-user", device=DeviceChoice(user="federated"), added=True)
    fitted = fit_scenario(with_clients(build_scenario(clients=TWO), [added]), without_federated_users())
    assert fitted.left_out == {}
    assert fitted.scenario.clients[0].device == without_federated_users().devices[0].name


@pytest.mark.parametrize(
    ("choice", "upn"),
    [
        ({"user": "managed"}, "alice@contoso.com"),
        ({"user": "managed", "number": 2}, "bob@contoso.com"),
        ({"user": "federated"}, "frank@fabrikam.com"),
        ({"user": "managed", "number": 99}, None),
    ],
)
def test_a_device_is_chosen_by_its_user(choice: dict[str, Any], upn: str | None) -> None:
    """In the order of the file; the last one where there are fewer."""
    scenario = build_scenario(clients=[{"name": "a", "model": "office", "device": choice}])
    name = fit_scenario(scenario, ESTATE).scenario.clients[0].device_name
    device = ESTATE.device(name or "")
    assert device is not None
    assert upn in (None, device.user)


def test_a_fault_that_the_estate_cannot_have_is_refused() -> None:
    """Without a federation service the scenario would test nothing: scenario, phase and what is missing are said."""
    bare = msgspec.structs.replace(ESTATE, federation_services=())
    scenario = build_scenario(phases=phase(faults=[{"fault": "http-silent", "host": "{federation}"}]))
    with pytest.raises(LabInputError, match=r"s: phase 'p': http-silent .*federation"):
        fit_faults(scenario, bare)
    fitted = fit_faults(scenario, ESTATE).phases[0].faults[0]
    assert fitted.host == "sts.fabrikam.com"  # type: ignore[attr-defined]


def test_a_fault_in_a_step_gets_the_names_of_the_estate_too() -> None:
    """Faults of a phase and of its steps, in all fields that are texts, also in lists; the times stay."""
    step = {"at": 5, "until": 9, "faults": [{"fault": "servfail", "names": ["{login}", "*.{federated_domain}"]}]}
    (found,) = fit_faults(build_scenario(phases=phase(steps=[step])), ESTATE).phases[0].steps
    assert (found.at, found.until) == (5, 9)
    assert found.faults[0].names == ("login.microsoftonline.com", "*.fabrikam.com")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ([], Outcome.SILENT),
        ([{"fault": "servfail", "names": ["{login}"]}], Outcome.STALLED),
        ([{"fault": "servfail", "names": ["graph.microsoft.com"]}], Outcome.SILENT),
        ([{"fault": "servfail", "names": ["{login}"], "clients": ["other"]}], Outcome.SILENT),
    ],
)
def test_an_expectation_is_judged_by_what_was_played(faults: list[dict[str, Any]], outcome: Outcome) -> None:
    """The same scenario passes with the right expectation and fails with every other one."""
    for expected in Outcome:
        scenario = build_scenario(phases=phase(faults=faults, expect={"office": str(expected)}))
        played = play_in_memory(scenario, ESTATE, {"office": model_of(scenario.clients[0])})
        assert played.as_expected is (expected is outcome), played.results[0].verdict.reason


def test_the_models_own_policy_can_be_another() -> None:
    """``policy`` replaces it by name; a model without one, and an unknown name, are mistakes."""
    assert model_of(make_client(policy="fail-fast")).policy != model_of(make_client()).policy  # type: ignore[attr-defined]
    assert model_of(make_client()).name == "office"
    with pytest.raises(LookupError):
        model_of(make_client(policy="nope"))
    with pytest.raises(LookupError):
        model_of(make_client(model="nope"))
