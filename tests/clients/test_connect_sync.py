"""Entra Connect Sync: cycles, backlog, alert, and the two ways of signing in (TMS9-027, TMS9-097 to TMS9-101)."""

from __future__ import annotations

import itertools

import pytest
from ssosim_clients.failures import Stage
from ssosim_clients.models import State
from ssosim_clients.models.connect_sync import CONNECT_SYNC_CERTIFICATE, CONNECT_SYNC_PASSWORD, SyncState

from ssosim.testing import AUTOLOGON, SignInStep, World

HOUR = 3600.0


def test_a_cycle_every_half_hour(world: World) -> None:
    """While the name is gone one attempt is made per cycle of 30 minutes, and each stops at MEX (TMS9-099)."""
    world.remove_record()
    assert world.play(CONNECT_SYNC_PASSWORD.sign_in(world.device()), seconds=4 * HOUR + 60) is None
    starts = [event.at for event in world.events if event.step is SignInStep.REALM]
    assert len(starts) == 9
    gaps = [round(after - before) for before, after in itertools.pairwise(starts)]
    assert set(gaps) == {1800}
    assert {event.what for event in world.events if event.outcome == "nodata"} == {AUTOLOGON}


def test_backlog_grows_and_drains(world: World) -> None:
    """Changes pile up over the outage and are exported cycle by cycle after it, as fast as one cycle can (TMS9-027)."""
    device = world.device()
    world.remove_record()
    world.after(8.5 * HOUR, World.restore)
    running = world.engine.start(CONNECT_SYNC_PASSWORD.sign_in(device))
    world.engine.run(world.now + 8.4 * HOUR)
    grown = SyncState.of(device)
    assert (grown.backlog, grown.missed) == (17 * 200, 17)
    backlogs = []
    while not running.done:
        world.engine.run(world.now + 0.5 * HOUR)
        backlogs.append(SyncState.of(device).backlog)
    assert backlogs == [2600, 1800, 1000, 200, 0], "1000 out and 200 in, each cycle"
    assert running.result is not None
    assert (running.result.state, running.result.stage) == (State.SILENT, Stage.MEX)


def test_alert_after_missed_cycles(world: World) -> None:
    """An administrator is told after the second missed cycle, and no longer once one has succeeded (TMS9-027)."""
    device = world.device()
    world.remove_record()
    world.after(2 * HOUR - 60, World.restore)
    running = world.engine.start(CONNECT_SYNC_PASSWORD.sign_in(device))
    told = []
    while not running.done:
        world.engine.run(world.now + 60)
        told.append(CONNECT_SYNC_PASSWORD.alerts(device))
    assert told.index(True) == 30, "with the cycle that begins after half an hour"
    assert not CONNECT_SYNC_PASSWORD.alerts(device)


def test_changes_between_sign_ins_are_counted(world: World) -> None:
    """A synchroniser that has rested for a day has a day's changes to export, over several cycles."""
    device = world.device()
    world.play(CONNECT_SYNC_PASSWORD.sign_in(device))
    world.engine.run(world.now + 24 * HOUR)
    began = world.now
    belief = world.play(CONNECT_SYNC_PASSWORD.sign_in(device))
    assert belief is not None
    assert belief.attempts == 12, "48 cycles' 200 changes and those that come up meanwhile, 1000 at a time"
    assert world.now - began == pytest.approx(11 * 1800, abs=5)


@pytest.mark.parametrize("phase", [World.remove_record, World.put_cname])
def test_certificate_survives(world: World, phase: object) -> None:
    """With an application's certificate it signs in at the login host alone and loses no cycle (TMS9-100)."""
    assert callable(phase)
    phase(world)
    belief = world.play(CONNECT_SYNC_CERTIFICATE.sign_in(world.device()))
    assert belief is not None
    assert (belief.state, belief.attempts) == (State.SILENT, 1)
    assert [event.step for event in world.events if event.kind == "http"] == [SignInStep.TOKEN]


def test_password_does_not_mind_a_cname(world: World) -> None:
    """It asks for no ticket: with the partial rollback its cycle works again, over usernamemixed (TMS9-098)."""
    world.put_cname()
    belief = world.play(CONNECT_SYNC_PASSWORD.sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.SILENT
    assert world.count(SignInStep.WSTRUST_PASSWORD) == 1
    assert not world.seen("tgs")


def test_realm_flip_cures_it(world: World) -> None:
    """Told Managed, it uses the password grant and needs no MEX, though the name is gone (measured-realm-flip)."""
    world.remove_record()
    world.desktop_sso = False
    belief = world.play(CONNECT_SYNC_PASSWORD.sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.SILENT


def test_nothing_stored(world: World) -> None:
    """Without its password or its certificate every cycle fails, and it says that it is not set up."""
    world.play(CONNECT_SYNC_PASSWORD.sign_in(world.device(stored_password=None)), seconds=HOUR)
    world.play(CONNECT_SYNC_CERTIFICATE.sign_in(world.device(app_credentials=None)), seconds=HOUR)
    assert world.events == []
