"""Chained and default credentials of the four libraries: order, texts, where they go on and where they stop."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.entra.proofs import CONTOSO

from .applications import APP
from .conftest import Result
from .libraries import find_program, pair

Play = Callable[..., Result]

SECRET = {"AZURE_TENANT_ID": CONTOSO, "AZURE_CLIENT_ID": APP, "AZURE_CLIENT_SECRET": "current-secret"}
MEMBERS = {
    "python": ["EnvironmentCredential:", "WorkloadIdentityCredential:", "ManagedIdentityCredential:", "AzureCliCr"],
    "go": [
        "EnvironmentCredential:",
        "WorkloadIdentityCredential:",
        "ManagedIdentityCredential:",
        "AzureCLICredential:",
    ],
    "node": ["EnvironmentCredential is", "ManagedIdentityCredential:", "Visual Studio Code", "Azure CLI could not"],
    "java": ["EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential", "Azure CLI not"],
}
"""What the error of DefaultAzureCredential names, in this order."""
TIMED_OUT = {
    "python": "ManagedIdentityCredential authentication unavailable, no response from the IMDS endpoint",
    "go": "managed identity timed out",
    "node": "Attempted to use the IMDS endpoint, but it is not available",
    "java": "Connection to IMDS endpoint cannot be established",
}


def explained(hosts: Any, label: str) -> dict[str, Any]:
    """Return the explanation of a program, as JSON."""
    found = json.loads(hosts.run("explain", "--json", "--client", label).stdout)["explanations"]
    assert len(found) == 1
    return dict(found[0])


@pytest.mark.parametrize(("language", "case"), pair({"container": "go node java"}))
def test_nothing_is_configured(hosts: Any, play: Play, language: str, case: str) -> None:
    """One error that lists the members in their order; one connection is tried, for a second (GO-005, GO-010, PY-008).

    The library for Node leaves out the member for workload identities if it is not configured.
    """
    result = play(language, case, "default", env={"PATH": "/nowhere:/usr/bin:/bin"} if language == "node" else None)
    places = [result["text"].find(name) for name in MEMBERS[language]]
    assert -1 not in places, result
    assert places == sorted(places)
    assert TIMED_OUT[language] in result["text"]
    assert len(result.events("ConnectionFailed")) == 1
    verdict = explained(hosts, result.label)
    assert [each["credential"] for each in verdict["credential_attempts"]] == ["managed_identity"]
    assert "for which no host answered" in verdict["tried"] or "is not known" in verdict["tried"]


PROBES = {"vm": {"python": [400, 200], "go": [400, 200], "node": [400, 200], "java": [200]}, "app-service": {}}


@pytest.mark.parametrize(("language", "case"), pair({"vm": "node java", "app-service": "go", "aks-workload": "node"}))
def test_the_default_chain_takes_the_host_that_it_is_on(hosts: Any, play: Play, language: str, case: str) -> None:
    """A probe without header on machines, none on App Service; on a pod the federated credential goes first (PY-002).

    The library for Java tries to connect before, without a request.
    """
    result = play(language, case, "default")
    assert "claims" in result, result
    assert result.statuses == ([] if case == "aks-workload" else PROBES[case].get(language, [200]))
    (attempt,) = explained(hosts, result.label)["credential_attempts"]
    kind = "federated_credential" if case == "aks-workload" else "managed_identity"
    assert (attempt["credential"], attempt["result"]) == (kind, "token")
    assert attempt["host_kind"] == ("" if case == "aks-workload" else case)


@pytest.mark.parametrize(("language", "case"), pair({"vm": "python node"}))
def test_an_earlier_member_signs_in_instead(hosts: Any, play: Play, language: str, case: str) -> None:
    """A secret in the environment comes before the machine's identity: another account than was meant (GO-011, PY-009).

    The program succeeds; the verdict says who signed in.
    """
    result = play(language, case, "default", env=SECRET)
    assert result["claims"]["appid"] == APP
    assert result.statuses == []
    verdict = explained(hosts, result.label)
    assert verdict["credential"] == f"a client secret of {APP}"
    assert [each["credential"] for each in verdict["credential_attempts"]] == ["client_secret"]


@pytest.mark.parametrize(("language", "case"), pair({"vm": "go node"}))
def test_a_member_that_failed_ends_the_chain(hosts: Any, play: Play, language: str, case: str) -> None:
    """A wrong secret: the machine's identity would work, and is not tried (GO-014, PY-002, PY-011).

    The verdict names the attempt, and does not say more than the trace shows.
    """
    result = play(
        language, case, "chained", "of=environment,managed-identity", env=SECRET | {"AZURE_CLIENT_SECRET": "x"}
    )
    assert "AADSTS7000215" in result["text"]
    assert result.events("ManagedIdentityRequested") == []
    verdict = explained(hosts, result.label)
    (attempt,) = verdict["credential_attempts"]
    assert (attempt["credential"], attempt["result"]) == ("client_secret", "refused")
    assert verdict["tried"] == "; no other credential sent a request; whether one was tried without one is not known"


GOES_ON = {"python": True, "go": False, "node": True, "java": False}


@pytest.mark.parametrize(("language", "case"), pair({"vm-none": "python go node java"}))
def test_an_identity_that_is_not_assigned_in_a_chain(hosts: Any, play: Play, language: str, case: str) -> None:
    """The same chain goes on with two libraries, and stops with the two others, at the same answer (GO-025, PY-025)."""
    words = ("of=managed-identity,secret", f"tenant_id={CONTOSO}", f"client_id={APP}", "secret=current-secret")
    result = play(language, case, "chained", *words)
    verdict = explained(hosts, result.label)
    kinds = [(each["credential"], each["result"]) for each in verdict["credential_attempts"]]
    if GOES_ON[language]:
        assert result["claims"]["appid"] == APP
        assert kinds == [("managed_identity", "refused"), ("client_secret", "token")]
        assert verdict["reason"].endswith("refused: Identity not found")
        assert verdict["tried"].startswith(", after a managed identity (vm), asked for by client_id, refused")
    else:
        assert kinds == [("managed_identity", "refused")]
        assert "claims" not in result


def test_a_scenario_reads_what_its_programs_print(hosts: Any, tmp_path: Path) -> None:
    """In a scenario the output of a program is in the trace, and says how its chain went on (GO-009)."""
    run = json.dumps([*find_program("go"), "default"])
    (tmp_path / "chain.toml").write_text(
        f"""
