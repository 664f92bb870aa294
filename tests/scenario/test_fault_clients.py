"""Faults of a scenario are for clients that there are: one for another would strike nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssosim.cli.main import main
from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.fault_clients import check_fault_clients
from ssosim.scenario.loader import catalogue, guides, parse_scenario
from ssosim.scenario.model import Scenario
from ssosim.testing import play_sync

TEXT = """\
name = "own"
title = "t"
end = 2025-01-01T02:00:00Z
clients = [{{ name = "office", model = "office" }}, {{ name = "ssms", model = "ssms" }}]

[[phases]]
name = "p"
start = 2025-01-01T00:00:00Z
faults = [{{ fault = "servfail", names = ["{{login}}"], clients = {clients} }}]
steps = [{{ at = 60, faults = [{{ fault = "servfail", names = ["{{login}}"], clients = {later} }}] }}]
expect = {{ office = "stalled" }}
"""


def scenario(clients: str, later: str = "[]") -> Scenario:
    """A scenario whose faults are for these clients."""
    return parse_scenario(TEXT.format(clients=clients, later=later), "own.toml")


@pytest.mark.parametrize("clients", ["[]", '["office"]', '["ssms"]', '["office", "curl#1"]', '["mine/f"]'])
def test_a_fault_for_a_client_of_the_scenario_or_of_the_run_is_right(clients: str) -> None:
    """Also for one of the scenario's clients that was not chosen, and for a program that was added."""
    check_fault_clients(scenario(clients), ["office", "curl#1", "mine/f"])


@pytest.mark.parametrize(
    ("clients", "later"), [('["offcie"]', "[]"), ("[]", '["ssms", "offcie"]'), ('["offcie"]',) * 2]
)
def test_a_fault_for_a_client_that_nobody_is_is_refused(clients: str, later: str) -> None:
    """In the phase and in its steps: phase, fault, what is known, and the nearest name."""
    with pytest.raises(LabInputError) as raised:
        check_fault_clients(scenario(clients, later), ["office", "curl#1"])
    assert str(raised.value) == (
        "own: phase 'p': servfail: clients: there is no client 'offcie'; known: office, ssms, curl#1; "
        "did you mean 'office'?"
    )


def test_a_run_and_a_test_check_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything starts: exit code 2 of the command, an error of ``play_sync``."""
    file = tmp_path / "own.toml"
    file.write_text(TEXT.format(clients='["offcie"]', later="[]"), encoding="utf-8")
    assert main(["run", str(file)]) == 2
    assert "there is no client 'offcie'" in capsys.readouterr().err
    with pytest.raises(LabInputError, match="there is no client 'offcie'"):
        play_sync(file, "office")


def test_the_shipped_scenarios_name_clients_that_there_are() -> None:
    """Each fault of a shipped scenario is for its own clients."""
    for each in (*catalogue(), *guides()):
        check_fault_clients(each, ())
