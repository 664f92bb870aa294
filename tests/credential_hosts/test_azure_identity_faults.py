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
"""By name: the fault, the least seconds between two requests, and a text of the error. GO-026, GO-028, PY-026
and PY-028; the numbers are those of azure-identity 1.27.0 and azure-core 1.41.0, measured here."""


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


def test_a_slow_host_is_waited_for(run: Play, fault: Any) -> None:
    """The probe of this library limits the time to connect and not the time to answer (GO-012, PY-027; Go differs).

    So a host that accepts connections and starts slowly is found by the chain too, after probe and request.
    """
    for label, credential, answers in (("slow-chain", "default", 2), ("slow-alone", "managed-identity", 1)):
        fault("managed-identity-slow", "seconds=1.5", "--client", label)
        result = run("vm", credential, label=label)
        assert "claims" in result, result
        assert result["seconds"] > 1.5 * answers


def test_a_chain_passes_by_a_host_that_is_not_there(run: Play) -> None:
    """Nothing answers at the metadata address: one attempt to connect, and the next credential is tried (PY-027)."""
    result = run("desk-1", "default")
    assert "ManagedIdentityCredential authentication unavailable, no response from the IMDS endpoint" in result["text"]
    assert len(result.events("ConnectionFailed")) == 1


def test_a_chain_names_every_attempt(run: Play) -> None:
    """Nothing is configured: one error that lists each credential in its order (GO-005, GO-010, PY-008)."""
    result = run("desk-1", "default")
    names = ["EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential", "AzureCliCredential"]
    places = [result["text"].find(f"{name}:") for name in names]
    assert -1 not in places
    assert places == sorted(places)
    assert result["error"] == "ClientAuthenticationError"


def test_a_chain_goes_on_after_an_unavailable_credential(run: Play) -> None:
    """The environment is not configured, the managed identity is (PY-002); incomplete variables are no error."""
    for variables in ({}, {"AZURE_CLIENT_ID": CLIENT}):
        result = run("vm", "chained", "of=environment,managed-identity", **variables)
        assert result["claims"]["xms_mirid"].endswith("/virtualMachines/vm")


def test_a_chain_stops_at_a_credential_that_failed(run: Play) -> None:
    """A secret that is refused ends the chain, although the managed identity would work (GO-014, PY-002)."""
    secret = {"AZURE_CLIENT_ID": CLIENT, "AZURE_TENANT_ID": "contoso.onmicrosoft.com", "AZURE_CLIENT_SECRET": "wrong"}
    result = run("vm", "chained", "of=environment,managed-identity", **secret)
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
    """One request, and the words of IMDS (GO-025 and PY-025)."""
    fault("managed-identity-unassigned", "device=vm", "identity=orders")
    result = run("vm", "managed-identity", f"client_id={CLIENT}")
    assert "Identity not found" in result["text"]
    assert result.events("TokenIssued") == []


@pytest.mark.parametrize("wait", [None, 1])
def test_a_pod_whose_identity_is_late(run: Play, fault: Any, wait: int | None) -> None:
    """Three refusals, then the token: by the library's retries, or as Retry-After says (GO-033, GO-034, PY-034)."""
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
    """No second request: the library refuses the file itself (GO-023)."""
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
    """The identity provider refuses it with AADSTS700024 (GO-041)."""
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
    """One request, and what the library makes of it (GO-043, GO-044, PY-051, PY-052 and PY-053)."""
    fault("pipelines-oidc", f"how={how}")
    result = run("pipelines", "pipelines")
    assert (result["error"], text in result["text"]) == ("ClientAuthenticationError", True), result
    assert [each["host"] for each in result.events("HttpExchange")] == ["dev.azure.com"]
