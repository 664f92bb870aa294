"""Monitoring of the inventory, and the findings about missed runs and overdue repairs."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import msgspec
import pytest
from conftest_ops import AUTOLOGON, LOGIN, PROFILE, Office, clean_up

from ssosim.changes.inventory import Repair, default_inventory, parse_inventory
from ssosim.changes.monitoring import find_missed_run, find_overdue_repairs
from ssosim.dns import delete_profile, put_rrset
from ssosim.estate import default_estate
from ssosim.estate.toml import TomlMistakeError
from ssosim.lab.control.dns_handlers import DnsHandlers
from ssosim.lab.core.lab import Lab

BOOK = msgspec.structs.replace(default_inventory(), check_every=60)


def test_a_run_that_did_not_happen_alerts(office: Office):
    """TMS9-091: one and a half intervals without a check is a finding that pages; a check ends it."""
    office.control.inventory = BOOK
    office.control.record_endpoint_check()
    office.clock.moment += 90
    assert find_missed_run(BOOK, office.clock.moment - 90, office.clock.moment) == ()
    office.clock.moment += 1
    found = [each for each in office.control.detect_drift() if each.kind == "missed-run"]
    assert [(each.pages, each.severity) for each in found] == [(True, 2)]
    office.control.record_endpoint_check()
    assert not [each for each in office.control.detect_drift() if each.kind == "missed-run"]


def test_without_an_interval_nothing_is_missed(office: Office):
    """TMS9-091: an inventory that asks for no monitoring has no runs to miss."""
    assert find_missed_run(default_inventory(), 0, office.clock.moment) == ()


async def test_the_lab_checks_by_itself(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    """TMS9-091, TMS9-039: with an interval the lab looks at every endpoint again and again, and traces its findings."""
    cache = tmp_path_factory.getbasetemp() / "ops-cache"
    cache.mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "lab").mkdir()
    async with Lab(default_estate(), tmp_path / "lab", cache) as lab:
        handlers = DnsHandlers(lab, tmp_path / "ledger")

        found = asyncio.Event()
        text = f"{AUTOLOGON}: expected a direct answer, got nodata"
        lab.trace.subscribe(lambda record: found.set() if text in str(record.event) else None)
        try:
            await handlers._settings({"inventory": msgspec.to_builtins(msgspec.structs.replace(BOOK, check_every=1))})
            lab.zones.change(lambda zones: delete_profile(zones, PROFILE))
            await asyncio.wait_for(found.wait(), 60)
        finally:
            await handlers.close()


def test_promises_are_followed_up(office: Office):
    """TMS9-096: a repair item is a finding from the day after its date until it is done."""
    promise = Repair(title="regional names for single sign-on", owner="identity", due=dt.date(2025, 2, 18))
    book = msgspec.structs.replace(BOOK, repairs=(promise,))
    on_the_day = dt.datetime(2025, 2, 18, 23, 59, tzinfo=dt.UTC).timestamp()
    assert find_overdue_repairs(book, on_the_day) == ()
    (late,) = find_overdue_repairs(book, on_the_day + 60)
    assert (late.kind, late.name) == ("repair-overdue", promise.title)
    done = msgspec.structs.replace(book, repairs=(msgspec.structs.replace(promise, done=True),))
    assert find_overdue_repairs(done, on_the_day + 60) == ()
    office.control.inventory = book
    assert "repair-overdue" in {each.kind for each in office.control.detect_drift()}


def test_an_inventory_file_has_dates_and_intervals():
    """TMS9-096: a TOML date is a day; a mistake has its place."""
    text = 'check_every = 300\n[[repairs]]\ntitle = "t"\nowner = "o"\ndue = 2026-06-30\n'
    assert parse_inventory(text, "i.toml").repairs[0].due == dt.date(2026, 6, 30)
    with pytest.raises(TomlMistakeError, match="check_every: expected seconds"):
        parse_inventory(text.replace("300", "-1"), "i.toml")


@pytest.mark.parametrize(("incident", "passes"), [("INC-1", True), ("INC-2", False), ("DRIFT-1", True)])
def test_an_emergency_names_an_open_incident(office: Office, incident: str, passes: bool):
    """salesforce-2021: where open incidents are known, an emergency in one that is not open is none."""
    office.control.inventory = msgspec.structs.replace(default_inventory(), incidents=("INC-1",))
    office.ask(AUTOLOGON)
    office.store.change(lambda zones: put_rrset(zones, LOGIN, "A", ["192.0.2.99"]))
    office.control.detect_drift()
    assert set(office.control.locks.values()) == {"DRIFT-1"}
    wanted = clean_up(urgency="emergency", incident=incident)
    reasons = {each.rule for each in office.control.judge(office.control.plan(wanted)).obstacles}
    assert ("emergency" not in reasons) is passes
    assert ("in-use" not in reasons) is passes
