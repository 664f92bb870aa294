"""The troubleshooting guides as commands: ``ssosim run guide-azidentity`` and ``ssosim run guide-azure-identity``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ssosim.scenario.loader import guides, list_guide_names, load_scenario
from ssosim.verdict.expectations import SIGNED_IN, convert_expectation

from .azure_lab import EVERY_WAY, home_of

REAL_CLIENT = {"guide-azidentity": "azidentity", "guide-azure-identity": "azure-identity"}
SAMPLE = ("secret-id", "secret-mitigated", "permission", "identity-mitigated", "missing-variable")
"""The clients of the suite's sample; ``.ci/nightly`` plays all."""


@pytest.mark.parametrize("name", REAL_CLIENT)
def test_every_mistake_is_told_from_the_others(name: str) -> None:
    """Each mistake is expected with its code or with words of its reason: the outcome alone could be another's."""
    scenario = load_scenario(name)
    (phase,) = scenario.phases
    assert set(phase.expect) == {client.name for client in scenario.clients}
    for client in scenario.clients:
        expected = convert_expectation(phase.expect[client.name])
        if client.name.endswith("-mitigated"):
            assert set(expected.outcome) <= set(SIGNED_IN), client.name
        else:
            assert expected.code or expected.reason_contains, client.name
            assert not set(expected.outcome) & set(SIGNED_IN), client.name


def test_the_guides_are_listed_by_name(bench: Any) -> None:
    """``ssosim scenarios`` has them, with the estate that they are played on."""
    assert set(list_guide_names()) == set(REAL_CLIENT)
    assert {each.default_estate for each in guides()} == {"contoso-guides"}
    listed = {each["name"] for each in json.loads(bench.run("scenarios", "--json").stdout)["scenarios"]}
    assert set(REAL_CLIENT) <= listed


@pytest.mark.parametrize("name", REAL_CLIENT)
def test_each_line_of_the_guide_shows_its_mistake_and_its_mitigation(bench: Any, name: str) -> None:
    """Exit code 0: each mistake fails for its own reason, and each mitigation signs in.

    GO-003, GO-008, GO-010 to GO-019, GO-025 to GO-028, GO-031, GO-033 to GO-036, GO-038 to GO-044.
    PY-003, PY-008 to PY-019, PY-025 to PY-028, PY-031, PY-033, PY-034, PY-039, PY-040, PY-042 to PY-055,
    PY-058.
    """
    for needed in (REAL_CLIENT[name], *(("azure-cli", "azure-powershell-stand-in") if EVERY_WAY else ())):
        home_of(needed)
    chosen = () if EVERY_WAY else [word for client in SAMPLE for word in ("--client", client)]
    process = bench.popen("run", name, *chosen, "--json")
    output, errors = process.communicate(timeout=500)
    assert process.returncode == 0, f"{errors}\n{output}"
    (phase,) = json.loads(output)["phases"]
    assert len(phase["clients"]) == (len(load_scenario(name).clients) if EVERY_WAY else len(SAMPLE))
    if not EVERY_WAY:
        wrong = bench.run("run", name, "--client", "secret-id", "--code", "AADSTS7000222", "--json")
        assert wrong.returncode == 1, "another code is another mistake"


def test_a_refusal_of_a_real_mistake_has_all_seven_fields(bench: Any) -> None:
    """A wrong secret, and no fault: the body has error, description, codes, time, two ids and an address."""
    assert bench.run("up", "--detach", "--estate", "contoso-guides").returncode == 0
    url = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    form = "grant_type=client_credentials&client_id=7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b11&client_secret=wrong"
    form += "&scope=https://graph.microsoft.com/.default"
    body = json.loads(bench.run("exec", "--device", "desk-1", "--", "curl", "-sS", "-d", form, url).stdout)
    assert set(body) == {
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
    }
    assert (body["error"], body["error_codes"]) == ("invalid_client", [7000215])
    assert body["error_uri"].endswith("code=7000215")
    assert body["trace_id"] in body["error_description"]
    assert body["correlation_id"] in body["error_description"]
    assert body["timestamp"] in body["error_description"]


@pytest.mark.parametrize("name", REAL_CLIENT)
def test_the_log_of_the_library_has_no_secret(bench: Any, name: str) -> None:
    """With the library's log switched on, neither the secret nor the token is in it: GO-009, PY-006."""
    home = home_of(REAL_CLIENT[name])
    scenario = load_scenario(name)
    (client,) = [each for each in scenario.clients if each.name == "secret-mitigated"]
    command = [word.replace(f"{{home:{REAL_CLIENT[name]}}}", str(home)) for word in client.run]
    assert bench.run("up", "--detach", "--estate", "contoso-guides").returncode == 0
    done = bench.run("exec", "--device", "desk-1", "--", *command, "log=1")
    assert done.returncode == 0, done.stderr
    assert "ClientSecretCredential" in done.stderr
    assert "contoso-report-secret" not in done.stderr
    assert "eyJ" not in done.stderr, "a token begins like this"
