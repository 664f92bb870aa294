"""AzurePowerShellCredential and AzureDeveloperCliCredential, unmodified, on the stand-ins for pwsh and azd."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .azure_lab import CONTOSO, EVERY_WAY, LITWARE, REPORT, AzureLab, Ran, home_of
from .stand_ins import ARM, Session, grants_of, result_of


@dataclass(frozen=True)
class Case:
    """One state of the stand-ins, and what each library makes of it: a text of its error, or "" for a token.

    ``settings`` are those of the credential, ``variables`` those of its process; with ``connected`` somebody has signed
    in before. ``missing``: the program is not on PATH.
    """

    credential: str
    expected: dict[str, str]
    settings: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    connected: bool = True
    missing: bool = False


def _both(text: str) -> dict[str, str]:
    return {"python": text, "go": text}


CASES = {
    "pwsh": Case("powershell", _both("")),
    "pwsh, older module": Case("powershell", _both(""), variables=(("SSOSIM_AZ_ACCOUNTS", "2.2.0"),)),
    "pwsh, module with secure strings on request": Case(
        "powershell", _both(""), variables=(("SSOSIM_AZ_ACCOUNTS", "2.19.0"),)
    ),
    "pwsh, nobody connected": Case(
        "powershell",
        {"python": 'Please run "Connect-AzAccount" to set up account', "go": 'Please run "Connect-AzAccount"'},
        connected=False,
    ),
    "pwsh, no module": Case(
        "powershell",
        {"python": "Az.Account module >= 2.2.0 is not installed", "go": "Az.Accounts module not found"},
        variables=(("SSOSIM_AZ_ACCOUNTS", "none"),),
    ),
    "pwsh, module without Get-AzAccessToken": Case(
        "powershell",
        {"python": "Az.Account module >= 2.2.0 is not installed", "go": "Az.Accounts module not found"},
        variables=(("SSOSIM_AZ_ACCOUNTS", "2.1.2"),),
    ),
    "no pwsh": Case(
        "powershell", {"python": "PowerShell is not installed", "go": "executable not found on path"}, missing=True
    ),
    "pwsh, tenant of others": Case(
        "powershell",
        {"python": "Failed to invoke PowerShell", "go": "AADSTS50020"},
        settings=(f"tenant={LITWARE}",),
    ),
    "azd": Case("developer-cli", _both("")),
    "azd, nobody logged in": Case(
        "developer-cli", {"python": "Please run 'azd auth login'", "go": "azd auth login"}, connected=False
    ),
    "azd 1.23.6, nobody logged in": Case(
        "developer-cli",
        {"python": "Please run 'azd auth login'", "go": "azd auth login"},
        variables=(("SSOSIM_AZD", "1.23.6"),),
        connected=False,
    ),
    "azd 1.23.15, nobody logged in": Case(
        "developer-cli",
        {"python": "Please run 'azd auth login'", "go": "azd auth login"},
        variables=(("SSOSIM_AZD", "1.23.15"),),
        connected=False,
    ),
    "no azd": Case(
        "developer-cli",
        {"python": "Azure Developer CLI could not be found", "go": "executable not found on path"},
        missing=True,
    ),
    "azd, tenant of others": Case("developer-cli", _both("AADSTS50020"), settings=(f"tenant={LITWARE}",)),
    "azd 1.23.6, tenant of others": Case(
        "developer-cli", _both("AADSTS50020"), settings=(f"tenant={LITWARE}",), variables=(("SSOSIM_AZD", "1.23.6"),)
    ),
}
SAMPLE = ("pwsh", "azd, nobody logged in")


@pytest.fixture(scope="module")
def homes(azure: AzureLab, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Two home folders: of a user who has signed in to Azure PowerShell and azd, and of one who has not."""
    connected, empty = tmp_path_factory.mktemp("connected"), tmp_path_factory.mktemp("empty")
    desk = Session(azure, connected)
    assert desk.pwsh("Connect-AzAccount").code == 0
    assert desk.azd("auth", "login").code == 0
    return {True: connected, False: empty}


def ask(azure: AzureLab, home: Path, case: Case, language: str, *more: str) -> tuple[dict[str, Any], Ran]:
    """Ask the credential of a library for a token."""
    desk = Session(azure, home, variables=dict(case.variables))
    first = ("env", "PATH=/nonexistent") if case.missing else ()
    settings = (*case.settings, *more)
    if language == "go":
        settings = tuple(each.replace("tenant=", "tenant_id=", 1) for each in settings)
        ran = desk.run(*first, f"{home_of('azidentity')}/azidentity", case.credential, *settings)
    else:
        tool = home_of("azure-powershell-stand-in")
        ran = desk.run(*first, f"{tool}/venv/bin/python", f"{tool}/use_credentials.py", case.credential, *settings)
    assert ran.output, ran.errors
    return result_of(ran), ran


@pytest.mark.parametrize("language", ["python", "go"] if EVERY_WAY else ["python"])
@pytest.mark.parametrize("case", CASES if EVERY_WAY else SAMPLE)
def test_a_credential_on_a_stand_in(azure: AzureLab, homes: dict[bool, Path], case: str, language: str) -> None:
    """The library takes the token of the program, or says what is missing; nothing is asked for in vain.

    GO-038, GO-039, GO-040, PY-042, PY-043, PY-044, PY-045, PY-046, PY-047, PY-048.
    """
    chosen = CASES[case]
    found, ran = ask(azure, homes[chosen.connected], chosen, language)
    if text := chosen.expected[language]:
        assert text in found["text"], found
        assert grants_of(ran) == []
        return
    assert found["claims"]["upn"] == "alice@contoso.com"
    assert found["claims"]["tid"] == CONTOSO
    if language == "python":
        assert (found["status"], ran.answers(ARM)) == (200, [200])


