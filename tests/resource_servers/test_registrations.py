"""One registration, a service principal in each tenant, and sign-ins of people, with the real libraries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ssosim.estate import shipped_estate_text
from tests.credential_hosts.libraries import find_program

from .azure_lab import CONTOSO, LITWARE, REPORT, AzureLab

GRAPH = "resource=https://graph.microsoft.com"

CONNECT_GRAPH = """
import azure.identity as i
from azure.core import PipelineClient
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest
credential = i.InteractiveBrowserCredential(client_id="14d82eec-204b-4c2f-b7e8-296a70dab67e", timeout=40)
bearer = BearerTokenCredentialPolicy(credential, "https://graph.microsoft.com/User.Read")
with PipelineClient("https://graph.microsoft.com", policies=[bearer]) as client:
    answer = client.send_request(HttpRequest("GET", "https://graph.microsoft.com/v1.0/me"))
    answer.raise_for_status()
    print(answer.json()["userPrincipalName"])
"""


@pytest.mark.parametrize("language", ["python"])
def test_one_registration_has_a_principal_in_each_tenant(azure: AzureLab, language: str) -> None:
    """The secret is that of the registration at home; id of the application, object id and permissions of the tenant.

    CONNECT-005, CONNECT-006, CONNECT-009, CONNECT-012.
    """
    found = {}
    for tenant in (CONTOSO, LITWARE):
        words = ("secret", f"tenant_id={tenant}", f"client_id={REPORT}", "secret=contoso-report-secret", GRAPH)
        ran = azure.exec("desk-1", *find_program(language), *words)
        found[tenant] = json.loads(ran.output)["claims"]
    home, guest = found[CONTOSO], found[LITWARE]
    assert (home["tid"], guest["tid"]) == (CONTOSO, LITWARE)
    assert home["appid"] == guest["appid"] == REPORT
    assert home["oid"] != guest["oid"]
    assert home.get("roles") == ["Organization.Read.All"]
    assert not guest.get("roles"), "what Contoso has consented to is not consented to by Litware"
    words = ("secret", f"tenant_id={LITWARE}", f"client_id={REPORT}", "secret=expired-report-secret", GRAPH)
    assert "AADSTS7000222" in azure.exec("desk-1", *find_program(language), *words).output


def test_microsoft_graph_is_connected_in_the_same_way(bench: Any) -> None:
    """The client of Connect-MgGraph: browser, code and PKCE, then its API; the trace shows each call of the command.

    The company has consented to it. CONNECT-027, CONNECT-028.
    """
    named = 'name = "Microsoft Graph Command Line Tools"\n'
    head, found, tail = shipped_estate_text("contoso-azure").partition(named)
    assert found
    consent = f"""service_principals = [
        {{ tenant = "{CONTOSO}", oauth2_permission_grants = [
            {{ resource = "https://graph.microsoft.com", scope = "User.Read" }},
        ] }},
    ]
    """
    (bench.home / "estate.toml").write_text(head + named + consent + tail, encoding="utf-8")
    up = bench.run("up", "--detach", "--estate", str(bench.home / "estate.toml"))
    assert up.returncode == 0, up.stderr
    ran = AzureLab(bench, bench.home).exec("desk-1", find_program("python")[0], "-c", CONNECT_GRAPH)
    assert ran.output.strip().endswith("alice@contoso.com"), ran.errors
    assert [each["grant"] for each in ran.events("TokenIssued") if each["kind"] == "access"] == ["authorization_code"]
    paths = [each["path"].rpartition("/")[2] for each in ran.events("HttpExchange")]
    assert paths.index("authorize") < paths.index("token") < paths.index("me")


def test_without_a_stored_cache_the_next_process_asks_again(azure: AzureLab) -> None:
    """Each process of azidentity signs in by the browser, since its tokens are in memory alone: GO-047."""
    for _ in range(2):
        ran = azure.exec("desk-1", *find_program("go"), "interactive")
        assert ran.code == 0, ran.errors
        assert len(ran.events("UserPrompted")) == 1
