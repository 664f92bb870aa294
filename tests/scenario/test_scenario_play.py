"""25 February 2025, played in virtual time over real DNS, TLS and Kerberos on loopback."""

import hashlib
import re
import time
from datetime import timedelta

import msgspec
import pytest
from ssosim_clients.catalogue import find_model

from ssosim.clock import VirtualClock
from ssosim.estate import default_estate
from ssosim.lab.core.lab import Lab
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.player import play
from ssosim.trace import HttpExchange, KdcExchange, PhaseStarted, TokenIssued, UserPrompted
from ssosim.trace.export import record_to_json
from ssosim.verdict.outcome import Outcome

DRAWN = ("seq", "request_id", "elapsed_ms", "digest")
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def played(folder, cache, *, half_hours=False):
    """One play of the incident by the two models, with shorter phases if wanted; the playback and the trace."""
    scenario = load_scenario("feb-2025")
    models = {client.name: find_model(client.model) for client in scenario.clients if client.model}
    scenario = msgspec.structs.replace(
        scenario, clients=tuple(client for client in scenario.clients if client.name in models)
    )
    if half_hours:
        moments = [scenario.phases[0].start + timedelta(minutes=30 * number) for number in range(5)]
        phases = [
            msgspec.structs.replace(phase, start=moment)
            for phase, moment in zip(scenario.phases, moments[:4], strict=True)
        ]
        scenario = msgspec.structs.replace(scenario, phases=tuple(phases), end=moments[4])
    clock = VirtualClock(scenario.phases[0].start.timestamp())
    folder.mkdir()
    async with Lab(default_estate(), folder, cache, clock=clock) as lab:
        playback = await play(scenario, lab, clock, models)
        return playback, tuple(lab.trace)


@pytest.fixture(scope="module")
def incident(tmp_path_factory, prepared):
    """The incident, played once."""
    import asyncio  # noqa: PLC0415 - a module's fixture has no loop of pytest's

    began = time.monotonic()
    playback, records = asyncio.run(played(tmp_path_factory.mktemp("play") / "lab", prepared))
    return playback, records, time.monotonic() - began


def digest(playback, records):
    """Of all that is not drawn by lot: request ids, token digests, durations, two clients at one moment."""
    told = [
        repr((r.phase, r.client, r.verdict.outcome, r.verdict.reason, r.verdict.after_s, r.verdict.attempts))
        for r in playback.results
    ]
    for client in ("office", "native-prompt"):
        for record in records:
            if record.client == client:
                data = msgspec.json.decode(record_to_json(record))
                told.append(repr({name: data[name] for name in sorted(data) if name not in DRAWN}))
    return hashlib.sha256(GUID.sub("", "\n".join(told)).encode()).hexdigest()


def phase_of(records, phase, client):
    """What a client caused in a phase."""
    starts = [record.seq for record in records if isinstance(record.event, PhaseStarted)]
    names = [record.event.phase for record in records if isinstance(record.event, PhaseStarted)]
    begin = starts[names.index(phase)]
    end = next((seq for seq in starts if seq > begin), records[-1].seq + 1)
    return [record for record in records if begin < record.seq < end and record.client == client]


def test_the_outcomes_are_those_of_the_scenario(incident):
    """Each model in each phase comes out as the review says (TMS9-001, TMS9-081); nine hours take seconds."""
    playback, _, seconds = incident
    assert playback.as_expected
    office = [playback.result(phase.name, "office").verdict.outcome for phase in playback.scenario.phases]
    assert office == [Outcome.SILENT, Outcome.STALLED, Outcome.REFUSED, Outcome.SILENT]
    assert seconds < 300


def test_the_swallowing_client_asks_nobody(incident):
    """While the record is empty it makes many attempts in the background and no prompt (TMS9-021)."""
    _, records, _ = incident
    mine = phase_of(records, "record-empty", "office")
    assert not [record for record in mine if isinstance(record.event, UserPrompted)]
    assert not [record for record in mine if isinstance(record.event, TokenIssued)]
    assert sum("/userrealm/" in r.event.path for r in mine if isinstance(r.event, HttpExchange)) > 10


def test_the_client_that_falls_back_asks_once_and_signs_in(incident):
    """With the record empty, a client that asks has its user signed in, once, at the phase's start (TMS9-025)."""
    playback, records, _ = incident
    mine = phase_of(records, "record-empty", "native-prompt")
    assert sum(isinstance(record.event, UserPrompted) for record in mine) == 1
    verdict = playback.result("record-empty", "native-prompt").verdict
    assert (verdict.outcome, verdict.after_s) == (Outcome.INTERACTIVE, 0.0)


def test_the_cname_phase_is_explained_by_the_spn(incident):
    """The reason names the SPN that the CNAME led to and that the KDC does not know it; so does the wire (TMS9-082)."""
    playback, records, _ = incident
    spn = "HTTP/www.tm.a.prd.aadg.trafficmanager.net"
    for client in ("office", "native-prompt"):
        verdict = playback.result("cname", client).verdict
        assert f"it asked for {spn}, which the KDC does not know" in verdict.reason
        assert verdict.spn == spn
        asked = [r.event for r in phase_of(records, "cname", client) if isinstance(r.event, KdcExchange)]
        assert {(event.service, event.outcome) for event in asked} == {(spn, "KDC_ERR_S_PRINCIPAL_UNKNOWN")}


def test_the_swallowing_client_recovers_without_the_user(incident):
    """With the alias restored, the background retry signs the user in within its period and asks nobody (TMS9-029)."""
    playback, records, _ = incident
    verdict = playback.result("restored", "office").verdict
    assert verdict.outcome is Outcome.SILENT
    assert 0 <= verdict.after_s <= 300
    assert not [r for r in phase_of(records, "restored", "office") if isinstance(r.event, UserPrompted)]


async def test_five_plays_are_the_same_play(tmp_path, prepared):
    """What each client does and meets, when, and what is judged of it: the same at every run, byte for byte."""
    digests = set()
    for number in range(5):
        digests.add(digest(*await played(tmp_path / f"lab{number}", prepared, half_hours=True)))
    assert len(digests) == 1
