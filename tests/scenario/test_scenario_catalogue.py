"""The catalogue over real DNS, TLS and Kerberos in virtual time, and beside it in memory and in real time."""

import hashlib
from datetime import timedelta
from importlib import resources

import msgspec
import pytest
from ssosim_clients.catalogue import MODELS

from ssosim.clock import RealTimeClock, VirtualClock
from ssosim.estate import default_estate
from ssosim.estate.toml import TomlMistakeError
from ssosim.faults import HttpStatus
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.core.lab import Lab
from ssosim.scenario.client_choice import model_of, with_clients
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import catalogue, list_shipped_names, load_scenario, parse_scenario
from ssosim.scenario.model import Client, Phase, Scenario
from ssosim.scenario.player import play
from ssosim.trace import HttpExchange, SignInStep, TokenIssued
from ssosim.verdict.explain import explain
from ssosim.verdict.outcome import Outcome

INCIDENT = (resources.files("ssosim.scenario") / "catalogue" / "feb-2025.toml").read_text()
PHASES_S = (3, 15, 60)
"""Real seconds of a phase: a sign-in takes milliseconds, but not on a busy machine, which gets more in a new play."""


def models_only(scenario):
    """The scenario without its programs."""
    return with_clients(scenario, [client for client in scenario.clients if client.model])


async def over_sockets(scenario, home, cache, clock=None):
    """Play it in a loopback lab, in virtual time unless said otherwise."""
    clock = clock or VirtualClock(scenario.phases[0].start.timestamp())
    async with Lab(scenario.estate(default_estate()), home, cache, clock=clock) as lab:
        playback = await play(scenario, lab, clock, {c.name: model_of(c) for c in scenario.clients})
        return playback, lab.trace.since()


def in_memory(scenario):
    """Play it on the device in memory."""
    return play_in_memory(scenario, default_estate(), {c.name: model_of(c) for c in scenario.clients})


def outcomes(playback):
    """Every verdict's outcome."""
    return {(r.phase, r.client): r.verdict.outcome.value for r in playback.results}


def verdicts(playback):
    """Every verdict without the numbers of its records, which count everybody's."""
    found = [(r.phase, r.client, r.verdict) for r in playback.results]
    return [(phase, client, v.outcome, v.reason, v.after_s, v.spn, v.attempts) for phase, client, v in found]


def digest(playback, records):
    """Verdicts and counts in one text."""
    lines = [
        f"{r.phase} {r.client} {r.verdict.outcome} {r.verdict.reason} {r.verdict.after_s}" for r in playback.results
    ]
    counts = [sum(record.client == client.name for record in records) for client in playback.scenario.clients]
    return hashlib.sha256(repr((lines, counts)).encode()).hexdigest()


@pytest.mark.parametrize("name", list_shipped_names())
async def test_each_comes_out_as_it_says(name, tmp_path, prepared):
    """Every scenario of the catalogue, its models, every phase; each names what it replays."""
    playback, _ = await over_sockets(models_only(load_scenario(name)), tmp_path / "lab", prepared)
    wrong = [
        (r.phase, r.client, str(r.verdict.outcome), r.verdict.reason) for r in playback.results if not r.as_expected
    ]
    assert not wrong
    assert playback.scenario.sources


@pytest.fixture(scope="module")
def incident(tmp_path_factory, prepared):
    """25 February 2025, played once."""
    import asyncio  # noqa: PLC0415 - a module's fixture has no loop of pytest's

    scenario = models_only(load_scenario("feb-2025"))
    return asyncio.run(over_sockets(scenario, tmp_path_factory.mktemp("incident"), prepared))


def test_the_share_is_94_percent_between_the_rollbacks(incident):
    """Nobody of the mix, then 94 % ± 1, then all: by verdicts weighted with the mix of the scenario (TMS9-078)."""
    playback, _ = incident
    assert playback.share("record-empty") == 0
    assert playback.share("cname") == pytest.approx(0.94, abs=0.01)
    assert playback.share("restored") == 1


def test_another_mix_is_another_share(incident):
    """The share is no constant: with fewer Connect Sync customers it falls as their weight does."""
    playback, _ = incident
    clients = tuple(
        msgspec.structs.replace(client, weight=2.0) if client.name == "connect-sync-password" else client
        for client in playback.scenario.clients
    )
    other = type(playback)(msgspec.structs.replace(playback.scenario, clients=clients), playback.results)
    assert other.share("cname") == pytest.approx(6 / 12)


