"""azidentity for Go, unmodified, on hosts: the same identities as with Python, and where the libraries differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from .conftest import Result
from .estates import ORDERS

CLIENT = ORDERS.effective_client_id
NOBODY = "0f8fad5b-0000-4000-8000-000000000000"


@pytest.fixture
def go(play: Callable[..., Result], fault: Callable[..., None]) -> Callable[..., Result]:  # noqa: ARG001 - it undoes them
    """Run the program for Go on a device; faults are undone afterwards."""
    return partial(play, "go")


@pytest.mark.parametrize(
    ("device", "words", "resource", "rows"),
    [
        ("vm", (), "/virtualMachines/vm", "GO-020"),
        ("vm", (f"client_id={CLIENT}",), "/userAssignedIdentities/orders", "GO-020"),
        ("vm", (f"object_id={ORDERS.effective_object_id}",), "/userAssignedIdentities/orders", "GO-020"),
        ("vm", (f"resource_id={ORDERS.effective_resource_id}",), "/userAssignedIdentities/orders", "GO-020"),
        ("scale-set", (), "/virtualMachineScaleSets/scale-set", "GO-020"),
        ("app-service", (), "/sites/app-service", "GO-021"),
        ("app-service", (f"resource_id={ORDERS.effective_resource_id}",), "/userAssignedIdentities/orders", "GO-021"),
        ("functions", (f"client_id={CLIENT}",), "/userAssignedIdentities/orders", "GO-021"),
        ("automation", (), "/automationAccounts/automation", ""),
        ("arc", (), "/machines/arc", "GO-023"),
        ("service-fabric", (), "/managedClusters/service-fabric", "GO-024"),
        ("aks-pod", (), "/userAssignedIdentities/orders", "GO-022"),
        ("azure-ml", (f"client_id={CLIENT}",), "/userAssignedIdentities/orders", ""),
    ],
)
def test_a_managed_identity_signs_in_on_its_host(
    go: Callable[..., Result], device: str, words: tuple[str, ...], resource: str, rows: str
) -> None:
    """ManagedIdentityCredential gets the identity that it asked for, and the trace says which."""
    result = go(device, "managed-identity", *words)
    assert result.get("claims", {}).get("xms_mirid", "").endswith(resource), (rows, result)
    (asked,) = result.events("ManagedIdentityRequested")
    assert (asked["host_kind"], asked["client_id"]) == (device, result["claims"]["appid"])


def test_the_shell_of_a_user_gives_the_token_of_the_user(go: Callable[..., Result]) -> None:
    """In a Cloud Shell the managed identity endpoint is the user's."""
    assert go("cloud-shell", "managed-identity")["claims"]["unique_name"] == "alice@contoso.com"


def test_an_identity_that_is_not_assigned_fails(go: Callable[..., Result]) -> None:
    """A user-assigned identity: AuthenticationFailedError with the answer of the host; one request (GO-025, GO-004)."""
    result = go("vm", "managed-identity", f"client_id={NOBODY}")
    assert result["error"] == "azidentity.AuthenticationFailedError"
    assert "the requested identity isn't assigned to this resource" in result["text"]
    assert "RESPONSE 400" in result["text"]
    assert len(result.events("HttpExchange")) == 1


def test_federated_tokens_of_pods_and_pipelines(go: Callable[..., Result]) -> None:
    """WorkloadIdentityCredential and AzurePipelinesCredential authenticate by the federated credential that fits."""
    for device, credential in (("aks-workload", "workload-identity"), ("pipelines", "pipelines")):
        result = go(device, credential)
        assert result["claims"]["appid"] == CLIENT
        (proved,) = result.events("ClientAuthenticated")
        assert proved["method"] == "federated_credential"


@pytest.mark.parametrize(
    ("word", "text", "rows"),
    [
        (f"connection={NOBODY}", "404 Not Found response from the OIDC endpoint", "GO-043"),
        ("token=wrong", "401 Unauthorized response from the OIDC endpoint", "GO-044"),
        ("tenant_id=not-a-tenant", "AADSTS900023", "GO-042"),
    ],
)
def test_a_wrong_setting_of_a_pipeline_is_named(go: Callable[..., Result], word: str, text: str, rows: str) -> None:
    """Wrong service connection, job token or tenant: no token, and the words of whoever refused."""
    result = go("pipelines", "pipelines", word)
    assert (text in result["text"], result.events("TokenIssued")) == (True, []), (rows, result)


def test_a_chain_gives_a_managed_identity_one_second(hosts: Any, go: Callable[..., Result]) -> None:
    """A host that starts slowly is passed by: "managed identity timed out"; alone it is waited for (GO-012)."""
    for label in ("go-slow-chain", "go-slow-alone"):
        assert hosts.run("fault", "apply", "managed-identity-slow", "seconds=2.5", "--client", label).returncode == 0
    chain = go("vm", "default", label="go-slow-chain")
    assert "managed identity timed out" in chain["text"]
    assert chain.events("TokenIssued") == []
    assert "claims" in go("vm", "managed-identity", label="go-slow-alone")


def test_a_chain_on_a_desktop_times_out(go: Callable[..., Result]) -> None:
    """The link-local address is silent on a desktop, so the probe uses its whole second (GO-027, GO-010, GO-005)."""
    result = go("desk-1", "default")
    assert "managed identity timed out" in result["text"]
    assert result["seconds"] >= 1
    names = ["EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential"]
    places = [result["text"].find(name) for name in names]
    assert -1 not in places
    assert places == sorted(places)


def test_throttling_passes_with_the_time_that_the_host_names(hosts: Any, go: Callable[..., Result]) -> None:
    """429 with Retry-After twice, then the token: three requests, each after the time that the host named (GO-034)."""
    words = ("status=429", "retry_after=1", "first=2", "--client", "go-throttled")
    assert hosts.run("fault", "apply", "managed-identity-status", *words).returncode == 0
    result = go("vm", "managed-identity", label="go-throttled")
    assert "claims" in result, result
    assert [each["status"] for each in result.events("HttpExchange")] == [429, 429, 200]
    assert result["seconds"] >= 2