def test_a_program_that_answers_late_is_given_up(azure: AzureLab, homes: dict[bool, Path]) -> None:
    """After ``process_timeout`` the library gives up, also if the token comes a moment later: PY-040 for pwsh."""
    case = Case("powershell", {}, variables=(("SSOSIM_PWSH_STARTS_AFTER", "30"),))
    found, ran = ask(azure, homes[True], case, "python", "timeout=1")
    assert (found["error"], grants_of(ran)) == ("CredentialUnavailableError", [])
    assert "Failed to invoke PowerShell" in found["text"]


def test_a_tenant_that_is_not_allowed_is_refused_by_the_library(azure: AzureLab, homes: dict[bool, Path]) -> None:
    """Another tenant than that of the credential needs ``additionally_allowed_tenants``; no program is started."""
    for credential in ("powershell", "developer-cli"):
        case = Case(credential, {}, settings=(f"tenant={CONTOSO}", f"request_tenant={LITWARE}"))
        found, ran = ask(azure, homes[True], case, "python")
        assert (found["error"], ran.events("HttpExchange")) == ("ClientAuthenticationError", [])
        assert "is not configured to acquire tokens for tenant" in found["text"]


if EVERY_WAY:

    def test_a_service_principal_of_azd(azure: AzureLab, tmp_path: Path) -> None:
        """``azd auth login`` with a secret: the credential gets a token of the application."""
        desk = Session(azure, tmp_path)
        words = ("--client-id", REPORT, "--client-secret", "contoso-report-secret", "--tenant-id", CONTOSO)
        assert desk.azd("auth", "login", *words).code == 0
        found, _ = ask(azure, tmp_path, Case("developer-cli", {}), "python")
        assert (found["claims"]["appid"], found["status"]) == (REPORT, 200)
        assert desk.azd("auth", "logout").code == 0
        after, _ = ask(azure, tmp_path, Case("developer-cli", {}), "python")
        assert "Please run 'azd auth login'" in after["text"]


def test_the_script_of_an_older_library_gets_no_token(azure: AzureLab, homes: dict[bool, Path]) -> None:
    """Az.Accounts 5 gives a SecureString: a script that prints ``.Token`` prints the name of a type, and ARM says 401.

    Azure/azure-powershell issue 29098, Azure/ipam issue 352. Before 5.0.0 it is a token.
    """
    lines = (
        "$m = Import-Module Az.Accounts -MinimumVersion 2.2.0 -PassThru -ErrorAction SilentlyContinue",
        "$params = @{ 'ResourceUrl' = 'https://management.core.windows.net/' }",
        "$tenantId = ''",
        "$token = Get-AzAccessToken @params",
        'Write-Output "`nazsdk%$($token.Token)%$($token.ExpiresOn.ToUnixTimeSeconds())`n"',
    )
    encoded = base64.b64encode("\n".join(lines).encode("utf-16-le")).decode()
    desk = Session(azure, homes[True])
    values = {}
    for version in ("2.19.0", "5.0.0"):
        ran = desk.run("pwsh", "-NoProfile", "-EncodedCommand", encoded, SSOSIM_AZ_ACCOUNTS=version)
        assert ran.code == 0, ran.errors
        values[version] = ran.output.strip().split("%")[1]
    assert values["5.0.0"] == "System.Security.SecureString"
    assert values["2.19.0"].count(".") == 2
    url = "https://management.azure.com/subscriptions?api-version=2022-12-01"
    for version, status in (("2.19.0", "200"), ("5.0.0", "401")):
        ran = desk.run(
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {values[version]}", url
        )
        assert ran.output == status


if EVERY_WAY:

    @pytest.mark.parametrize(
        ("logged_in", "result"),
        [
            ("azd", "token"),  # PowerShell: nobody is connected, unavailable; azd follows
            ("both", "token"),
            ("neither", "Please run 'azd auth login'"),
        ],
    )
    def test_the_chain_of_development_tools(azure: AzureLab, tmp_path: Path, logged_in: str, result: str) -> None:
        """DefaultAzureCredential goes on after a tool without a user, and names each member if none has a token."""
        desk = Session(azure, tmp_path)
        if logged_in == "both":
            assert desk.pwsh("Connect-AzAccount").code == 0
        if logged_in != "neither":
            assert desk.azd("auth", "login", "--use-device-code").code == 0
        case = Case("default", {}, variables=(("AZURE_TOKEN_CREDENTIALS", "dev"),))
        found, ran = ask(azure, tmp_path, case, "python")
        if result == "token":
            assert (found["claims"]["upn"], found["status"]) == ("alice@contoso.com", 200)
            by = {"azd": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "both": "1950a258-227b-4e31-a9cf-717495945fc2"}
            assert found["claims"]["appid"] == by[logged_in]
            return
        assert ran.events("HttpExchange") == []
        for text in ("Azure CLI not found on path", 'Please run "Connect-AzAccount"', result):
            assert text in found["text"]