name = "chain"
title = "A chain on a desktop"
end = 2026-11-30T10:00:00Z

[[clients]]
name = "chain"
run = {run}
device = "container"

[[phases]]
name = "as-usual"
title = "Without a fault"
start = 2026-11-30T09:00:00Z
""",
        encoding="utf-8",
    )
    estate = str(Path(hosts.home) / "estate.toml")
    done = hosts.run("run", str(tmp_path / "chain.toml"), "--estate", estate, "--json")
    client = json.loads(done.stdout)["phases"][0]["clients"]["chain"]
    assert client["tried"] == (
        "; the chain went on, by what the program printed: "
        "AzureCliCredential, AzureDeveloperCLICredential, AzurePowerShellCredential"
    )


@pytest.mark.parametrize("language", ["python", "go"])
def test_recorded_output_says_how_a_chain_went_on(hosts: Any, language: str) -> None:
    """``exec --record-output``: nothing answers, and the program names the members that it tried without a request."""
    label = f"recorded-{language}"
    program = find_program(language)
    hosts.run("exec", "--record-output", "--device", "container", "--as", label, "--", *program, "default")
    assert "; the chain went on, by what the program printed: " in explained(hosts, label)["tried"]
    assert "AzureCliCredential" in explained(hosts, label)["tried"]
