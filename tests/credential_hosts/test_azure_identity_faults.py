"""azure-identity for Python, unmodified, under each fault of a host: number of requests, gaps, texts, order of a chain.

Retry schedules are compared by their number of requests, which is exact, and by gaps, of which load only makes more.
The programs of a test run at the same time, since most of their time is waiting.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from .conftest import PROGRAM, Result
from .estates import ORDERS

CLIENT = ORDERS.effective_client_id

Play = Callable[..., Result]


@pytest.fixture
def fault(hosts: Any) -> Any:
    """Apply a fault to the lab for one client; all faults are undone after the test."""

    def apply(name: str, *fields: str) -> None:
        done = hosts.run("fault", "apply", name, *fields)
        assert done.returncode == 0, done.stderr

    yield apply
    hosts.run("fault", "undo", "all")


SCHEDULES: dict[str, tuple[tuple[str, ...], tuple[float, ...], str]] = {
    "400": (("managed-identity-status", "status=400"), (), "Identity not found"),
    "404": (("managed-identity-status", "status=404"), (0, 1.6, 3.2, 6.4, 12.8), ""),
    "429": (("managed-identity-status", "status=429"), (0, 1.6, 3.2, 6.4, 12.8), ""),
    "500": (("managed-identity-status", "status=500"), (0, 1.6, 3.2, 6.4, 12.8), ""),
    "502": (("managed-identity-proxy", "how=bad-gateway"), (0, 1.6, 3.2, 6.4, 12.8), ""),
    "504": (("managed-identity-proxy", "how=gateway-timeout"), (0, 1.6, 3.2, 6.4, 12.8), ""),
    "docker": (("managed-identity-proxy", "how=docker-desktop"), (), ""),
    "retry-after": (("managed-identity-status", "status=429", "retry_after=2", "first=1"), (2,), ""),
}
"""By name: the fault, the least seconds between two requests, and a text of the error. Rows 001-026, 001-028, 003-026
and 003-028; the numbers are those of azure-identity 1.27.0 and azure-core 1.41.0, measured here."""


def test_the_retries_of_a_managed_identity(hosts: Any, fault: Any) -> None:
    """Each status has its schedule: five retries for 404, 429 and 5xx, none for 400 and 403."""
    started = {}
    for name, (applied, _, _) in SCHEDULES.items():
        fault(*applied, "--client", f"retry-{name}")
    for name in SCHEDULES:
        command = ["exec", "--device", "vm", "--as", f"retry-{name}", "--", sys.executable, PROGRAM, "managed-identity"]
        started[name] = hosts.popen(*command)
    results = {name: json.loads(process.communicate(timeout=120)[0]) for name, process in started.items()}
    records = hosts.records()
    for name, (_, gaps, text) in SCHEDULES.items():
        mine = [each for each in records if each["client"] == f"retry-{name}" and each["event"] == "HttpExchange"]
        moments = [datetime.fromisoformat(each["at"]).timestamp() for each in mine]
        measured = [after - before for before, after in itertools.pairwise(moments)]
        assert len(measured) == len(gaps), (name, measured)
        # The trace has the moments of the answers; a program that was slow before one request is faster to the next.
        assert all(real > least - 0.3 for real, least in zip(measured, gaps, strict=True)), (name, measured)
        if name == "retry-after":
            assert "claims" in results[name]
        else:
            assert (results[name]["error"], text in results[name]["text"]) == ("CredentialUnavailableError", True), (
                name,
                results[name],
            )


def test_a_slow_host_is_passed_by_in_a_chain_and_not_alone(run: Play, fault: Any) -> None:
    """A chain asks with a time limit of a second; the credential alone waits (rows 001-012 and 003-027)."""
    fault("managed-identity-slow", "seconds=3", "--client", "slow-chain")
    fault("managed-identity-slow", "seconds=3", "--client", "slow-alone")
    chain = run("vm", "default", label="slow-chain")
    assert chain["error"] == "ClientAuthenticationError"
    assert "ManagedIdentityCredential authentication unavailable, no response from the IMDS endpoint" in chain["text"]
    alone = run("vm", "managed-identity", label="slow-alone")
    assert "claims" in alone


def test_a_chain_names_every_attempt(run: Play) -> None:
    """Nothing is configured: one error that lists each credential in its order (rows 001-005, 001-010, 003-008)."""
    result = run("desk-1", "default")
    names = ["EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential", "AzureCliCredential"]
    places = [result["text"].find(f"{name}:") for name in names]
    assert -1 not in places
    assert places == sorted(places)
    assert result["error"] == "ClientAuthenticationError"


def test_a_chain_goes_on_after_an_unavailable_credential(run: Play) -> None:
    """The environment is not configured, the managed identity is (row 003-002); incomplete variables are no error."""
    for variables in ({}, {"AZURE_CLIENT_ID": CLIENT}):
        result = run("vm", "chained", **variables)
        assert result["claims"]["xms_mirid"].endswith("/virtualMachines/vm")


def test_a_chain_stops_at_a_credential_that_failed(run: Play) -> None:
    """A secret that is refused ends the chain, although the managed identity would work (rows 001-014, 003-002)."""
    secret = {"AZURE_CLIENT_ID": CLIENT, "AZURE_TENANT_ID": "contoso.onmicrosoft.com", "AZURE_CLIENT_SECRET": "wrong"}
    result = run("vm", "chained", **secret)
    assert (result["error"], "AADSTS7000215" in result["text"]) == ("ClientAuthenticationError", True)
    assert result.events("TokenIssued") == []
    assert not [each for each in result.events("HttpExchange") if each["host"] == "169.254.169.254"]


def test_a_chain_takes_the_host_that_it_is_on(run: Play) -> None:
    """DefaultAzureCredential finds the managed identity of a machine, by its probe, and that of App Service without."""
    for device, probes in (("vm", 1), ("app-service", 0)):
        result = run(device, "default")
        assert "claims" in result, result
        asked = [each for each in result.events("HttpExchange") if each["step"] == "managed-identity"]
        assert [each["status"] for each in asked] == [400] * probes + [200]


def test_an_identity_that_was_taken_away(run: Play, fault: Any) -> None:
    """One request, and the words of IMDS (rows 001-025 and 003-025)."""
    fault("managed-identity-unassigned", "device=vm", "identity=orders")
    result = run("vm", "managed-identity", f"client_id={CLIENT}")
    assert "Identity not found" in result["text"]
    assert result.events("TokenIssued") == []


@pytest.mark.parametrize("wait", [None, 1])
def test_a_pod_whose_identity_is_late(run: Play, fault: Any, wait: int | None) -> None:
    """Three refusals, then the token: by the library's own retries, or as NMI's Retry-After says (001-033, 001-034)."""
    label = f"pod-{wait}"
    fault("pod-identity-not-ready", *([f"retry_after={wait}"] if wait else []), "first=3", "--client", label)
    result = run("aks-pod", "managed-identity", label=label)
    assert "claims" in result, result
    assert [each["status"] for each in result.events("HttpExchange")] == [404, 404, 404, 200]
    assert result["seconds"] > (2.5 if wait else 4)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("missing", "file"),
        ("elsewhere", ""),
        ("too-large", ""),
        ("no-realm", ""),
    ],
)
def test_a_key_of_arc_that_cannot_be_used(run: Play, fault: Any, how: str, text: str) -> None:
    """No second request: the library refuses the file itself (row 001-023)."""
    fault("arc-key", f"how={how}")
    result = run("arc", "managed-identity")
    kinds = (
        "ClientAuthenticationError",
        "CredentialUnavailableError",
        "FileNotFoundError",
    )  # the last: as it is raised
    assert result["error"] in kinds, result
    assert text in result["text"].lower()
    assert [each["status"] for each in result.events("HttpExchange")] == [401]
    assert result.events("TokenIssued") == []


def test_a_projected_token_that_has_expired(run: Play, fault: Any) -> None:
    """The identity provider refuses it with AADSTS700024 (row 001-041)."""
    fault("federated-token-stale")
    result = run("aks-workload", "workload-identity")
    assert (result["error"], "AADSTS700024" in result["text"]) == ("ClientAuthenticationError", True)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("unauthorized", "Unexpected response from OIDC token endpoint"),
        ("redirect", "Unexpected response from OIDC token endpoint"),
        ("not-found", "No service connection found with the identifier"),
        ("preview-version", "under preview"),
        ("no-token", "OIDC token not found in response"),
    ],
)
def test_the_endpoint_of_pipelines_gives_no_token(run: Play, fault: Any, how: str, text: str) -> None:
    """One request, and what the library makes of it (rows 001-043, 001-044, 003-051 to 003-053)."""
    fault("pipelines-oidc", f"how={how}")
    result = run("pipelines", "pipelines")
    assert (result["error"], text in result["text"]) == ("ClientAuthenticationError", True), result
    assert [each["host"] for each in result.events("HttpExchange")] == ["dev.azure.com"]
