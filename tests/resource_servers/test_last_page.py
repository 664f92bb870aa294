"""What a person sees at the end of a sign-in in the browser: the page of the program's own listener."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.credential_hosts.libraries import LIBRARIES

from .azure_lab import AzureLab, Ran, home_of

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


@pytest.mark.parametrize("case", PAGES)
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


def test_a_person_who_walks_away_has_seen_the_page_of_the_provider(azure: AzureLab, tmp_path: Path) -> None:
    """No page of the program where nothing came to its listener: CONNECT-015."""
    seen, ran = sign_in(azure, tmp_path, "azure-identity", "walks-away")
    assert (ran.code, seen["url"].split("/")[2]) == (1, "login.microsoftonline.com"), (seen, ran.errors)
