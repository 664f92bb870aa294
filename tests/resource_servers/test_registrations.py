"""One registration, a service principal in each tenant, and sign-ins of people, with the real libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ssosim.estate import shipped_estate_text
from tests.credential_hosts.libraries import LIBRARIES, find_program

from .azure_lab import CONTOSO, EVERY_WAY, LITWARE, REPORT, AzureLab, Ran, home_of

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


POWERSHELL = "1950a258-227b-4e31-a9cf-717495945fc2"
SIGN_IN = f"""
import azure.identity
credential = azure.identity.InteractiveBrowserCredential(client_id="{POWERSHELL}", timeout=40)
credential.get_token("https://management.azure.com/.default")
"""


def test_the_first_sign_in_makes_the_service_principal(azure: AzureLab, tmp_path: Path) -> None:
    """The Azure CLI finds Azure PowerShell in the tenant only after Alice has signed in with it: CONNECT-011.

    Nobody has registered it there. What the CLI itself needs is made by its own sign-in.
    """
    assert azure.az("desk-1", tmp_path, "login", "--output", "none").code == 0
    before = azure.az("desk-1", tmp_path, "ad", "sp", "show", "--id", POWERSHELL)
    assert (before.code, "does not exist" in before.errors) == (3, True), before.errors
    assert before.answers("graph.microsoft.com") == [200, 404]
    signed_in = azure.exec("desk-1", find_program("python")[0], "-c", SIGN_IN)
    assert signed_in.code == 0, signed_in.errors
    after = azure.az("desk-1", tmp_path, "ad", "sp", "show", "--id", POWERSHELL)
    found = json.loads(after.output)
    assert (found["appId"], found["displayName"]) == (POWERSHELL, "Azure PowerShell"), after.errors
    assert found["id"] != found["appId"]


SEEN = 'last=${SSOSIM_PERSON%/*}/last-page.json; until [ -s "$last" ]; do sleep 0.05; done; cat "$last"'
"""The browser of the person may end after the program does; ``--deadline`` of the run ends a wait for nothing."""


def sign_in(azure: AzureLab, folder: Path, client: str, behaviour: str) -> tuple[dict[str, Any], Ran]:
    """Sign in with a client that opens the browser; return the last page in it, and the run."""
    home = home_of(client)
    commands = {
        LIBRARIES["python"]: f"{home}/venv/bin/python {home}/sign_in.py interactive",
        "msal-python": f"{home}/venv/bin/python {home}/sign_in.py interactive",
        "azure-cli": f"{home}/venv/bin/az login --output none",
    }
    timeout = "1" if behaviour == "walks-away" else "40"  # seconds
    settings = {"AZURE_CONFIG_DIR": str(folder), "AZURE_CORE_COLLECT_TELEMETRY": "no", "USER_TIMEOUT_S": timeout}
    script = f'{commands[client]} >&2; code=$?; {SEEN}; exit "$code"'
    ran = azure.exec("desk-1", "sh", "-c", script, variables=settings, person=behaviour)
    return json.loads(ran.output), ran


PAGES = {
    "azure-identity": ("signs-in", 0, "", "Authentication complete. You can close this window."),
    "azure-identity, refused": ("refuses", 1, "", "Authentication complete. You can close this window."),
    "msal-python": ("signs-in", 0, "", "Authentication complete."),
    "msal-python, refused": ("refuses", 1, "", "Authentication failed."),
    "azure-cli": ("signs-in", 0, "Login successfully", "You have logged into Microsoft Azure!"),
}
"""What the person does; the exit code of the program; title and text of the page."""

SAMPLE = ("azure-identity", "azure-identity, refused")


@pytest.mark.parametrize("case", PAGES if EVERY_WAY else SAMPLE)
def test_the_program_shows_a_page_at_the_end(azure: AzureLab, tmp_path: Path, case: str) -> None:
    """It comes from the listener, not from the identity provider, and says that one can go back: CONNECT-015.

    The page of azure-identity says so of a refused sign-in too; only the program knows better.
    """
    behaviour, code, title, text = PAGES[case]
    seen, ran = sign_in(azure, tmp_path, case.partition(",")[0], behaviour)
    assert ran.code == code, ran.errors
    assert (seen["status"], seen["url"].split(":")[1]) == (200, "//localhost"), seen
    assert (seen["title"], text in seen["text"]) == (title, True), seen
    issued = [each["kind"] for each in ran.events("TokenIssued") if each["grant"] == "authorization_code"]
    assert bool(issued) == (code == 0)


if EVERY_WAY:

    def test_a_person_who_walks_away_has_seen_the_page_of_the_provider(azure: AzureLab, tmp_path: Path) -> None:
        """No page of the program where nothing came to its listener: CONNECT-015."""
        seen, ran = sign_in(azure, tmp_path, "azure-identity", "walks-away")
        assert (ran.code, seen["url"].split("/")[2]) == (1, "login.microsoftonline.com"), (seen, ran.errors)
