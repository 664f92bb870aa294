"""The process cannot be bypassed: files are the desired state, and each step that is skipped stops the change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest_ops import LOGIN, Office, change, clean_up, whole_rollback, yes

from ssosim.changes.approvals import load_policy
from ssosim.changes.change_control import RefusedError
from ssosim.changes.operations import PutRecords
from ssosim.changes.risk import BlastRadius, Level
from ssosim.dns import put_rrset
from ssosim.dns.imports.tree import read_tree

ZONE = "$TTL 300\n@ NS ns1.lab.invalid.\nwww A 192.0.2.1\nmail A 192.0.2.2\nftp A 192.0.2.3\n"


def test_files_are_the_desired_state(office: Office, tmp_path: Path):
    """TMS9-033, TMS9-035: zones of files against production; every record touched beside them is one finding."""
    (tmp_path / "example.com.zone").write_text(ZONE)
    office.control.load(read_tree(tmp_path), "from files")

    def drifted() -> list[tuple[str, str]]:
        return [(each.kind, each.name) for each in office.control.detect_drift() if each.direction == "desired"]

    assert drifted() == []
    now = put_rrset(office.store.current, "www.example.com", "A", ["192.0.2.9"])
    office.store.change(lambda _: put_rrset(now, "mail.example.com", "A", ["192.0.2.9"]))
    assert sorted(drifted()) == [("different", "mail.example.com"), ("different", "www.example.com")]


@pytest.mark.parametrize("skipped", ["document", "version", "approvals", "executors", "rollback", "in-use"])
def test_whatever_step_somebody_skips_the_gate_stops(office: Office, skipped: str):
    """TMS9-085: people forget; each forgotten step alone is refused by its own rule, and nothing is changed."""
    fields: dict[str, Any] = {"rollback_operations": whole_rollback()}
    if skipped == "document":
        fields["abort_rule"] = " "
    if skipped == "rollback":
        del fields["rollback_operations"]
    if skipped == "in-use":
        office.ask("autologon.microsoftazuread-sso.com")
    wanted = clean_up(**fields)
    token = office.control.plan(wanted).token
    before = office.store.current
    with pytest.raises(RefusedError) as caught:
        office.control.apply(
            wanted,
            token="v0-000000000000" if skipped == "version" else token,
            approvals=() if skipped == "approvals" else yes(token, "ann", "ben"),
            executors=("ann",) if skipped == "executors" else ("ann", "ben"),
        )
    assert {each.rule for each in caught.value.decision.obstacles} == {skipped}
    assert office.store.current is before


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("scope", ["global", "views"])
def test_the_new_table_is_never_the_laxer_one(level: Level, scope: Any):
    """TMS9-087: for every risk and scope the new policy asks for as much as the old one, and waves nothing through."""
    blast = BlastRadius(scope, (), (), ())
    old, new = (load_policy(name).requirements_for(level, blast) for name in ("feb-2025", "strict"))
    assert new.approvers >= old.approvers
    assert new.executors >= old.executors
    assert load_policy("strict").unmatched == "refuse"
    assert (level, scope) != (Level.HIGH, "global") or new.approvers > old.approvers


def test_a_harmless_change_needs_little(office: Office):
    """TMS9-087: strict is no standstill: a new name goes through without anybody's approval."""
    done = office.control.apply(change(PutRecords(name=f"new.{LOGIN}", type="A", values=("192.0.2.10",))))
    assert done.verification.good
