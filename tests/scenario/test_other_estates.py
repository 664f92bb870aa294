"""The shipped scenarios on estates that are not Contoso: devices by kind, names of the estate, what is left out."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from ssosim_clients.catalogue import MODELS
from ssosim_clients.cloud import configure

from ssosim.clock import VirtualClock
from ssosim.estate import Estate, default_estate
from ssosim.estate.device_choice import DeviceChoice, choose_device
from ssosim.estate.placeholders import PLACEHOLDERS, PlaceholderError, expand
from ssosim.estate.reference import default_estate_text
from ssosim.estate.toml import TomlMistakeError
from ssosim.faults import CertificateExpired, FaultError, HttpPage, NxDomain
from ssosim.faults.core.placeholders import expand_fault
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.fault_handlers import apply_fault
from ssosim.lab.core.lab import Lab
from ssosim.memory import Engine, MemoryLab
from ssosim.report.junit import junit_xml
from ssosim.report.text_table import table
from ssosim.scenario.client_choice import model_of, with_clients
from ssosim.scenario.cloud_hosts import cloud_hosts_of
from ssosim.scenario.fitting import fit_scenario
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import list_shipped_names, load_scenario, parse_scenario
from ssosim.scenario.model import Client, Scenario
from ssosim.scenario.phases import Playback
from ssosim.scenario.player import play
from ssosim.scenario.results import run_result
from tests.scenario.other_estates import ESTATES, other_names, us_government, without_federation, without_profile

CATALOGUE = Path(__file__).parents[2] / "ssosim" / "scenario" / "catalogue"
LEFT_OUT = {
    "clock-skew": {"federated-user"},
    "feb-2025": {"federated-user", "connect-sync-certificate"},
    "jwks-key-removed": {"token-validator", "connect-sync-certificate"},
    "key-rollover": {"federated-user"},
    "rc4-retirement": {"federated-user"},
}
"""The clients that an estate without federation and without a certificate's application has nothing for."""


def models_only(name: str) -> Scenario:
    """Return the shipped scenario without its programs."""
    scenario = load_scenario(name)
    return with_clients(scenario, [client for client in scenario.clients if client.model])


def played(scenario: Scenario, estate: Estate) -> Playback:
    """Play it in memory."""
    return play_in_memory(scenario, estate, {client.name: model_of(client) for client in scenario.clients})


def outcomes(playback: Playback) -> dict[tuple[str, str], str]:
    """Return every outcome by phase and client."""
    return {(each.phase, each.client): each.verdict.outcome.value for each in playback.results}


@pytest.fixture(scope="module")
def on_contoso() -> dict[str, dict[tuple[str, str], str]]:
    """Return the outcomes of every shipped scenario on Contoso."""
    return {name: outcomes(played(models_only(name), default_estate())) for name in list_shipped_names()}


@pytest.mark.parametrize("name", list_shipped_names())
@pytest.mark.parametrize("estate", ESTATES)
def test_every_scenario_plays_as_on_contoso(name: str, estate: str, on_contoso: dict) -> None:
    """A client that the estate has a place for comes to the same outcome as on Contoso; the others are left out."""
    scenario = models_only(name)
    if estate == "managed-only" and name == "password-faults":
        with pytest.raises(LabInputError, match=r"no client can play .* federated domain"):
            played(scenario, ESTATES[estate]())
        return
    playback = played(scenario, ESTATES[estate]())
    expected_left_out = LEFT_OUT.get(name, set()) if estate == "managed-only" else set()
    assert set(playback.left_out) == expected_left_out
    there = {key: came for key, came in on_contoso[name].items() if key[1] not in expected_left_out}
    assert outcomes(playback) == there
    assert playback.as_expected


@pytest.mark.parametrize("estate", ESTATES)
def test_the_fault_strikes_the_names_of_the_estate(estate: str) -> None:
    """The faults of the incident change exchanges of this estate: no phase has a fault that touched nothing."""
    playback = played(models_only("feb-2025"), ESTATES[estate]())
    assert not any(playback.notes.values())
    reasons = " ".join(each.verdict.reason for each in playback.results)
    assert ESTATES[estate]().cloud.autologon_host in reasons


async def test_the_incident_over_sockets_on_another_estate(tmp_path: Path) -> None:
    """Over real DNS, TLS and Kerberos the incident has the same verdicts on renamed estates as in memory."""
    scenario, estate = models_only("feb-2025"), other_names()
    clock = VirtualClock(scenario.phases[0].start.timestamp())
    async with Lab(scenario.estate(estate), tmp_path / "lab", tmp_path / "cache", clock=clock) as lab:
        models = {client.name: model_of(client) for client in scenario.clients}
        playback = await play(scenario, lab, clock, models)
    assert playback.as_expected
    assert outcomes(playback) == outcomes(played(scenario, estate))


def test_an_estate_without_profile_is_refused_with_what_it_needs() -> None:
    """A scenario about a deleted profile cannot say anything of an estate without one, and says what to add."""
    with pytest.raises(LabInputError, match=r"phase 'record-empty': traffic-manager-deleted needs .* alias record set"):
        played(models_only("feb-2025"), without_profile())
    assert played(models_only("certificate-expired"), without_profile()).as_expected


def test_no_shipped_file_names_contoso() -> None:
    """No client, fault or expectation of a shipped scenario has a name of one estate or of one cloud."""
    names = re.compile(
        r"contoso|fabrikam|desk-|alice|bob@|frank@|microsoft[a-z-]*\.(com|net)|windows\.net|\d+\.\d+\.\d+\.21"
    )
    for file in CATALOGUE.glob("*.toml"):
        lines = file.read_text().splitlines()
        own = [line for line in lines if not line.startswith(("#", "sources", "title", "statements"))]
        assert not [line for line in own if names.search(line)], file.name


