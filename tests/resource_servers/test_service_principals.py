"""Service principals at Microsoft Graph: those of the estate, and those that the first sign-in makes, in memory.

``test_registrations.py`` has the sign-in with the real clients.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from .azure_lab import BACK_END, CONTOSO, LITWARE, REPORT
from .conftest import Servers

GRAPH_ID = "00000003-0000-0000-c000-000000000000"
POWERSHELL = "1950a258-227b-4e31-a9cf-717495945fc2"
URL = "https://graph.microsoft.com/v1.0/servicePrincipals"


def ask(servers: Servers, path: str, **claims: Any) -> tuple[int, dict[str, Any]]:
    """Ask with the token of a user who may read applications; status and body."""
    token = servers.token(aud=GRAPH_ID, scp="Application.Read.All", **claims)
    reply = servers.ask("GET", f"{URL}{path}", token)
    return reply.status, json.loads(reply.body)


def note_sign_in(servers: Servers, tenant: str) -> None:
    """What the token endpoint does when it issues a user's tokens."""
    provider = servers.lab.provider
    application, found = provider.directory.find_application(POWERSHELL), provider.directory.find_tenant(tenant)
    assert application is not None
    assert found is not None
    provider.note_sign_in(application, found)


@pytest.mark.parametrize("by", ["appId eq '{}'", "servicePrincipalNames/any(c:c eq '{}')", "key"])
def test_it_is_found_by_each_name_in_its_own_tenant_alone(servers: Servers, by: str) -> None:
    """404 or an empty list before; a sign-in in another tenant changes nothing: CONNECT-011."""
    path = f"(appId='{POWERSHELL}')" if by == "key" else f"?$filter={quote(by.format(POWERSHELL))}"

    def find() -> list[dict[str, Any]]:
        status, body = ask(servers, path)
        if by == "key":
            assert status == 200 or body["error"]["code"] == "Request_ResourceNotFound"
            return [body] if status == 200 else []
        assert status == 200
        return list(body["value"])

    assert find() == []
    note_sign_in(servers, LITWARE)
    assert find() == []
    note_sign_in(servers, CONTOSO)
    (found,) = find()
    assert found["appId"] == POWERSHELL
    assert ask(servers, f"/{found['id']}")[1]["id"] == found["id"]


def test_it_stays_when_the_estate_changes(servers: Servers) -> None:
    """A fault that changes the estate does not forget who has signed in."""
    note_sign_in(servers, CONTOSO)
    servers.lab.provider.set_estate(servers.lab.estate)
    assert ask(servers, f"(appId='{POWERSHELL}')")[0] == 200


def test_the_list_has_what_is_registered_and_the_apis_of_microsoft(servers: Servers) -> None:
    """Each has its id of the application, an object id of the tenant, and its owner."""
    found = {each["appId"]: each for each in ask(servers, "")[1]["value"]}
    assert POWERSHELL not in found
    assert found[GRAPH_ID]["appOwnerOrganizationId"] != CONTOSO
    own = [each for each in found.values() if each["appOwnerOrganizationId"] == CONTOSO]
    assert {each["servicePrincipalType"] for each in own} == {"Application", "ManagedIdentity"}
    assert len({each["id"] for each in found.values()}) == len(found)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/0f8fad5b-0000-4000-8000-000000000000", 404, "Request_ResourceNotFound"),
        (f"(appId='{REPORT[:-1]}0')", 404, "Request_ResourceNotFound"),
        ("?$filter=startswith(displayName,'A')", 400, "Request_UnsupportedQuery"),
        ("?$filter=appId", 400, "Request_UnsupportedQuery"),
        ("(appId=x)", 400, "BadRequest"),
        (f"(appId='{REPORT}')/owners", 400, "BadRequest"),
    ],
)
def test_what_is_not_there_is_an_error(servers: Servers, path: str, status: int, code: str) -> None:
    """An unknown id is 404; a question that is not understood is 400 and never an empty answer."""
    found, body = ask(servers, path)
    assert (found, body["error"]["code"]) == (status, code)


def test_who_may_not_read_applications_is_refused(servers: Servers) -> None:
    """User.Read is not enough, and a scope is worth nothing to an application."""
    for token in (servers.token(aud=GRAPH_ID, scp="User.Read"), servers.token(BACK_END, aud=GRAPH_ID, roles=[])):
        assert servers.ask("GET", URL, token).status == 403
    token = servers.token(BACK_END, aud=GRAPH_ID, roles=["Application.Read.All"])
    assert servers.ask("GET", URL, token).status == 200
