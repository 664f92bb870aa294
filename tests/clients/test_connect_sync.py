"""Entra Connect Sync: cycles, backlog, alert, and the two ways of signing in (TMS9-027, TMS9-097 to TMS9-101)."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import msgspec
import pytest
from ssosim_clients.failures import Stage
from ssosim_clients.models import SignInState
from ssosim_clients.models.connect_sync import CONNECT_SYNC_CERTIFICATE, CONNECT_SYNC_PASSWORD, SyncProgress

from ssosim.estate import Certificate, default_estate
from ssosim.testing import AUTOLOGON, ClientEnvironment, SignInStep
from ssosim.trace import ClientAuthenticated, HttpExchange

HOUR = 3600.0


def test_a_cycle_every_half_hour(environment: ClientEnvironment) -> None:
    """While the name has no address one attempt is made per cycle of 30 minutes, and each fails at MEX (TMS9-099)."""
    environment.remove_record()
    assert environment.play(CONNECT_SYNC_PASSWORD.sign_in(environment.device()), seconds=4 * HOUR + 60) is None
    starts = [event.at for event in environment.events if event.step is SignInStep.REALM]
    assert len(starts) == 9
    gaps = [round(after - before) for before, after in itertools.pairwise(starts)]
    assert set(gaps) == {1800}
    assert {event.what for event in environment.events if event.outcome == "nodata"} == {AUTOLOGON}


def test_backlog_grows_and_drains(environment: ClientEnvironment) -> None:
    """The backlog grows during the outage and is exported after it, at most the capacity in each cycle (TMS9-027)."""
    device = environment.device()
    environment.remove_record()
    environment.after(8.5 * HOUR, ClientEnvironment.restore)
    running = environment.engine.start(CONNECT_SYNC_PASSWORD.sign_in(device))
    environment.engine.run(environment.now + 8.4 * HOUR)
    grown = SyncProgress.read(device)
    assert (grown.backlog, grown.failed_cycles) == (17 * 200, 17)
    backlogs = []
    while not running.done:
        environment.engine.run(environment.now + 0.5 * HOUR)
        backlogs.append(SyncProgress.read(device).backlog)
    assert backlogs == [2600, 1800, 1000, 200, 0], "1000 out and 200 in, each cycle"
    assert running.result is not None
    assert (running.result.state, running.result.stage) == (SignInState.SILENT, Stage.MEX)


def test_alert_after_missed_cycles(environment: ClientEnvironment) -> None:
    """It alerts after the second failed cycle, and no longer after a successful one (TMS9-027)."""
    device = environment.device()
    environment.remove_record()
    environment.after(2 * HOUR - 60, ClientEnvironment.restore)
    running = environment.engine.start(CONNECT_SYNC_PASSWORD.sign_in(device))
    told = []
    while not running.done:
        environment.engine.run(environment.now + 60)
        told.append(CONNECT_SYNC_PASSWORD.is_alerting(device))
    assert told.index(True) == 30, "with the cycle that begins after half an hour"
    assert not CONNECT_SYNC_PASSWORD.is_alerting(device)


def test_changes_between_sign_ins_are_counted(environment: ClientEnvironment) -> None:
    """After a day without cycles it exports the changes of that day, in several cycles."""
    device = environment.device()
    environment.play(CONNECT_SYNC_PASSWORD.sign_in(device))
    environment.engine.run(environment.now + 24 * HOUR)
    began = environment.now
    report = environment.play(CONNECT_SYNC_PASSWORD.sign_in(device))
    assert report is not None
    assert report.attempts == 12, "48 cycles' 200 changes and those that come up meanwhile, 1000 at a time"
    assert environment.now - began == pytest.approx(11 * 1800, abs=5)


@pytest.mark.parametrize("phase", [ClientEnvironment.remove_record, ClientEnvironment.put_cname])
def test_certificate_survives(environment: ClientEnvironment, phase: object) -> None:
    """With an application's certificate it uses only the login host, and no cycle fails (TMS9-100)."""
    assert callable(phase)
    phase(environment)
    report = environment.play(CONNECT_SYNC_CERTIFICATE.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.attempts) == (SignInState.SILENT, 1)
    assert [event.step for event in environment.events if event.kind == "http"] == [SignInStep.TOKEN]


def test_password_does_not_mind_a_cname(environment: ClientEnvironment) -> None:
    """It requests no ticket: with the partial rollback its cycle succeeds again, over usernamemixed (TMS9-098)."""
    environment.put_cname()
    report = environment.play(CONNECT_SYNC_PASSWORD.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.SILENT
    assert environment.count(SignInStep.WSTRUST_PASSWORD) == 1
    assert not environment.seen("tgs")


def test_realm_flip_cures_it(environment: ClientEnvironment) -> None:
    """If the realm response is Managed it uses the password grant and needs no MEX (measured-realm-flip)."""
    environment.remove_record()
    environment.desktop_sso = False
    report = environment.play(CONNECT_SYNC_PASSWORD.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.SILENT


def test_nothing_stored(environment: ClientEnvironment) -> None:
    """Without its password or its certificate every cycle fails, and the error says that it is not set up."""
    environment.play(CONNECT_SYNC_PASSWORD.sign_in(environment.device(stored_password=None)), seconds=HOUR)
    environment.play(CONNECT_SYNC_CERTIFICATE.sign_in(environment.device(app_credentials=None)), seconds=HOUR)
    assert environment.events == []


def test_the_certificate_signs_an_assertion(environment: ClientEnvironment) -> None:
    """The model proves itself with its certificate: the provider has verified it, and no secret is sent."""
    environment.play(CONNECT_SYNC_CERTIFICATE.sign_in(environment.device()))
    proofs = [each.event for each in environment.lab.trace if isinstance(each.event, ClientAuthenticated)]
    assert [each.method for each in proofs] == ["certificate"]


def test_an_expired_certificate_stops_the_cycles() -> None:
    """After the end of its certificate the application is refused with 700027 until a new one is there."""
    estate = default_estate()
    late = (Certificate(display_name="old", end_date_time=datetime(1970, 1, 2, tzinfo=UTC)),)
    applications = tuple(
        msgspec.structs.replace(each, certificates=late) if each.certificates else each for each in estate.applications
    )
    environment = ClientEnvironment(estate=msgspec.structs.replace(estate, applications=applications))
    device = environment.device()
    assert environment.play(CONNECT_SYNC_CERTIFICATE.sign_in(device), seconds=HOUR) is None
    assert SyncProgress.read(device).failed_cycles == 2
    codes = [each.event.code for each in environment.lab.trace if isinstance(each.event, HttpExchange)]
    assert set(codes) == {700027}