def test_who_is_left_out_is_in_every_report() -> None:
    """Table, JSON and JUnit name a client that did not play, with what the estate lacks; JUnit as skipped."""
    result = run_result(played(models_only("feb-2025"), without_federation()))
    why = result.left_out["federated-user"]
    assert "federated domain" in why
    assert f"left out: federated-user: {why}" in table(result)
    document = junit_xml(result, (), again="again", took_s=1.0)
    assert re.search(
        r'<testcase classname="ssosim.feb-2025" name="federated-user"[^>]*>\s*<skipped message="left out', document
    )


def test_a_device_is_chosen_by_what_its_user_can_do() -> None:
    """Neither a laptop at home, nor a locked user, nor a tenant without Seamless SSO is taken; the last one repeats."""
    estate = default_estate()
    first, second = (choose_device(estate, DeviceChoice(number=number)) for number in (1, 2))
    assert (first.name, second.name) == ("desk-1", "desk-2")
    assert choose_device(estate, DeviceChoice(number=9)).name == "desk-2"
    assert choose_device(estate, DeviceChoice(corporate_network=False)).name == "laptop-1"
    locked = tuple(msgspec.structs.replace(each, locked=each.upn.startswith("alice")) for each in estate.users)
    assert choose_device(msgspec.structs.replace(estate, users=locked), DeviceChoice()).name == "desk-2"
    off = tuple(msgspec.structs.replace(each, desktop_sso=False) for each in estate.tenants)
    assert choose_device(msgspec.structs.replace(estate, tenants=off), DeviceChoice()) is None
    assert choose_device(msgspec.structs.replace(estate, tenants=off), DeviceChoice(user="federated")).name == "desk-3"


def test_a_program_gets_the_names_of_its_device() -> None:
    """``{user}``, ``{domain}``, ``{host}`` are those of the client's device; words of shells and curl stay."""
    words = ("x", "https://{host}/{domain}", "{user}", "{{user}}", "%{http_code}", "${user}", "{unknown}")
    client = Client(name="x", run=words, device=DeviceChoice(user="federated"), environment={"U": "{user}"})
    scenario = msgspec.structs.replace(models_only("short-blip"), clients=(client,))
    (fitted,) = fit_scenario(scenario, default_estate()).scenario.clients
    assert fitted.device == "desk-3"
    assert fitted.run[1:] == (
        "https://sts.fabrikam.com/fabrikam.com",
        "frank@fabrikam.com",
        "{user}",
        "%{http_code}",
        "${user}",
        "{unknown}",
    )
    assert fitted.environment == {"U": "frank@fabrikam.com"}


@pytest.mark.parametrize("estate", [default_estate, *ESTATES.values()])
def test_every_placeholder_has_a_value_or_says_what_it_needs(estate) -> None:
    """Each placeholder gives a name of this estate, or an error that names the estate."""
    built = estate()
    for name in PLACEHOLDERS:
        try:
            assert expand(f"<{{{name}}}>", built) not in ("<>", f"<{{{name}}}>")
        except PlaceholderError as error:
            assert built.name in str(error)  # noqa: PT017 - either of two endings is right
            assert built.federation_services == ()


def test_a_wrong_placeholder_is_a_mistake_with_its_place() -> None:
    """A placeholder that does not exist is refused at load, with file, key and the near one; never taken as a name."""
    text = (CATALOGUE / "short-blip.toml").read_text()
    with pytest.raises(TomlMistakeError, match=r"mine\.toml.*autologn.*did you mean \{autologon\}"):
        parse_scenario(text.replace("{autologon}", "{autologn}"), "mine.toml")
    with pytest.raises(FaultError, match="autologn"):
        expand_fault(NxDomain(names=("{autologn}",)), default_estate())
    page = HttpPage(title="{anything} at {login}")
    assert expand_fault(page, default_estate()).title == "{anything} at login.microsoftonline.com"


def test_a_running_lab_knows_placeholders_too() -> None:
    """``ssosim fault apply`` with a placeholder strikes the estate's name; it is never in force for nothing."""
    estate = us_government()
    lab = MemoryLab(Engine(0.0), estate)
    applied = apply_fault(lab.faults, estate, {"fault": "certificate-expired", "host": "{login}"})
    assert applied["host"] == "login.microsoftonline.us"
    with pytest.raises(LabInputError, match="autologn"):
        apply_fault(lab.faults, estate, {"fault": "nxdomain", "names": ["{autologn}"]})
    with pytest.raises(FaultError, match="not a host name"):
        CertificateExpired(host="{login}").apply(lab)


def test_models_are_configured_for_the_cloud_of_the_estate() -> None:
    """In the cloud of the US Government no model asks a host of the public cloud; on Contoso none is changed."""
    there = cloud_hosts_of(us_government(), "")
    for model in MODELS.values():
        assert configure(model, cloud_hosts_of(default_estate(), "")) is model
        assert not re.search(
            r"login\.microsoftonline\.com|microsoftazuread-sso\.com|graph\.microsoft\.com",
            repr(configure(model, there)),
        )


def test_the_command_refuses_an_estate_that_lacks_everything(bench, tmp_path: Path) -> None:
    """``ssosim run`` on an estate without a profile ends with code 2, says what to add, and starts no lab."""
    file = tmp_path / "mine.toml"
    file.write_text(default_estate_text().replace('alias = "aadg-autologon"', 'values = ["192.0.2.20"]'))
    done = bench.run("run", "feb-2025", "--client", "office", "--estate", str(file))
    assert done.returncode == 2
    assert "needs a traffic manager profile behind autologon.microsoftazuread-sso.com" in done.stderr
