"""AzureCliCredential and DefaultAzureCredential of four languages, on top of the Azure CLI itself, all unmodified."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.credential_hosts.libraries import find_program

from .azure_lab import CONTOSO, EVERY_WAY, LITWARE, AzureLab, Ran, home_of

LANGUAGES = ("python", "go", "node", "java")
CREDENTIALS = ("cli", "default")
_PATIENT = "timeout=60"  # seconds for az, which takes ten of them on a busy machine

NOT_ON_PATH = {
    "python": "Azure CLI not found on path",
    "go": "AzureCLICredential: executable not found on path",
    "node": "Azure CLI could not be found",
    "java": "Azure CLI not installed",
}
NOT_LOGGED_IN = "az login"
"""All four name the command that helps."""
TIMED_OUT = {
    "python": "Failed to invoke the Azure CLI",
    "go": "signal: killed",
    "node": "",
    "java": "",
}


def use(
    azure: AzureLab, language: str, folder: Path, *words: str, path: str | None = None
) -> tuple[dict[str, Any], Ran]:
    """Run the program of a language with the CLI on its path; what it printed, and its records."""
    cli = home_of("azure-cli")
    variables = {
        "AZURE_CONFIG_DIR": str(folder),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
        "PATH": f"{cli}/venv/bin:/usr/bin:/bin" if path is None else path,
    }
    first, *others = find_program(language)
    assignments = [f"{name}={value}" for name, value in variables.items()]
    command = ["/usr/bin/env", *assignments, shutil.which(first) or first, *others, *words]
    ran = azure.exec("desk-guest", *command)
    assert ran.output, ran.errors
    return json.loads(ran.output.splitlines()[-1]), ran


@pytest.fixture(scope="module")
def login(azure: AzureLab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration folder of an Azure CLI with which Gina of Contoso, a guest of Litware, is logged in."""
    folder = tmp_path_factory.mktemp("logged-in")
    ran = azure.az("desk-guest", folder, "login", "--output", "none")
    assert ran.code == 0, ran.errors
    return folder


def _rows(sample: dict[str, str]) -> list[tuple[str, str]]:
    return [(each, of) for each in LANGUAGES for of in CREDENTIALS if EVERY_WAY or sample.get(each) == of]


@pytest.mark.parametrize(("language", "credential"), _rows({"go": "cli", "node": "default"}))
def test_the_login_of_the_cli_signs_in(azure: AzureLab, login: Path, language: str, credential: str) -> None:
    """The token is that of the account of ``az login``, and the CLI itself got it: GO-037, PY-041, CONNECT-001."""
    found, ran = use(azure, language, login, credential, _PATIENT)
    assert (found.get("claims", {}).get("unique_name"), found.get("claims", {}).get("tid")) == (
        "gina@contoso.com",
        CONTOSO,
    ), found
    assert {each["grant"] for each in ran.events("TokenIssued")} <= {"refresh_token"}


@pytest.mark.parametrize(("language", "credential"), _rows({"java": "cli"}))
def test_nobody_is_logged_in(azure: AzureLab, tmp_path: Path, language: str, credential: str) -> None:
    """No request is sent, and the error says what to do: GO-036, PY-040."""
    found, ran = use(azure, language, tmp_path, credential, _PATIENT)
    assert NOT_LOGGED_IN in found["text"], found
    assert ran.events("HttpExchange") == []


@pytest.mark.parametrize(("language", "credential"), _rows({"go": "default", "python": "cli"}))
def test_the_cli_is_not_on_the_path(azure: AzureLab, login: Path, language: str, credential: str) -> None:
    """Although somebody is logged in: the library does not find the CLI, and says so: GO-035, PY-039."""
    found, ran = use(azure, language, login, credential, path="/nonexistent")
    assert NOT_ON_PATH[language] in found["text"], found
    assert ran.events("HttpExchange") == []


@pytest.mark.parametrize("language", LANGUAGES if EVERY_WAY else ["node"])
def test_another_tenant_of_the_account(azure: AzureLab, login: Path, language: str) -> None:
    """A guest gets a token of the tenant that was asked for; a tenant that nobody has is refused: CONNECT-001."""
    found, _ = use(azure, language, login, "cli", f"tenant_id={LITWARE}", _PATIENT)
    assert found.get("claims", {}).get("tid") == LITWARE, found
    wrong, ran = use(azure, language, login, "cli", "tenant_id=0f8fad5b-0000-4000-8000-000000000000", _PATIENT)
    assert "AADSTS90002" in wrong["text"], wrong
    assert ran.events("TokenIssued") == []


@pytest.mark.parametrize("language", LANGUAGES if EVERY_WAY else ["go"])
def test_a_cli_that_is_too_slow_is_given_up(azure: AzureLab, login: Path, tmp_path: Path, language: str) -> None:
    """The CLI gets the seconds that the library allows, and no token comes of it when it needs more."""
    (tmp_path / "az").write_text(
        f'#!/bin/sh\nsleep 20\nexec {home_of("azure-cli")}/venv/bin/az "$@"\n', encoding="ascii"
    )
    (tmp_path / "az").chmod(0o755)
    found, ran = use(azure, language, login, "cli", "timeout=1", path=f"{tmp_path}:/usr/bin:/bin")
    assert ("claims" in found, TIMED_OUT[language] in found["text"]) == (False, True), found
    assert ran.events("TokenIssued") == []
    assert found["seconds"] < 20, "it did not wait for the CLI"
