"""The Azure SDK for Python, unmodified, at the resource servers of a running lab: DNS, TLS and HTTP, both sides."""

from __future__ import annotations

import pytest

from .azure_lab import BACK_END, EVERY_WAY, IDLE, LITWARE, ORDERS, REPORT, AzureLab

EVERYTHING = ("secret", "set-secret", "blob", "write-blob", "tenants", "groups", "deploy", "delete-group")
MANAGED = ("--credential", "managed-identity", "--client-id")


def test_the_right_role_works_with_every_client(azure: AzureLab) -> None:
    """A managed identity with the roles reads and writes secrets and blobs, and deploys (GO-020, PY-024)."""
    ran = azure.sdk("vm-1", *EVERYTHING, *MANAGED, ORDERS)
    assert [found.get("result", found) for found in ran.results] == [
        "value-of-the-secret",
        ["database-password", "written"],
        "one order",
        ["first.txt", "second.txt"],
        {"tenants": ["5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"], "subscriptions": ["Contoso production"]},
        ["identities", "shop"],
        "Succeeded",
        False,
    ]
    assert {event["grant"] for event in ran.events("TokenIssued")} == {"managed_identity"}
    assert all(event["accepted"] for event in ran.events("AccessTokenChecked"))
    assert ran.events("CredentialExposed") == []
    assert ran.answers("contoso-shop.vault.azure.net")[:2] == [401, 200]  # the challenge, then the secret


def test_a_missing_role_is_forbidden_with_every_client(azure: AzureLab) -> None:
    """The token is good, the identity has no role: 403, no new sign-in, (GO-003, PY-003)."""
    ran = azure.sdk("vm-1", "secret", "blob", "groups", "deploy", "graph", *MANAGED, IDLE)
    assert [found.get("status") for found in ran.results] == [403, 403, 403, 403, 400]
    texts = " ".join(found["text"] for found in ran.results)
    for text in ("ForbiddenByRbac", "AuthorizationPermissionMismatch", "(AuthorizationFailed) The client '"):
        assert text in texts
    hosts = [event["audience"] for event in ran.events("TokenIssued")]
    assert len(hosts) == 4, "one token for each API: 403 is no reason to ask for another one"
    explained = azure.bench.run("explain", "--client", ran.records[0]["client"]).stdout
    assert "refused" in explained or "failed" in explained


