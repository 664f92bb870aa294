"""The stand-in for Connect-AzAccount: its client id, port 8400, PKCE, its cache; every way of signing in, and out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ssosim.real_clients.lookup import find_real_clients

from .azure_lab import CONTOSO, EVERY_WAY, LITWARE, ORDERS, REPORT, AzureLab, home_of
from .stand_ins import ARM, NAME, Session, grants_of, result_of

POWERSHELL = "1950a258-227b-4e31-a9cf-717495945fc2"
_PRINCIPAL = f"Connect-AzAccount -ServicePrincipal -ApplicationId {REPORT} -Tenant {CONTOSO}"

WAYS: dict[str, tuple[str, str, str]] = {
    # name: device, command, grant in the trace
    "browser": ("desk-1", "Connect-AzAccount", "authorization_code"),
    "identity by client id": ("vm-1", f"Connect-AzAccount -Identity -AccountId {ORDERS}", "managed_identity"),
    "device code": ("desk-1", "Connect-AzAccount -UseDeviceAuthentication", "device_code"),
    "device code in a container": ("container-1", "Connect-AzAccount -UseDeviceAuthentication", "device_code"),
    "system-assigned identity": ("vm-1", "Connect-AzAccount -Identity", "managed_identity"),
    "secret": ("desk-1", f"{_PRINCIPAL} -Credential $Credential", "client_credentials"),
    "certificate": ("desk-1", f"{_PRINCIPAL} -CertificatePath $env:CERTIFICATE", "client_credentials"),
    "federated token": ("desk-1", f"{_PRINCIPAL} -FederatedToken $env:ASSERTION", "client_credentials"),
    "tenant of a guest": ("desk-guest", f"Connect-AzAccount -Tenant {LITWARE}", "authorization_code"),
}
SAMPLE = ("browser",)
CTRL_C = [("5.5.5", 130, ""), ("2.1.2", 1, "state_mismatch")]


@pytest.fixture
def session(azure: AzureLab, tmp_path: Path) -> Callable[..., Session]:
    """Begin a session of the stand-ins on a device, with a new home folder."""

    def begin(device: str = "desk-1", **more: object) -> Session:
        return Session(azure, tmp_path, device, **more)  # type: ignore[arg-type]

    return begin


def federated_token(azure: AzureLab) -> str:
    """Return a token of the cluster, as the pod of the report has it."""
    done = azure.bench.run("federated-token", "--subject", "system:serviceaccount:shop:report")
    return str(done.stdout.strip())


@pytest.mark.parametrize("way", WAYS if EVERY_WAY else SAMPLE)
def test_a_way_of_connect_azaccount(session: Callable[..., Session], azure: AzureLab, way: str) -> None:
    """It signs in, and the next process uses Azure Resource Manager without a person.

    CONNECT-002, CONNECT-013, CONNECT-016, CONNECT-022, CONNECT-024; the ways without a browser: AZ5-007.
    """
    device, command, grant = WAYS[way]
    desk = session(
        device,
        variables={
            "AZURE_CLIENT_ID": REPORT,
            "AZURE_CLIENT_SECRET": "contoso-report-secret",
            "CERTIFICATE": str(azure.certificate),
            "ASSERTION": federated_token(azure) if way == "federated token" else "",
        },
    )
    ran = desk.pwsh(command)
    assert ran.code == 0, ran.errors
    assert grant in grants_of(ran)
    assert set(ran.answers(ARM)) == {200}
    assert all(event["accepted"] for event in ran.events("AccessTokenChecked"))
    if grant in ("authorization_code", "device_code"):
        assert {event["client_id"] for event in ran.events("TokenIssued")} == {POWERSHELL}
    second = desk.pwsh("Get-AzResourceGroup")
    assert second.code == 0, second.errors
    assert second.answers(ARM) == [200]
    assert second.events("UserPrompted") == []


def test_the_second_start_is_silent_until_logout(session: Callable[..., Session]) -> None:
    """A later process has the token of the cache, another resource costs a refresh; after the logout nobody is there.

    AZ5-028: Get-AzAccessToken is the public way to the token. CONNECT-014: signing out.
    """
    desk = session()
    assert desk.pwsh("Connect-AzAccount").code == 0
    again = desk.pwsh("Get-AzAccessToken", SSOSIM_AZ_ACCOUNTS="2.2.0")
    assert (again.code, grants_of(again), again.events("UserPrompted")) == (0, [], [])
    assert "Token     : ey" in again.output
    other = desk.pwsh("Get-AzAccessToken -ResourceTypeName KeyVault")
    assert (other.code, grants_of(other), other.events("UserPrompted")) == (0, ["refresh_token"], [])
    assert desk.pwsh("Disconnect-AzAccount").code == 0
    after = desk.pwsh("Get-AzAccessToken")
    assert (after.code, after.events("HttpExchange")) == (1, [])
    assert "Get-AzAccessToken: Run Connect-AzAccount to login." in after.errors


if EVERY_WAY:

    def test_a_busy_port_moves_the_listener(session: Callable[..., Session]) -> None:
        """With 8400 taken it listens at 8401, as good a redirect URI; a client with one port fails: CONNECT-018."""
        desk = session()
        ran = desk.tool("listen_first.py", "pwsh", "-Command", "Connect-AzAccount")
        assert ran.code == 0, ran.errors
        assert "WARNING: Port 8400 is taken with exception" in ran.output
        assert grants_of(ran)[0] == "authorization_code"
        script = "import sys, browser_sign_in as b; b.PORTS = range(8400, 8401)\nb.listen(b.PORTS, print)"
        python = desk.bin.parent / "venv" / "bin" / "python"
        fixed = desk.tool("listen_first.py", "env", f"PYTHONPATH={desk.bin.parent}", str(python), "-c", script)
        assert (fixed.code, fixed.events("HttpExchange")) == (1, [])
        assert "Cannot find an open port." in fixed.errors


@pytest.mark.parametrize(("version", "code", "text"), CTRL_C if EVERY_WAY else CTRL_C[:1])
def test_ctrl_c_while_the_page_is_open(session: Callable[..., Session], version: str, code: int, text: str) -> None:
    """The user leaves the page: CTRL+C ends the wait and frees the port, since 2.2.0. Before, it did nothing.

    CONNECT-019, CONNECT-020, CONNECT-021. The older version ends here by what comes to its listener afterwards,
    an answer without the state of its request.
    """
    desk = session(person="walks-away")
    ran = desk.tool("interrupt.py", "pwsh", "-Command", "Connect-AzAccount", SSOSIM_AZ_ACCOUNTS=version)
    found = result_of(ran)
    assert (found["code"], found["free"]) == (code, True)
    assert text in found["errors"]
    assert grants_of(ran) == []


if EVERY_WAY:

    def test_a_refusal_at_the_page_ends_the_command(session: Callable[..., Session]) -> None:
        """access_denied comes to the listener: an error with a hint, exit code 1, no context for the next process."""
        desk = session(person="refuses")
        ran = desk.pwsh("Connect-AzAccount")
        assert (ran.code, grants_of(ran)) == (1, [])
        assert "access_denied" in ran.errors
        assert "Connect-AzAccount -DeviceCode" in ran.output
        assert desk.pwsh("Get-AzContext", "Get-AzResourceGroup").code == 1


def test_stand_ins_say_what_they_are() -> None:
    """``--version`` names the stand-in, and what it does not know it refuses with a text that says so."""
    home = home_of(NAME)
    for words in (["pwsh", "--version"], ["azd", "version"]):
        done = subprocess.run(
            [home / "bin" / words[0], words[1]], capture_output=True, text=True, check=True, timeout=60
        )
        assert "a stand-in of ssosim" in done.stdout
    for words in (["-Command", "Get-Process"], ["-File", "x.ps1"], [], ["-EncodedCommand", "?"]):
        done = subprocess.run([home / "bin" / "pwsh", *words], capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, "this stand-in for PowerShell does not know" in done.stderr) == (64, True), done.stderr
    assert "stand-in" in find_real_clients([NAME])[0].manifest.title.lower()