def test_the_tail_ends_8_h_33_min_after_the_beginning(incident):
    """Of those that the CNAME left out nobody has a token before 01:15, and the first have one then (TMS9-003)."""
    playback, records = incident
    phases = {phase.name: phase.start.timestamp() for phase in playback.scenario.phases}
    tail = [
        c.name
        for c in playback.scenario.clients
        if c.weight and playback.result("cname", c.name).verdict.outcome is not Outcome.SILENT
    ]
    signed_in = [r.at for r in records if r.client in tail and isinstance(r.event, TokenIssued)]
    first = min(at for at in signed_in if at >= phases["record-empty"])
    assert timedelta(seconds=first - phases["record-empty"]) == timedelta(hours=8, minutes=33)


def test_the_chain_of_causes_leads_from_the_403_to_the_fault(incident):
    """403, no ticket, a name that the KDC does not know, a CNAME, the fault and its time (TMS9-081)."""
    _, records = incident
    (found,) = explain(records, client="office", phase="cname")
    texts = [link.text for link in found.links]
    assert texts[0].startswith("403")
    assert "403 AADSTS81005 at windowstransport: " in texts[0]
    assert texts[1:] == [
        "no ticket",
        "the KDC does not know HTTP/www.tm.a.prd.aadg.trafficmanager.net",
        "autologon.microsoftazuread-sso.com is a CNAME and this client canonicalises",
        "fault 'cname-for-alias' at 18:35",
    ]
    (gone,) = explain(records, client="office", phase="record-empty")
    assert [link.text for link in gone.links][-1] == "fault 'traffic-manager-deleted' at 16:42"
    assert explain(records, client="prt-device", phase="cname")[0].links == ()


def test_measures_say_how_hard_it_tried_and_what_it_gave_away(incident):
    """First failed stage, requests a minute, recovery, NTLM at a service that takes tickets only (TMS9-029)."""
    playback, _ = incident
    refused = playback.result("cname", "office").measures
    assert refused.step is SignInStep.TICKET
    assert 1 < refused.requests_per_minute < 10
    assert {exposure.what for exposure in refused.exposures} == {"ntlm"}
    assert playback.result("restored", "office").measures.recovered_after_s == pytest.approx(258, abs=1)
    assert playback.result("healthy", "office").measures.exposures == ()


async def test_a_password_given_to_a_portal_is_an_exposure(tmp_path, prepared):
    """Whoever asks the person behind a captive portal sends the password to the portal (msal-net-1825)."""
    playback, _ = await over_sockets(models_only(load_scenario("captive-portal")), tmp_path / "lab", prepared)
    exposures = playback.result("portal", "native-prompt").measures.exposures
    assert [exposure.what for exposure in exposures] == ["password"]


async def test_twenty_plays_have_one_digest(tmp_path, prepared):
    """Verdicts, reasons, moments and counts are the same at every run, chance included."""
    scenario = models_only(load_scenario("retry-storm"))
    found = {digest(*await over_sockets(scenario, tmp_path / str(number), prepared)) for number in range(20)}
    assert len(found) == 1


@pytest.mark.parametrize("name", list_shipped_names())
async def test_memory_agrees(name, tmp_path, prepared):
    """The same scenario in memory has the verdicts that it has over sockets, with their reasons and their moments."""
    scenario = models_only(load_scenario(name))
    playback, _ = await over_sockets(scenario, tmp_path / "lab", prepared)
    assert verdicts(in_memory(scenario)) == verdicts(playback)


async def test_three_devices_agree(tmp_path, prepared):
    """Memory, virtual time over sockets, and real time (shortened): one scenario, the same verdicts."""
    whole = load_scenario("feb-2025")
    clients = [c for c in whole.clients if c.name in {"native-prompt", "ssms", "msal4j-iwa", "prt-device", "adal-like"}]
    begin = whole.phases[0].start
    for phase_s in PHASES_S:
        phases = tuple(
            msgspec.structs.replace(phase, start=begin + timedelta(seconds=phase_s * number))
            for number, phase in enumerate(whole.phases)
        )
        end = begin + timedelta(seconds=phase_s * len(phases))
        short = with_clients(msgspec.structs.replace(whole, phases=phases, end=end), clients)
        virtual, _ = await over_sockets(short, tmp_path / f"virtual-{phase_s}", prepared)
        real, _ = await over_sockets(short, tmp_path / f"real-{phase_s}", prepared, RealTimeClock(begin.timestamp()))
        assert outcomes(virtual) == outcomes(in_memory(short))
        assert virtual.as_expected
        if outcomes(real) == outcomes(virtual):
            break
    assert outcomes(real) == outcomes(virtual)


