"""The credential of Visual Studio Code on Linux, with the broker's package and without it, unmodified."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.lookup import find_real_clients
from tests.real_client_setup import prepare

from .conftest import Result
from .test_command_line_credentials import AZ, shell

TENANT = "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"
VSCODE = "aebc6443-996d-45c2-90f0-388ff96faa56"
RECORD = {
    "tenantId": TENANT,
    "clientId": VSCODE,
    "username": "alice@contoso.com",
    "homeAccountId": f"0a1f5c1e-6f0d-4a6c-9a1d-111111111111.{TENANT}",
    "authority": "https://login.microsoftonline.com",
}
"""What the extension Azure Resources writes, by the checks of azure-identity 1.27.0."""

Use = Callable[..., Result]


@pytest.fixture
def use(play_command: Use, tmp_path: Path) -> Use:
    """Run the program with a home folder in which the text ``stored`` is the record; None: there is none.

    Without ``broker`` the library is that of these tests, which has the same version and no broker. The Azure CLI
    is one whose token is that of Alice.
    """
    (client,) = find_real_clients(["azure-identity-broker"])
    prepare(client)
    home = find_client_home(client)
    (tmp_path / "az").write_text(shell(AZ), encoding="utf-8")
    (tmp_path / "az").chmod(0o755)

    def run_program(*words: str, broker: bool = True, stored: str | None = None, **variables: str) -> Result:
        file = tmp_path / ".azure" / "ms-azuretools.vscode-azureresourcegroups" / "authRecord.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        if stored is not None:
            file.write_text(stored, encoding="utf-8")
        python = f"{home}/venv/bin/python" if broker else sys.executable
        command = [python, str(client.folder / "unattended.py"), *words]
        given = {"HOME": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"} | variables
        return play_command("vscode", command, "container", env=given)

    return run_program


SIGN_IN = "requires the user to be signed in to Azure via Visual Studio Code"
NOT_STORED = {
    "no broker": (False, json.dumps(RECORD), "requires the 'azure-identity-broker' package to be installed"),
    "no record": (True, None, SIGN_IN),
    "no JSON": (True, "{", "Failed to load authentication record from Visual Studio Code: Expecting property name"),
    "too large": (True, json.dumps(RECORD) + " " * 10_240, "VS Code auth record file is unexpectedly large"),
    "another application": (True, json.dumps(RECORD | {"clientId": TENANT}), f"clientId must match expected.*{VSCODE}"),
}
"""Whether the broker's package is installed, what is stored, and what the library says."""


@pytest.mark.parametrize("case", NOT_STORED)
def test_nothing_stored_can_be_read(use: Use, case: str) -> None:
    """The credential is unavailable, says what to install or to do, and sends nothing: PY-036."""
    broker, stored, text = NOT_STORED[case]
    result = use("visual-studio-code", broker=broker, stored=stored)
    assert result.get("error") == "CredentialUnavailableError", result
    assert re.search(text, result["text"]), result
    assert "Azure Resources extension installed and" in result["text"], "what to do"
    assert [each["event"] for each in result.records if each["event"] in ("DnsAnswered", "HttpExchange")] == []


@pytest.mark.parametrize("name", ["chained", "default"])
def test_a_chain_goes_on_where_nothing_is_stored(use: Use, tmp_path: Path, name: str) -> None:
    """The next member signs in; if it cannot either, the error has the text of both, in their order: PY-036."""
    result = use(name)
    assert result.get("claims") == {"upn": "alice"}, result
    (tmp_path / "az").write_text(shell(err="ERROR: Please run 'az login' to setup account.", code=1), encoding="utf-8")
    result = use(name)
    places = [result["text"].find(text) for text in (SIGN_IN, "Please run 'az login'")]
    assert places == sorted(places), result
    assert -1 not in places, result


def test_ad_fs_is_no_tenant_of_the_credential(use: Use) -> None:
    """Tenant ``adfs`` is asked for as any other, and refused; one chain ends there, the default one goes on: PY-038."""
    stored = json.dumps(RECORD)
    for name in ("visual-studio-code", "chained"):
        result = use(name, "tenant_id=adfs", stored=stored)
        assert result.get("error") == "ClientAuthenticationError", result
        assert "Unable to get authority configuration for https://login.microsoftonline.com/adfs" in result["text"]
        assert [(each["path"].split("/")[1], each["code"]) for each in result.events("HttpExchange")] == [
            ("adfs", 900023)
        ]
    result = use("default", "tenant_id=adfs", stored=stored)
    assert result.get("claims") == {"upn": "alice"}, result
    assert [each["code"] for each in result.events("HttpExchange")] == [900023]


def test_the_cloud_is_that_of_the_record(use: Use) -> None:
    """No list of clouds any more: the record names the host, neither an argument nor AZURE_AUTHORITY_HOST: PY-038."""
    given = use("visual-studio-code", "authority=login.chinacloudapi.cn", stored=json.dumps(RECORD))
    assert given.get("error") == "TypeError", given
    assert given.events("DnsAnswered") == []
    stored = json.dumps(RECORD | {"authority": "https://login.windows.net"})
    result = use("visual-studio-code", stored=stored, AZURE_AUTHORITY_HOST="login.chinacloudapi.cn")
    assert {each["host"] for each in result.events("HttpExchange")} == {"login.windows.net"}, result
    assert result.events("TokenIssued") == []
