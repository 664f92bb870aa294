"""Realm discovery in all its forms, doors that are closed, and client ids of Microsoft."""

from __future__ import annotations

from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from ssosim.entra.core.realm_discovery import XML_ONLY
from ssosim.estate.first_party import FIRST_PARTY, PREAUTHORIZED

from .conftest import ALICE, LOGIN, PASSWORD

FRANK = "frank@fabrikam.com"
TEAMS, VS_CODE = "1fec8e78-bce4-4aaf-ab1b-5451cc387264", "aebc6443-996d-45c2-90f0-388ff96faa56"


@pytest.mark.parametrize("path", [f"/common/userrealm/{ALICE}", f"/common/userrealm/?user={ALICE}",
                                  "/common/userrealm/guest_gmail.com#EXT#@contoso.com?api-version=1.0"])  # fmt: skip
def test_realm_discovery_needs_its_version(site, path):
    """From msal4j issue 371: an error status without a body, also where the # in a name cuts the version off."""
    answer = site.ask("GET", LOGIN, path.partition("#")[0])
    assert (answer.status, answer.body) == (400, b"")
    assert site.ask("GET", LOGIN, f"/common/userrealm/{ALICE}?api-version=1.0").status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("login", "kind"), [(ALICE, "Managed"), (FRANK, "Federated"), ("x@nowhere.example", "Unknown")]
)
def test_get_user_realm_answers_in_xml(site, method, login, kind):
    """SharePoint sign-in libraries post login and xml=1, and read NameSpaceType and STSAuthURL at the top."""
    fields = urlencode({"login": login, "xml": "1"})
    answer = (
        site.ask("GET", LOGIN, f"/GetUserRealm.srf?{fields}")
        if method == "GET"
        else site.ask("POST", LOGIN, "/GetUserRealm.srf", headers=site.FORM, body=fields.encode())
    )
    root = ET.fromstring(answer.body)  # noqa: S314 - of this program
    assert (root.tag, root.get("Success"), root.findtext("NameSpaceType")) == ("RealmInfo", "true", kind)
    federated = kind == "Federated"
    expected = "https://sts.fabrikam.com/adfs/services/trust/2005/usernamemixed" if federated else None
    assert root.findtext("STSAuthURL") == expected
    assert root.findtext("IsFederatedNS") == {"Managed": "false", "Federated": "true", "Unknown": None}[kind]


def test_get_user_realm_answers_in_json_otherwise(site):
    """A post without xml=1 is JSON, without the members of the XML form; without a login 900144."""
    body = urlencode({"login": FRANK}).encode()
    answer = site.ask("POST", LOGIN, "/GetUserRealm.srf", headers=site.FORM, body=body)
    assert answer.content_type.startswith("application/json")
    assert b"Federated" in answer.body
    assert not any(name.encode() in answer.body for name in XML_ONLY)
    assert site.ask("POST", LOGIN, "/GetUserRealm.srf", headers=site.FORM).code == 900144


def test_a_name_cannot_change_the_xml(site):
    """Markup in the login is text."""
    answer = site.ask("GET", LOGIN, f"/GetUserRealm.srf?{urlencode({'login': '<State>4</State>&', 'xml': '1'})}")
    assert ET.fromstring(answer.body).findtext("Login") == "<State>4</State>&"  # noqa: S314 - of this program


@pytest.mark.parametrize("path", ["/extSTS.srf", "/rst2.srf"])
def test_retired_doors_are_closed(site, path):
    """docs/limitations.md: no WS-Trust with a password for SharePoint Online."""
    assert site.ask("POST", LOGIN, path, body=site.rst(user=ALICE, password=PASSWORD)).status == 404


def form(client: str, password: str = PASSWORD, scope: str = "https://graph.microsoft.com/.default") -> dict[str, str]:
    """A token request with a password."""
    return {"client_id": client, "grant_type": "password", "username": ALICE, "password": password, "scope": scope}


def test_client_ids_of_microsoft_are_known(site):
    """From a public list: what Microsoft has preauthorised is granted, the rest is 65002; nobody's id is 700016."""
    assert len([each for each in FIRST_PARTY.values() if each.allow_public_client]) >= 50
    for client in (TEAMS, VS_CODE):
        assert client in PREAUTHORIZED
        assert site.token(form(client))[0] == 200
        assert site.token(form(client, scope="https://graph.microsoft.com/RoleManagement.ReadWrite.Directory"))[1][
            "error_codes"
        ] == [65002]
    assert site.token(form("1fec8e78-bce4-4aaf-ab1b-5451cc387265"))[1]["error_codes"] == [700016]


def test_members_of_the_family_share_refresh_tokens(site):
    """The refresh token of one member (foci) is good for another, and not for a client outside."""
    answer = site.token({**form(TEAMS), "scope": "openid offline_access https://graph.microsoft.com/.default"})[1]
    assert answer["foci"] == "1"
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    scope = "https://graph.microsoft.com/.default"
    assert site.token({**refresh, "client_id": site.CLI, "scope": scope})[0] == 200
    assert site.token({**refresh, "client_id": VS_CODE, "scope": scope})[1]["error_codes"] == [70008]


@pytest.mark.parametrize("password", ['a"b', '"', '""', "a'b\\\"c", "x&y=z +%"])
def test_any_printable_password_is_good(make_site, make_browser, password):
    """ADAL4J issue 68: quotes and the like, at the token endpoint, at the page and in WS-Trust."""
    site = make_site(user={"password": password})
    assert site.token(form(site.CLI, password))[0] == 200
    assert site.token(form(site.CLI, password + '"'))[0] == 400
    assert make_browser(site).sign_in(passwd=password).status == 302
    assert site.mixed(ALICE, password).status == 200