@pytest.mark.parametrize(
    ("scope", "uses", "texts"),
    [
        (
            "https://management.azure.com/.default",
            ("secret", "blob", "graph"),
            ("AKV10022: Invalid audience", "Audience did not match", "Invalid audience"),
        ),
        (
            "https://vault.azure.net/.default",
            ("groups", "blob", "graph"),
            ("InvalidAuthenticationTokenAudience", "Audience did not match", "Invalid audience"),
        ),
    ],
)
def test_the_token_of_another_api_is_refused(
    azure: AzureLab, scope: str, uses: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    """A client that asks for the wrong scope gets 401 with the audience in its text, and the trace has an exposure."""
    ran = azure.sdk("vm-1", *uses, *MANAGED, ORDERS, "--scope", scope)
    assert [found.get("status") for found in ran.results] == [401] * len(uses)
    for text, found in zip(texts, ran.results, strict=True):
        assert text in found["text"]
    refused = ran.events("AccessTokenChecked")
    assert refused
    assert not any(event["accepted"] for event in refused)
    exposed = {event["reason"] for event in ran.events("CredentialExposed")}
    assert exposed == {f"the token is for {scope.removesuffix('/.default')}"}


@pytest.mark.parametrize("keeps", [True, False])
def test_an_operation_longer_than_a_token(short_tokens: AzureLab, keeps: bool) -> None:
    """A deployment outlives its first token: the client that keeps it gets 401 between polls.

    AZ5-009, AZ5-010, AZ5-011, AZ5-012.
    """
    name = "kept" if keeps else "renewed"  # a deployment that runs may not be replaced: 409
    words = [
        "deploy",
        "--name",
        name,
        "--credential",
        "secret",
        "--client-id",
        REPORT,
        *(["--keep-token"] if keeps else []),
    ]
    ran = short_tokens.sdk("desk-1", *words, AZURE_CLIENT_SECRET="contoso-report-secret")
    (found,), answers = ran.results, ran.answers("management.azure.com")
    issued = len(ran.events("TokenIssued"))
    assert answers[0] == 201
    if keeps:
        assert (found.get("status"), "ExpiredAuthenticationToken" in found["text"]) == (401, True)
        assert (answers[-1], issued) == (401, 1)
        assert (
            "ExpiredAuthenticationToken"
            in short_tokens.bench.run("explain", "--client", ran.records[0]["client"]).stdout
        )
    else:
        assert found == {"result": "Succeeded"}
        assert set(answers) == {200, 201}
        assert issued > 2


WAYS = [
    ("secret", ("--client-id", REPORT), {"AZURE_CLIENT_SECRET": "contoso-report-secret"}),
    ("certificate", ("--client-id", REPORT, "--certificate", "{certificate}"), {}),
    ("password", (), {}),
    ("interactive", (), {}),
    ("default", (), {"AZURE_CLIENT_ID": ORDERS}),
]


@pytest.mark.parametrize(("credential", "words", "variables"), WAYS if EVERY_WAY else WAYS[1:2])
def test_every_credential_reaches_a_resource(
    azure: AzureLab, credential: str, words: tuple[str, ...], variables: dict[str, str]
) -> None:
    """Secret, certificate, password, browser, and the default chain on a virtual machine: all list the groups."""
    device = "vm-1" if credential == "default" else "desk-1"
    filled = [word.replace("{certificate}", str(azure.certificate)) for word in words]
    ran = azure.sdk(device, "groups", "--credential", credential, *filled, **variables)
    assert ran.results == [{"result": ["identities", "shop"]}]


@pytest.mark.parametrize(
    ("device", "words", "error"),
    [
        ("function-1", ("--client-id", ORDERS), ""),
        ("function-1", (), "No User Assigned or Delegated Managed Identity found"),
        ("function-1", ("--client-id", "/subscriptions/x/userAssignedIdentities/orders"), "Identity not found"),
        ("vm-1", (), "AuthorizationPermissionMismatch"),
    ],
)
def test_a_wrong_parameter_for_an_identity(azure: AzureLab, device: str, words: tuple[str, ...], error: str) -> None:
    """The user-assigned identity by its client id works; without it, or with another id in its place, it does not.

    On a machine with a system-assigned identity the missing parameter gives a token of the wrong identity, which only
    the resource server notices: AZ5-013, AZ5-014, AZ5-015, AZ5-016.
    """
    ran = azure.sdk(device, "blob", "--credential", "managed-identity", *words)
    (found,) = ran.results
    if not error:
        assert found == {"result": "one order"}
        return
    assert "error" in found
    asked = [event.get("error") or event.get("identity") for event in ran.events("ManagedIdentityRequested")]
    assert error in found["text"] or error in str(asked), (found, asked)
    if device == "vm-1":
        assert (found["status"], asked) == (403, ["vm-1"])


def test_an_unexpected_credential_of_the_default_chain(azure: AzureLab) -> None:
    """Variables of another application win over the managed identity: 403 at the resource, and the trace says whose.

    Without the variables the managed identity is used, and has the role: GO-011, PY-009.
    """
    tenant = {"AZURE_TENANT_ID": "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"}
    other = {"AZURE_CLIENT_ID": BACK_END, "AZURE_CLIENT_SECRET": "contoso-back-end-secret"}
    ran = azure.sdk("vm-1", "secret", **tenant, **other)
    assert [found.get("status") for found in ran.results] == [403]
    (issued,) = ran.events("TokenIssued")
    assert (issued["grant"], issued["client_id"]) == ("client_credentials", BACK_END)
    assert f"oid={ran.events('AccessTokenChecked')[-1]['subject']}" in ran.results[0]["text"]
    ran = azure.sdk("vm-1", "secret", AZURE_CLIENT_ID=ORDERS)
    assert ran.results == [{"result": "value-of-the-secret"}]
    assert {event["grant"] for event in ran.events("TokenIssued")} == {"managed_identity"}


@pytest.mark.parametrize(("allow", "result"), [("", None), (LITWARE, ["Litware"]), ("*", ["Litware"])])
def test_another_tenant_must_be_allowed(azure: AzureLab, allow: str, result: list[str] | None) -> None:
    """A request for another tenant fails in the library unless the tenant is allowed; PY-058, PY-059."""
    home = azure.bench.home / f"tenants{len(allow)}.py"
    home.write_text(_OTHER_TENANT.format(allow=[allow] if allow else [], tenant=LITWARE), encoding="utf-8")
    from .azure_lab import home_of  # noqa: PLC0415 - here only

    python = f"{home_of('azure-sdk')}/venv/bin/python"
    variables = {"CLIENT": REPORT, "SECRET": "contoso-report-secret"}
    ran = azure.exec("desk-1", python, str(home), variables=variables)
    if result is None:
        assert "ClientAuthenticationError" in ran.errors
        assert ran.answers("management.azure.com") == []
        assert [event["host"] for event in ran.events("HttpExchange")] == []
        return
    assert (ran.output.strip(), ran.code) == (str(result), 0), ran.errors
    (issued,) = ran.events("TokenIssued")
    (checked,) = ran.events("AccessTokenChecked")
    assert issued["digest"] == checked["digest"]


_OTHER_TENANT = """
import os
from azure.identity import ClientSecretCredential
from azure.mgmt.resource.subscriptions import SubscriptionClient

home = "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"
secret = os.environ["SECRET"]
made = ClientSecretCredential(home, os.environ["CLIENT"], secret, additionally_allowed_tenants={allow})

class Other:
    def get_token(self, *scopes, **options):
        return made.get_token(*scopes, **(options | {{"tenant_id": "{tenant}"}}))

print([each.display_name for each in SubscriptionClient(Other()).subscriptions.list()])
"""
