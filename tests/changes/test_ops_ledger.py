"""The ledger: written completely or not at all, whenever the process dies; rollback to last known good, verified."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest_ops import AUTOLOGON, LOGIN, PROFILE, Office, change, clean_up, whole_rollback

from ssosim.changes.approvals import load_policy
from ssosim.changes.change import Change
from ssosim.changes.change_control import ChangeControl
from ssosim.changes.diff import compare
from ssosim.changes.ledger import Ledger, LedgerError
from ssosim.changes.operations import PutRecords
from ssosim.changes.verify import verify
from ssosim.dns import DnsChangeError, ZoneSet, ZoneStore, put_rrset
from ssosim.dns.zones.rrset import plain

HERE = Path(__file__).parent

APPLIER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from conftest_ops import change
from ssosim.dns import ZoneStore, zones_of
from ssosim.changes.change_control import ChangeControl
from ssosim.changes.ledger import Ledger
from ssosim.changes.operations import PutRecords
from ssosim.estate import default_estate

control = ChangeControl(ZoneStore(zones_of(default_estate())), Ledger(Path(sys.argv[1])))
control.recover()
print("ready", flush=True)
for number in range(len(control.ledger.entries()), 10_000):
    record = PutRecords(name=f"n{number}.microsoft.com", type="A", values=("192.0.2.1",))
    control.apply(change(record, title=str(number)))
"""


def test_a_killed_apply_leaves_the_old_state_or_the_new(zones: ZoneSet, tmp_path: Path):
    """Kill -9 in the middle of applying: every entry is whole, its zones read back, and going on works."""
    folder = tmp_path / "dns"
    chance = random.Random(7)  # noqa: S311 - moments, no secrets
    seen = rounds = 0
    while rounds < 8 or seen <= 3:  # a slow machine applies less between two kills
        rounds += 1
        assert rounds <= 80
        with subprocess.Popen([sys.executable, "-c", APPLIER, folder, HERE], stdout=subprocess.PIPE) as applier:
            assert applier.stdout is not None
            assert applier.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.0, 0.08))
            os.kill(applier.pid, signal.SIGKILL)
        entries = Ledger(folder).entries()
        assert [entry.title for entry in entries] == [str(number) for number in range(len(entries))]
        assert len(entries) >= seen
        seen = len(entries)
        if entries:
            store = ZoneStore(zones)
            ChangeControl(store, Ledger(folder)).recover()
            added = {rrset.name.to_text() for zone in store.current.zones.values() for rrset in zone.rrsets()}
            assert sum("n" + str(number) + ".microsoft.com." in added for number in range(seen + 5)) == seen


def test_a_ledger_that_cannot_be_written_changes_nothing(office: Office, tmp_path: Path):
    """Where the ledger cannot be kept, the zones stay as they are and the error says which folder."""
    (tmp_path / "file").write_text("in the way")
    office.control.ledger = Ledger(tmp_path / "file")
    before = office.store.current
    with pytest.raises(LedgerError, match="nothing was changed"):
        office.control.apply(change(PutRecords(name="a.microsoft.com", type="A", values=("192.0.2.1",))))
    assert office.store.current is before


def test_a_damaged_ledger_is_named(office: Office):
    """A file that is no ledger, or a state that is does not have the digest in its name, is an error with its path."""
    office.control.apply(change(PutRecords(name="a.microsoft.com", type="A", values=("192.0.2.1",))))
    folder = office.control.ledger.folder
    state = folder / f"zones-{office.control.ledger.entries()[0].after}.json"
    data = json.loads(state.read_text())
    data["zones"] = data["zones"][:-1]
    state.write_text(json.dumps(data))
    with pytest.raises(LedgerError, match="does not have the digest in its name"):
        office.control.recover()
    (folder / "ledger.json").write_text("{}")
    with pytest.raises(LedgerError, match=r"ledger\.json: is not a ledger"):
        office.control.ledger.entries()


def test_the_ledger_says_who(office: Office):
    """Author, approvers, people present, plan and the change itself are kept."""
    office.apply(clean_up(rollback_operations=whole_rollback()))
    [entry] = office.control.ledger.entries()
    assert (entry.author, entry.approved_by, entry.executors) == ("carol", ("ann", "ben"), ("ann", "ben"))
    assert entry.change is not None
    assert entry.change["title"] == "a change"


