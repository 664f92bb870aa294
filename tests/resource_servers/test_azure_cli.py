"""The Azure CLI, unmodified: every way of ``az login``, and credentials that take their tokens from it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .azure_lab import CONTOSO, EVERY_WAY, IDLE, LITWARE, ORDERS, REPORT, AzureLab, Ran, home_of

ARM = "management.azure.com"
_PRINCIPAL = ("--service-principal", "-u", REPORT, "--tenant", "contoso.onmicrosoft.com")

WAYS: dict[str, tuple[str, tuple[str, ...], str, str]] = {
    # name: device, options, grant in the trace, user in the output
    "browser": ("desk-1", (), "authorization_code", "alice@contoso.com"),
    "secret": ("desk-1", (*_PRINCIPAL, "-p", "contoso-report-secret"), "client_credentials", REPORT),
    "identity by client id": (
        "vm-1",
        ("--identity", "--client-id", ORDERS),
        "managed_identity",
        "userAssignedIdentity",
    ),
    "device code": ("desk-1", ("--use-device-code",), "device_code", "alice@contoso.com"),
    "no browser in a container": ("container-1", (), "device_code", "alice@contoso.com"),
    "password": ("desk-1", ("-u", "alice@contoso.com", "-p", "Alice-lab-password-1"), "password", "alice@contoso.com"),
    "certificate": ("desk-1", (*_PRINCIPAL, "--certificate", "{certificate}"), "client_credentials", REPORT),
    "federated token": ("desk-1", (*_PRINCIPAL, "--federated-token", "{token}"), "client_credentials", REPORT),
    "system-assigned identity": ("vm-1", ("--identity",), "managed_identity", "systemAssignedIdentity"),
    "identity by object id": ("vm-1", ("--identity", "--object-id", "{object}"), "managed_identity", "userAssigned"),
    "identity by resource id": (
        "vm-1",
        ("--identity", "--resource-id", "{resource}"),
        "managed_identity",
        "userAssigned",
    ),
    "tenant of a guest": (
        "desk-guest",
        ("--tenant", "litware.onmicrosoft.com"),
        "authorization_code",
        "gina@contoso.com",
    ),
}
SAMPLE = ("browser", "identity by client id")
MISTAKES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "wrong secret": ("desk-1", (*_PRINCIPAL, "-p", "wrong"), "AADSTS7000215"),
    "identity without a role": ("vm-1", ("--identity", "--client-id", IDLE), "No access was configured"),
    "identity of nobody": ("vm-1", ("--identity", "--client-id", REPORT), "Identity not found"),
    "application of no tenant": (
        "desk-1",
        ("--service-principal", "-u", CONTOSO, "-p", "x", "--tenant", "contoso.onmicrosoft.com"),
        "AADSTS700016",
    ),
    "tenant that has not invited": (
        "desk-1",
        ("-u", "alice@contoso.com", "-p", "Alice-lab-password-1", "--tenant", "litware.onmicrosoft.com"),
        "AADSTS50034",
    ),
}


@pytest.fixture
def fill(azure: AzureLab) -> Callable[[tuple[str, ...]], list[str]]:
    """Fill in what a command needs: the certificate, a federated token, ids of an identity."""
    from ssosim.estate import load_estate  # noqa: PLC0415 - here only

    orders = next(each for each in load_estate(Path("contoso-azure")).managed_identities if each.name == "orders")

    def filled(words: tuple[str, ...]) -> list[str]:
        values = {
            "{certificate}": lambda: str(azure.certificate),
            "{token}": lambda: _federated_token(azure),
            "{object}": lambda: orders.effective_object_id,
            "{resource}": lambda: orders.effective_resource_id,
        }
        return [values[word]() if word in values else word for word in words]

    return filled


def _federated_token(azure: AzureLab) -> str:
    """Return a token of the cluster, as the pod of the report has it."""
    done = azure.bench.run("federated-token", "--subject", "system:serviceaccount:shop:report")
    return str(done.stdout.strip())


@pytest.mark.parametrize("way", WAYS if EVERY_WAY else SAMPLE)
def test_a_way_of_az_login(
    azure: AzureLab, fill: Callable[[tuple[str, ...]], list[str]], tmp_path: Path, way: str
) -> None:
    """The CLI signs in, lists the subscriptions at Azure Resource Manager with accepted tokens, and names the user.

    CONNECT-002; in a container it falls back to a device code: AZ5-004, AZ5-007.
    """
    device, words, grant, user = WAYS[way]
    ran = azure.az(device, tmp_path, "login", *fill(words), "--output", "json")
    assert ran.code == 0, ran.errors
    found = json.loads(ran.output)
    assert [each["name"] for each in found][:1] == ["Litware" if "guest" in way else "Contoso production"]
    assert user in json.dumps(found[0]["user"])
    assert grant in {event["grant"] for event in ran.events("TokenIssued")}
    assert set(ran.answers(ARM)) == {200}
    assert all(event["accepted"] for event in ran.events("AccessTokenChecked"))


@pytest.mark.parametrize("mistake", MISTAKES if EVERY_WAY else ("identity without a role",))
def test_a_mistake_at_az_login(azure: AzureLab, tmp_path: Path, mistake: str) -> None:
    """The CLI fails with the text of the identity provider, or says that nothing may be done, and ends."""
    device, words, text = MISTAKES[mistake]
    ran = azure.az(device, tmp_path, "login", *words, "--output", "json")
    assert ran.code != 0, ran.output
    assert text in ran.errors + str([event.get("error_description") for event in ran.events("HttpExchange")])


def test_several_tenants_and_what_comes_after(azure: AzureLab, tmp_path: Path) -> None:
    """A guest sees the subscriptions of both tenants; tokens, credentials and calls follow; logout ends all of it.

    GO-036, GO-037, PY-040, PY-041; one account in two tenants: CONNECT-001, CONNECT-002.
    """
    ran = azure.az("desk-guest", tmp_path, "login", "--output", "json")
    assert {each["tenantId"] for each in json.loads(ran.output)} == {CONTOSO, LITWARE}
    shown = azure.az("desk-guest", tmp_path, "account", "show", "--output", "json")
    assert json.loads(shown.output)["tenantId"] == CONTOSO
    token = azure.az("desk-guest", tmp_path, "account", "get-access-token", "--tenant", LITWARE, "--output", "json")
    assert json.loads(token.output)["tenant"] == LITWARE
    groups = azure.az("desk-guest", tmp_path, "group", "list", "--subscription", "Litware", "--output", "json")
    assert [each["name"] for each in json.loads(groups.output)] == ["books"]
    first = _use_credentials(azure, tmp_path, "groups")
    assert first.results == [{"result": ["identities", "shop"]}] * 2, first.errors
    assert first.answers(ARM) == [200, 200]
    out = azure.az("desk-guest", tmp_path, "logout")
    assert out.code == 0
    after = _use_credentials(azure, tmp_path, "groups")
    assert [found["error"] for found in after.results] == ["CredentialUnavailableError", "ClientAuthenticationError"]
    assert "Please run 'az login' to set up an account" in after.results[0]["text"]
    assert after.answers(ARM) == []


def _use_credentials(azure: AzureLab, folder: Path, use: str) -> Ran:
    """Use AzureCliCredential and DefaultAzureCredential of azure-identity, which start ``az``."""
    sdk, cli = home_of("azure-sdk"), home_of("azure-cli")
    python = f"{sdk}/venv/bin/python {sdk}/use.py {use} --credential"
    settings = {
        "AZURE_CONFIG_DIR": str(folder),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "PATH": f"{cli}/venv/bin:{os.environ['PATH']}",
        "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
    }
    return azure.exec("desk-guest", "sh", "-c", f"{python} cli; {python} default", variables=settings)


if EVERY_WAY:  # a second lab

    def test_az_renews_its_token_during_a_deployment(short_tokens: AzureLab, tmp_path: Path) -> None:
        """The CLI waits for a deployment that outlives its tokens: it refreshes, and that succeeds: AZ5-012."""
        template = tmp_path / "template.json"
        template.write_text(
            json.dumps(
                {
                    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                    "contentVersion": "1.0.0.0",
                    "resources": [],
                }
            )
        )
        words = ("--service-principal", "-u", REPORT, "-p", "contoso-report-secret", "--tenant", CONTOSO)
        assert short_tokens.az("desk-1", tmp_path, "login", *words).code == 0
        words = ("-g", "shop", "-n", "from-az", "--template-file", str(template), "--no-prompt", "--output", "json")
        ran = short_tokens.az("desk-1", tmp_path, "deployment", "group", "create", *words)
        assert ran.code == 0, ran.errors
        assert json.loads(ran.output)["properties"]["provisioningState"] == "Succeeded"
        assert len(ran.events("TokenIssued")) > 2


def test_a_device_without_a_host_of_identities(azure: AzureLab, tmp_path: Path) -> None:
    """``az login --identity`` connects once, without a time-out of its own: the kernel's ends it, as on a real machine.

    Linux gives a connection up after ``tcp_syn_retries`` (6, which is 127 s and more); here it is 1.
    """
    command = f"echo 1 > /proc/sys/net/ipv4/tcp_syn_retries && exec {home_of('azure-cli')}/venv/bin/az login --identity"
    settings = {"AZURE_CONFIG_DIR": str(tmp_path), "AZURE_CORE_COLLECT_TELEMETRY": "no"}
    ran = azure.exec("desk-1", "sh", "-c", command, variables=settings)
    assert ran.code == 1, ran.errors
    assert "[Errno 110] Connection timed out" in ran.errors
    assert [each["reason"] for each in ran.events("ConnectionFailed") if each["port"] == 80] == ["no answer"]
    assert ran.events("TokenIssued") == []
