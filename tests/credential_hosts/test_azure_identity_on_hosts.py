"""azure-identity for Python, unmodified, on a device of each kind.

The statements that a test plays are those of the troubleshooting guides of azidentity (GO) and azure-identity (PY).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import PROGRAM, Result
from .estates import ORDERS

CLIENT = ORDERS.effective_client_id


@pytest.mark.parametrize(
    ("device", "words", "resource", "rows"),
    [
        ("vm", (), "/virtualMachines/vm", "GO-020 PY-024"),
        ("vm", (f"client_id={CLIENT}",), "/userAssignedIdentities/orders", "GO-020 PY-024"),
        ("vm", (f"object_id={ORDERS.effective_object_id}",), "/userAssignedIdentities/orders", "PY-024"),
        ("vm", (f"resource_id={ORDERS.effective_resource_id}",), "/userAssignedIdentities/orders", "PY-024"),
        ("scale-set", (), "/virtualMachineScaleSets/scale-set", "GO-020 PY-024"),
        ("app-service", (), "/sites/app-service", "GO-021 PY-020"),
        ("app-service", (f"client_id={CLIENT}",), "/userAssignedIdentities/orders", "GO-021 PY-020"),
        ("app-service", (f"resource_id={ORDERS.effective_resource_id}",), "/userAssignedIdentities/orders", "PY-020"),
        ("functions", (f"client_id={CLIENT}",), "/userAssignedIdentities/orders", "GO-021 PY-020"),
        ("automation", (), "/automationAccounts/automation", ""),
        ("arc", (), "/machines/arc", "GO-023 PY-021"),
        ("service-fabric", (), "/managedClusters/service-fabric", "GO-024 PY-023"),
        ("aks-pod", (), "/userAssignedIdentities/orders", "GO-022 PY-022"),
        ("aks-pod", (f"client_id={CLIENT}",), "/userAssignedIdentities/orders", "GO-022 PY-022"),
        ("azure-ml", (f"client_id={CLIENT}",), "/userAssignedIdentities/orders", ""),
    ],
)
def test_a_managed_identity_signs_in_on_its_host(
    run: Callable[..., Result], device: str, words: tuple[str, ...], resource: str, rows: str
) -> None:
    """ManagedIdentityCredential gets the token of the identity that it asked for, and the trace says which."""
    result = run(device, "managed-identity", *words)
    assert result.get("claims", {}).get("xms_mirid", "").endswith(resource), (rows, result)
    (asked,) = result.events("ManagedIdentityRequested")
    assert (asked["host_kind"], asked["client_id"]) == (device, result["claims"]["appid"])
    assert bool(asked["requested"]) == bool(words)
    (issued,) = result.events("TokenIssued")
    assert (issued["grant"], issued["client_id"]) == ("managed_identity", result["claims"]["appid"])


@pytest.mark.parametrize(
    ("device", "word", "text", "rows"),
    [
        ("vm", "client_id=0f8fad5b-0000-4000-8000-000000000000", "Identity not found", "GO-025 PY-025"),
        ("vm-two", "", "Multiple user assigned identities exist", "PY-025"),
        ("functions", "", "No User Assigned or Delegated Managed Identity found", "PY-031"),
    ],
)
def test_an_identity_that_is_not_assigned_is_unavailable(
    run: Callable[..., Result], device: str, word: str, text: str, rows: str
) -> None:
    """One request, no retry, the text of the host, and a chain would go on."""
    result = run(device, "managed-identity", *([word] if word else []))
    assert (result["error"], text in result["text"]) == ("CredentialUnavailableError", True), (rows, result)
    assert len(result.events("HttpExchange")) == 1
    assert result.events("TokenIssued") == []


def test_a_workload_identity_exchanges_its_projected_token(run: Callable[..., Result]) -> None:
    """The projected token of the pod is a client assertion, which the federated credential of the identity accepts."""
    for credential in ("workload-identity", "managed-identity", "default"):
        result = run("aks-workload", credential)
        assert result["claims"]["appid"] == CLIENT, "GO-022"
        (proved,) = result.events("ClientAuthenticated")
        assert (proved["method"], proved["credential"]) == ("federated_credential", "cart")


@pytest.mark.parametrize(
    ("missing", "argument"),
    [
        ("AZURE_CLIENT_ID", "client_id"),
        ("AZURE_TENANT_ID", "tenant_id"),
        ("AZURE_FEDERATED_TOKEN_FILE", "token_file_path"),
    ],
)
def test_a_workload_identity_needs_three_settings(hosts: Any, missing: str, argument: str) -> None:
    """Without one of the variables of the webhook the constructor names what is missing (GO-041 and PY-049)."""
    command = ["env", "-u", missing, sys.executable, PROGRAM, "workload-identity"]
    done = hosts.run("exec", "--device", "aks-workload", "--", *command)
    result = json.loads(done.stdout)
    assert result["error"] == "ValueError"
    assert f"'{argument}'" in result["text"]


def test_a_pipeline_signs_in_by_its_service_connection(run: Callable[..., Result]) -> None:
    """The job's token, the OIDC endpoint at its real name, then the federated credential (PY-056)."""
    result = run("pipelines", "pipelines")
    assert result["claims"]["appid"] == CLIENT
    asked = [each["host"] for each in result.events("HttpExchange")]
    assert asked[0] == "dev.azure.com"
    (proved,) = result.events("ClientAuthenticated")
    assert proved["subject"] == "sc://contoso/shop/production"


