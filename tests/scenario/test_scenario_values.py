"""A scenario and an estate made in Python have the rules of a file: nothing in them is dropped without a word."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssosim.estate import DnsResolver, default_estate
from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.model import Client, Phase, Scenario
from ssosim.scenario.phases import Playback
from ssosim.testing.playing import play_sync, resolve_estate, resolve_scenario

NINE, TEN = datetime(2025, 3, 3, 9, tzinfo=UTC), datetime(2025, 3, 3, 10, tzinfo=UTC)


def make_scenario(*, client: dict[str, Any] | None = None, **phase: Any) -> Scenario:
    """Return a scenario of one hour with the client ``office``."""
    office = Client(**({"name": "office", "model": "office"} | (client or {})))
    phases = (Phase(**({"name": "p", "start": NINE} | phase)),)
    return Scenario(name="value", title="made in Python", end=TEN, clients=(office,), phases=phases)


def play(scenario: Scenario) -> Playback:
    """Play it in memory on the default estate."""
    return play_in_memory(scenario, default_estate(), {each.name: model_of(each) for each in scenario.clients})


def test_an_include_adds_its_faults() -> None:
    """It was not read: the client signed in without any fault."""
    scenario = make_scenario(include=("feb-2025#cname",), expect={"office": "silent"})
    played = play(scenario)
    assert played.result("p", "office").verdict.outcome == "refused"
    assert not played.as_expected
    assert resolve_scenario(scenario).phases[0].faults
    assert not resolve_scenario(scenario).phases[0].include


@pytest.mark.parametrize(
    ("scenario", "text"),
    [
        (make_scenario(expect={"offfice": "failed"}), "phases[0].expect.offfice: there is no client 'offfice'"),
        (make_scenario(include=("feb-2025#cnam",)), "phases[0].include[0]: feb-2025 has no phase 'cnam'"),
        (make_scenario(sign_in_at=(0, -5)), "phases[0].sign_in_at[1]: expected seconds within the phase"),
        (make_scenario(client={"person": "refuses"}), "clients[0].person: 'refuses' is for programs"),
        (make_scenario(client={"etc": "etc"}), "clients[0].etc: only a program has it"),
    ],
)
def test_a_mistake_is_told_with_its_key(scenario: Scenario, text: str) -> None:
    """In memory, and where a test plays it over sockets."""
    for use in (play, resolve_scenario):
        with pytest.raises(LabInputError) as refused:
            use(scenario)
        assert f"scenario value: {text}" in str(refused.value)


def test_resolvers_that_are_not_used_are_noted() -> None:
    """An estate with resolvers of its own keeps them; what the scenario wanted to test is not in the run."""
    wanted = DnsResolver(name="strict", address="10.10.0.54", validate=True)
    scenario = msgspec.structs.replace(make_scenario(), resolvers=(wanted,))
    assert play(scenario).notes == {"p": ()}
    own = msgspec.structs.replace(default_estate(), resolvers=(DnsResolver(name="own", address="10.10.0.55"),))
    played = play_in_memory(scenario, own, {"office": model_of(scenario.clients[0])})
    said = "the resolvers of the scenario, strict, were not used: the lab has its own, own"
    assert played.notes == {"p": (said,)}
    same = msgspec.structs.replace(own, resolvers=(msgspec.structs.replace(wanted, address="10.10.0.55"),))
    assert play_in_memory(scenario, same, {"office": model_of(scenario.clients[0])}).notes == {"p": ()}


def test_the_estate_that_a_scenario_names_is_used(prepared: Path) -> None:
    """A play of a test was on Contoso, as if the scenario named none."""
    scenario = make_scenario(client={"device": "nowhere"})
    for name, of_azure in (("contoso-azure", True), ("", False)):
        with pytest.raises(LabInputError, match="there is no device 'nowhere'") as refused:
            play_sync(msgspec.structs.replace(scenario, default_estate=name), cache=prepared)
        assert ("vm-1" in str(refused.value)) is of_azure


def test_an_estate_made_in_python_is_checked() -> None:
    """A device of a user who is not there was found when it was used, if ever."""
    contoso = default_estate()
    assert resolve_estate(contoso) is contoso
    device = msgspec.structs.replace(contoso.devices[1], user="nobody@contoso.com")
    wrong = msgspec.structs.replace(contoso, devices=(contoso.devices[0], device, *contoso.devices[2:]))
    with pytest.raises(
        LabInputError, match=r"estate contoso: devices\[1\]\.user: there is no user 'nobody@contoso\.com'"
    ):
        resolve_estate(wrong)