def test_rollback_restores_last_known_good_whole(office: Office):
    """TMS9-083, TMS9-084: the rollback gives back everything, the alias link included, and is verified."""
    before = office.store.current
    office.apply(clean_up(rollback_operations=whole_rollback()))
    assert office.store.current != before
    done = office.control.rollback(by="ann")
    assert done.verification.good
    assert office.store.current == before
    assert office.control.desired == before
    assert office.store.current.version > before.version


def test_the_cname_phase_fails_the_verifier(office: Office):
    """TMS9-084: the rollback of that evening resolves everywhere and is not last known good: a type differs."""
    office.control.apply(clean_up(), policy=load_policy("feb-2025"))
    done = office.control.rollback(as_written=True)
    assert not done.verification.good
    [line] = done.verification.lines
    assert line.startswith(f"{AUTOLOGON}: should be A alias of traffic manager {PROFILE}")
    assert "is CNAME www.tm.a.prd.aadg.trafficmanager.net." in line
    assert office.control.rollback().verification.good  # half a rollback leaves the change open; the whole one ends it


def test_recreating_the_profile_alone_is_not_enough(office: Office):
    """TMS9-076: the traffic manager is back and the alias set still empty; the verifier says so."""
    good = office.store.current
    office.control.apply(clean_up(rollback_operations=whole_rollback()[:1]), policy=load_policy("feb-2025"))
    office.control.rollback(as_written=True)
    check = verify(office.store.current, good)
    assert not check.good
    assert "is A empty record set" in check.lines[0]


def test_a_changed_ttl_fails_the_verifier(zones: ZoneSet):
    """Equality with last known good is whole: a TTL counts."""
    other = put_rrset(zones, LOGIN, "A", ["192.0.2.10"], ttl=17)
    assert "TTL 17" in verify(other, zones).lines[0]


def test_nothing_to_roll_back_is_said(office: Office):
    """Rolling back what was not applied, or was rolled back already, names what there is."""
    with pytest.raises(DnsChangeError, match="nothing was applied"):
        office.control.rollback()
    office.control.apply(change(PutRecords(name="a.microsoft.com", type="A", values=("192.0.2.1",))))
    office.control.rollback()
    with pytest.raises(DnsChangeError, match="not rolled back: none"):
        office.control.rollback()
    with pytest.raises(DnsChangeError, match="no applied change 7"):
        office.control.rollback(7)


def put(name: str, address: str = "192.0.2.1") -> Change:
    """A change that puts a name."""
    return change(PutRecords(name=name, type="A", values=(address,)), title=name)


def test_a_rollback_leaves_later_changes_in_force(office: Office):
    """The first of three changes rolled back: the others stay, and rolling those back does not bring it in again."""
    healthy = office.store.current
    for name in ("a.microsoft.com", "b.microsoft.com", "c.microsoft.com"):
        office.control.apply(put(name))
    assert office.control.rollback(1).verification.good
    assert added(healthy, office) == {"b.microsoft.com", "c.microsoft.com"}
    assert office.control.detect_drift() == ()
    assert office.control.rollback(3).verification.good
    assert added(healthy, office) == {"b.microsoft.com"}
    assert office.control.rollback().verification.good
    assert office.store.current == healthy
    with pytest.raises(DnsChangeError, match="not rolled back: none"):
        office.control.rollback()


def test_a_change_that_another_rests_on_is_not_rolled_back(office: Office):
    """Two changes of one record set: the earlier is refused while the later stands, and nothing is changed."""
    healthy = office.store.current
    office.control.apply(put("a.microsoft.com"))
    office.apply(put("a.microsoft.com", "192.0.2.2"))
    before, entries = office.store.current, office.control.ledger.entries()
    with pytest.raises(DnsChangeError, match=r"a\.microsoft\.com A was changed after it; roll back the later change"):
        office.control.rollback(1)
    assert office.store.current is before
    assert office.control.ledger.entries() == entries
    office.control.rollback(2)
    office.control.rollback(1)
    assert office.store.current == healthy


def added(healthy: ZoneSet, office: Office) -> set[str]:
    """The names that differ."""
    return {plain(name) for name in compare(healthy, office.store.current).names}
