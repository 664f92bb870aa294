"""The example estates with national clouds: real clients sign in to each cloud, and fail at the wrong one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.real_clients.test_python_clients import Tried, home

EXAMPLES = Path(__file__).parents[2] / "examples/clouds"
HOSTS = {
    "public": "https://login.microsoftonline.com",
    "usgov": "https://login.microsoftonline.us",
    "china": "https://login.chinacloudapi.cn",
}
SCOPES = {
    "public": "https://graph.microsoft.com/.default",
    "usgov": "https://graph.microsoft.us/.default",
    "china": "https://microsoftgraph.chinacloudapi.cn/.default",
}
USERS = {
    "public": "alice@contoso.com",
    "usgov": "grace@federal.contoso.example",
    "china": "chen@china.contoso.example",
}
PROGRAMS = {
    "msal-python": ["{home}/venv/bin/python", "{home}/sign_in.py"],
    "azure-identity": ["{home}/venv/bin/python", "{home}/sign_in.py"],
    "msal-node": ["node", "{home}/sign-in.mjs"],
    "azidentity": ["{home}/azidentity"],
}


@pytest.fixture
def sign_in(bench):
    """Start a lab of an example, and run a flow of a client at a cloud on the device of a user of a cloud."""
    up = []

    def run(estate, client, flow, *, at, user, scope=""):
        if not up:
            done = bench.run("up", "--detach", "--estate", str(EXAMPLES / f"{estate}.toml"))
            assert done.returncode == 0, done.stderr
            up.append(estate)
        program = [word.replace("{home}", str(home(client))) for word in PROGRAMS[client]]
        setting = [f"AZURE_AUTHORITY_HOST={HOSTS[at]}", f"SCOPE={scope or SCOPES[at]}"]
        label = f"{client}-{flow}-{at}-{user}"
        return Tried(bench, label, ["env", *setting, *program, flow], device=f"desk-{user}")

    return run


@pytest.mark.parametrize("cloud", ["usgov", "china"])
def test_python_and_node_sign_in_to_an_estate_of_one_national_cloud(sign_in, cloud):
    """MSAL for Python and Node know the cloud; azure-identity reads its host from the environment."""
    for client, flow in (("msal-python", "username-password"), ("azure-identity", "username-password")):
        tried = sign_in(cloud, client, flow, at=cloud, user=cloud)
        assert tried.done.stdout.endswith(f"signed in as {USERS[cloud]}\n"), tried.done.stderr
    if shutil.which("node") is not None:
        tried = sign_in(cloud, "msal-node", "interactive", at=cloud, user=cloud)
        assert tried.done.stdout == f"signed in as {USERS[cloud]}\n", tried.done.stderr


def test_each_cloud_of_one_estate_signs_its_own_users_in(sign_in):
    """In one lab: a user of each cloud at the own cloud; a password at the wrong one is refused with its code."""
    for cloud, user in USERS.items():
        tried = sign_in("three-clouds", "msal-python", "username-password", at=cloud, user=cloud)
        assert tried.done.stdout == f"signed in as {user}\n", tried.done.stderr
    tried = sign_in("three-clouds", "msal-python", "username-password", at="public", user="usgov")
    assert tried.done.stderr.startswith("invalid_request: AADSTS90038: Tenant 'federal.contoso.example'")
    assert not tried.named("TokenIssued")
    tried = sign_in("three-clouds", "msal-python", "interactive", at="public", user="usgov", scope="User.Read.All")
    assert "AADSTS900384" in tried.done.stderr, "the page leads to the cloud of the user, the library does not follow"
    assert {each["host"] for each in tried.named("HttpExchange")} >= {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
    }
