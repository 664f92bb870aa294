"""Credentials that start another program: each fake keeps the contract of az, azd or pwsh, and does nothing else."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Result
from .libraries import EVERY

Play = Callable[..., Result]

TOKEN = ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in (b"{}", b'{"upn": "alice"}', b"x"))
AZ = json.dumps({"accessToken": TOKEN, "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4_070_908_800})
AZD = json.dumps({"token": TOKEN, "expiresOn": "2099-01-01T00:00:00Z"})
LOGIN = "ERROR: Please run 'az login' to setup account."
AZD_LOGIN = "ERROR: not logged in, run `azd auth login` to login"
MODULE, CONNECT = "NO_AZ_ACCOUNT_MODULE", "Run Connect-AzAccount to login."


def shell(out: str = "", err: str = "", code: int = 0) -> str:
    """Return a shell script that prints this and ends with this code."""
    return f"#!/bin/sh\ncat <<'END'\n{out}\nEND\ncat >&2 <<'END'\n{err}\nEND\nexit {code}\n"


CASES = {
    "az": ("cli", "az", shell(AZ), {"python": "", "go": ""}),
    "no az": ("cli", "", "", {"python": "Azure CLI not found on path", "go": "executable not found on path"}),
    "az, not logged in": (
        "cli", "az", shell(err=LOGIN, code=1), {"python": "Please run 'az login'", "go": "Please run 'az login'"},
    ),
    "az, login has expired": (
        "cli", "az", shell(err="ERROR: AADSTS700082: The refresh token has expired. az login", code=1),
        {"python": "AADSTS700082", "go": "AADSTS700082"},
    ),
    "azd": ("developer-cli", "azd", shell(AZD), {"python": "", "go": ""}),
    "no azd": (
        "developer-cli", "", "",
        {"python": "Azure Developer CLI could not be found", "go": "executable not found on path"},
    ),
    "azd, not logged in": (
        "developer-cli", "azd", shell(err=AZD_LOGIN, code=1),
        {"python": "Please run 'azd auth login'", "go": "azd auth login"},
    ),
    "pwsh": ("powershell", "pwsh", shell(f"azsdk%{TOKEN}%4070908800"), {"python": ""}),
    "no pwsh": ("powershell", "", "", {"python": "PowerShell is not installed", "go": "executable not found on path"}),
    "pwsh, no module": (
        "powershell", "pwsh", shell(MODULE), {"python": "Az.Account module >= 2.2.0 is not installed"},
    ),
    "pwsh, not connected": (
        "powershell", "pwsh", shell(err=CONNECT, code=1), {"python": 'Please run "Connect-AzAccount"'},
    ),
}  # fmt: skip
"""Statements: GO-035 and PY-039, GO-036 and PY-040, GO-038 and PY-042, GO-039 and PY-043, PY-045, PY-046, PY-047."""


@pytest.mark.parametrize(("case", "language"), [(case, each) for case in CASES for each in CASES[case][3]])
def test_a_credential_of_a_command_line(play: Play, tmp_path: Path, case: str, language: str) -> None:
    """The program's token is taken; where it is missing or nobody is logged in, the library says what to do.

    GO-035, GO-036, GO-038, GO-039, PY-039, PY-040, PY-042, PY-043, PY-045, PY-046, PY-047.
    """
    credential, name, script, texts = CASES[case]
    folder = tmp_path / "bin"
    folder.mkdir()
    if name:
        (folder / name).write_text(script, encoding="utf-8")
        (folder / name).chmod(0o755)
    path = f"{folder}:/bin:/usr/bin" if name else str(folder)
    result = play(language, "container", credential, env={"PATH": path})
    if texts[language]:
        assert texts[language] in result["text"], result
    else:
        assert result["claims"] == {"upn": "alice"}
    assert result.events("HttpExchange") == []


if EVERY:  # it takes ten seconds

    def test_a_command_line_that_hangs_is_given_up(play: Play, tmp_path: Path) -> None:
        """After ten seconds the library says that the program could not be started (PY-040)."""
        (tmp_path / "az").write_text("#!/bin/sh\nsleep 60\n", encoding="ascii")
        (tmp_path / "az").chmod(0o755)
        began = time.monotonic()
        result = play("python", "container", "cli", env={"PATH": f"{tmp_path}:/bin:/usr/bin"})
        assert "Failed to invoke the Azure CLI" in result["text"]
        assert time.monotonic() - began >= 10