@pytest.mark.parametrize(
    ("word", "text", "rows"),
    [
        ("connection=0f8fad5b-0000-4000-8000-000000000000", "Service connection with id 0f8fad5b", "GO-043 PY-051"),
        ("token=wrong", "Unexpected response from OIDC token endpoint", "GO-044 PY-052"),
        ("tenant_id=not-a-tenant", "AADSTS900023", "GO-042 PY-050"),
        ("client_id=0f8fad5b-0000-4000-8000-000000000000", "AADSTS700016", "PY-055"),
        ("tenant_id=8d7a41f3-52b9-4c0e-8a57-6f1f4f0b7c22", "AADSTS700016", "PY-057"),
    ],
)  # fmt: skip
def test_a_wrong_setting_of_a_pipeline_is_named(run: Callable[..., Result], word: str, text: str, rows: str) -> None:
    """Wrong service connection, job token, tenant or client: no token, and the words of whoever refused."""
    result = run("pipelines", "pipelines", word)
    assert (result["error"], text in result["text"]) == ("ClientAuthenticationError", True), (rows, result)
    assert result.events("TokenIssued") == []


def test_a_pipeline_without_its_endpoint_is_unavailable(hosts: Any) -> None:
    """Without SYSTEM_OIDCREQUESTURI the credential is unavailable and names the variable (PY-054)."""
    command = ["env", "-u", "SYSTEM_OIDCREQUESTURI", sys.executable, PROGRAM, "pipelines"]
    result = json.loads(hosts.run("exec", "--device", "pipelines", "--", *command).stdout)
    assert (result["error"], "SYSTEM_OIDCREQUESTURI" in result["text"]) == ("CredentialUnavailableError", True)


@pytest.mark.parametrize("device", ["desk-1", "container"])
def test_elsewhere_a_managed_identity_has_no_answer(run: Callable[..., Result], device: str) -> None:
    """Nothing answers and nothing refuses: each try waits for its time-out, and the trace has the attempts.

    Statements GO-027, PY-027, PY-033. Also GO-031: without the variables of App Service a program falls back to IMDS.
    """
    result = run(device, "managed-identity")
    assert result["error"] == "CredentialUnavailableError"
    attempts = result.events("ConnectionFailed")
    assert {(each["address"], each["reason"], each["by"]) for each in attempts} == {
        ("169.254.169.254", "no answer", "wire")
    }
    assert result["seconds"] > 1  # a refused connection would take milliseconds
    assert result.events("TokenIssued") == []


def test_a_host_serves_its_own_device_only(hosts: Any) -> None:
    """The sockets are in the device's network: another device and the machine itself do not reach them."""
    script = "import socket; s = socket.create_server(('127.0.0.1', 41741)); print('free')"
    for device in ("desk-1", "vm"):
        assert hosts.run("exec", "--device", device, "--", sys.executable, "-c", script).stdout == "free\n"
    assert hosts.run("exec", "--device", "app-service", "--", sys.executable, "-c", script).returncode != 0


def test_two_programs_at_once_have_hosts_of_their_own(hosts: Any) -> None:
    """Each program has its own listener, secret and client name, also on the same device."""
    commands = [
        hosts.popen(
            "exec", "--device", "app-service", "--as", f"twin-{n}", "--", sys.executable, PROGRAM, "managed-identity"
        )
        for n in range(2)
    ]
    for command in commands:
        out, _ = command.communicate(timeout=60)
        assert "claims" in json.loads(out)
    for number in range(2):
        mine = [each for each in hosts.records() if each["client"] == f"twin-{number}"]
        assert sum(each["event"] == "TokenIssued" for each in mine) == 1


def test_variables_of_the_machine_do_not_reach_a_device(hosts: Any) -> None:
    """A program does not take the build agent or the Cloud Shell that runs the lab for its own host."""
    real = {"IDENTITY_ENDPOINT": "http://localhost:1", "IDENTITY_HEADER": "x", "MSI_ENDPOINT": "http://localhost:2"}
    real |= {"SYSTEM_OIDCREQUESTURI": "https://dev.azure.com/real", "ACC_CLOUD": "PROD"}
    done = hosts.run("exec", "--device", "desk-1", "--", "env", env=real)
    assert not [line for line in done.stdout.splitlines() if line.partition("=")[0] in real]


def test_the_key_folder_of_arc_is_on_its_device_only(hosts: Any) -> None:
    """The folder that libraries require is there on the device, and neither on another one nor on the machine."""
    folder = "/var/opt/azcmagent/tokens"
    assert hosts.run("exec", "--device", "arc", "--", "test", "-d", folder).returncode == 0
    assert hosts.run("exec", "--device", "vm", "--", "test", "-d", folder).returncode == 1
    assert not Path(folder).exists()