def test_what_memory_cannot_play_is_said():
    """Programs need a lab."""
    with pytest.raises(LabInputError, match="cannot be played in memory"):
        play_in_memory(load_scenario("feb-2025"), default_estate(), {})


def test_steps_and_includes_are_checked_with_file_and_place():
    """A step beyond its phase, an include that leads nowhere or back, an unknown policy: file, line, key."""
    for old, new, words in (
        ('name = "cname"\n', 'name = "cname"\ninclude = ["feb-2025#cname"]\n', "'feb-2025#cname': includes itself"),
        ('name = "cname"\n', 'name = "cname"\ninclude = ["short-blip#nope"]\n', "has no phase 'nope'"),
        ('name = "cname"\n', 'name = "cname"\ninclude = ["shirt-blip#a-minute"]\n', "did you mean 'short-blip'?"),
        ('name = "cname"\n', 'name = "cname"\nsteps = [{ at = 99999, faults = [{ fault = "kdc-silent" }] }]\n',
         "phases[2].steps[0].at: expected seconds within the phase"),
        ('name = "cname"\n', 'name = "cname"\nsteps = [{ at = 9, until = 3, faults = [{ fault = "kdc-silent" }] }]\n',
         "phases[2].steps[0].until"),
        ('model = "office"\n', 'model = "office"\npolicy = "hybird"\n', "did you mean 'hybrid'?"),
        ('model = "office"\n', 'model = "ofice"\n', "did you mean 'office'?"),
        ("weight = 90", "weight = -1", "zero or more"),
    ):  # fmt: skip
        assert old in INCIDENT
        with pytest.raises(TomlMistakeError) as caught:
            parse_scenario(INCIDENT.replace(old, new, 1), "mine.toml", MODELS)
        assert words in str(caught.value)
        assert str(caught.value).startswith("mine.toml:")


def test_an_include_brings_faults_and_steps():
    """A phase with an include is that phase's own faults and the other's, as if written there."""
    flip = load_scenario("realm-flip").phases[1]
    assert {fault.fault_name for fault in flip.faults} == {"realm-managed", "traffic-manager-deleted"}
    assert load_scenario("partial-rollback").phases[0].faults == load_scenario("feb-2025").phases[2].faults


def test_an_expectation_may_be_of_a_kind():
    """The closest key counts: name, then kind, then model, then everybody."""
    phase = Phase(
        name="p", start=load_scenario("feb-2025").end, expect={"*": "failed", "office": "stalled", "desk": "silent"}
    )
    assert phase.expected_of(Client(name="a", model="office")).outcome == ("stalled",)
    assert phase.expected_of(Client(name="a", model="office", kind="desk")).outcome == ("silent",)
    assert phase.expected_of(Client(name="b", model="ssms")).outcome == ("failed",)


async def test_a_scenario_in_python_breaks_and_mends_within_a_phase(tmp_path, prepared):
    """Steps at +t: 503 for a while; who repeats is signed in after the mending (azure-ad-2020-december)."""
    whole = load_scenario("transient-5xx")
    scenario = Scenario(
        name="mine",
        title="t",
        end=whole.phases[1].start,
        clients=(Client(name="office", model="office"),),
        phases=(
            msgspec.structs.replace(
                whole.phases[0],
                faults=(),
                expect={},
                steps=(msgspec.convert({"at": 0, "until": 100, "faults": []}, type(whole.phases[1].steps[0])),),
            ),
        ),
    )
    step = msgspec.structs.replace(scenario.phases[0].steps[0], faults=(HttpStatus(path="/mex"),))
    scenario = msgspec.structs.replace(scenario, phases=(msgspec.structs.replace(scenario.phases[0], steps=(step,)),))
    playback, records = await over_sockets(scenario, tmp_path / "lab", prepared)
    verdict = playback.result("some", "office")
    assert verdict.verdict.outcome is Outcome.SILENT
    assert verdict.measures.step is SignInStep.MEX
    assert verdict.measures.recovered_after_s == pytest.approx(verdict.verdict.after_s - 100)
    assert {r.event.status for r in records if isinstance(r.event, HttpExchange) and "mex" in r.event.path} == {
        200,
        503,
    }


def test_catalogue_lists_all():
    """Every scenario of the folder, feb-2025 among them."""
    assert len(catalogue()) == len(list_shipped_names()) == 21
