"""The scenarios of the Az 5.0 release: each version of Az.Accounts with its known faults, and libraries of today."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ssosim.real_clients.lookup import find_flows
from ssosim.scenario.loader import load_scenario

from .azure_lab import EVERY_WAY, ROOT, home_of

SCENARIOS = ("az-5-browser", "az-5-operations", "az-5-identity", "az-5-cache")


def play(bench: Any, name: str, *words: str) -> tuple[int, dict[str, Any]]:
    """Play a scenario with the real clients; return the exit code and the clients of its phase."""
    of_the_cli = ("azure-cli",) if name == "az-5-browser" else ()
    for client in ("azure-powershell-stand-in", "azure-sdk", *of_the_cli):
        home_of(client)
    file = str(ROOT / "examples" / "azure" / f"{name}.toml")
    process = bench.popen("run", file, "--estate", "contoso-azure", "--json", *words)
    output, errors = process.communicate(timeout=560)
    assert output, errors
    (phase,) = json.loads(output)["phases"]
    return process.returncode, phase["clients"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_client_of_a_scenario_is_a_flow_with_an_expectation(name: str) -> None:
    """Nothing in these files is played without an expectation, and every flow that they name is there."""
    scenario = load_scenario(str(ROOT / "examples" / "azure" / f"{name}.toml"))
    (phase,) = scenario.phases
    assert {client.name for client in scenario.clients} == set(phase.expect)
    for client in scenario.clients:
        assert find_flows(client.model or "")


def test_the_wrong_identity_is_no_success(bench: Any) -> None:
    """2.1.0 drops -AccountId and is refused, today's library is not; an expectation of success breaks.

    AZ5-013, AZ5-014, AZ5-015, AZ5-016, AZ5-021.
    """
    chosen = ("--client", "identity-on-functions-2.1.0", "--client", "identity-on-functions-2.1.1")
    code, clients = play(bench, "az-5-identity", *chosen)
    assert code == 0, clients
    assert {name: found["outcome"] for name, found in clients.items()} == {
        "identity-on-functions-2.1.0": "refused",
        "identity-on-functions-2.1.1": "silent",
    }
    assert "asked for by client_id" in clients["identity-on-functions-2.1.1"]["reason"]


if EVERY_WAY:  # fifty programs

    @pytest.mark.parametrize("name", SCENARIOS)
    def test_a_scenario_of_the_release(bench: Any, name: str) -> None:
        """Each version fails, waits or signs in as its change log says, each repair repairs, and today's library works.

        Browser: AZ5-001, AZ5-002, AZ5-003, AZ5-004, AZ5-005, AZ5-006, AZ5-007, AZ5-008. Operations: AZ5-009, AZ5-010,
        AZ5-011, AZ5-012, AZ5-033. Identity, also on Functions and Automation: AZ5-013 to AZ5-016, AZ5-035. Cache:
        AZ5-017, AZ5-018, AZ5-019, AZ5-020, AZ5-028. Versions: AZ5-021.
        """
        code, clients = play(bench, name)
        assert code == 0, {client: found["reason"] for client, found in clients.items() if found["broken"]}

    @pytest.mark.parametrize(
        ("name", "client", "wrong"),
        [
            ("az-5-browser", "connect-alone-5.5.5", "silent|interactive"),
            ("az-5-operations", "deployment-2.1.0", "silent|interactive"),
            ("az-5-cache", "cache-2.1.2", "silent|interactive"),
        ],
    )
    def test_a_success_that_is_expected_of_a_faulty_version_breaks(
        bench: Any, name: str, client: str, wrong: str
    ) -> None:
        """Exit code 1: the faulty version does not pass for one that works."""
        code, _ = play(bench, name, "--client", client, "--expect", wrong)
        assert code == 1
