"""The checks by hand of the troubleshooting guides: curl on a machine and on App Service."""

from __future__ import annotations

import json
from typing import Any

import pytest

IMDS = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net"
APP_SERVICE = "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://vault.azure.net"
SECRET = "-H X-IDENTITY-HEADER:$IDENTITY_HEADER"


@pytest.mark.parametrize(
    ("device", "command"),
    [
        ("vm", f"curl -s -m 20 -H Metadata:true '{IMDS}'"),  # GO-029, PY-029
        ("app-service", f'curl -s -m 20 {SECRET} "{APP_SERVICE}"'),  # GO-032, PY-032
    ],
)
def test_a_host_answers_curl(hosts: Any, device: str, command: str) -> None:
    """The command of the guide prints a token, and neither trace nor log of the lab has it (GO-030, PY-030)."""
    done = hosts.run("exec", "--device", device, "--as", f"hand-{device}", "--", "sh", "-c", command)
    token = json.loads(done.stdout)["access_token"]
    text = json.dumps(hosts.records()) + hosts.run("explain").stdout
    folder = hosts.home / "labs" / "default"
    text += "".join(path.read_text(encoding="utf-8") for path in (folder / "trace.jsonl", folder / "lab.log"))
    assert f"hand-{device}" in text
    assert not [part for part in (token, *token.split(".")[1:]) if part in text]


def test_the_command_of_a_machine_fails_on_app_service(hosts: Any) -> None:
    """The address of a machine on App Service: no answer, as one guide's own check has it (PY-032, GO-031)."""
    done = hosts.run("exec", "--device", "app-service", "--", "curl", "-s", "-m", "1", "-H", "Metadata:true", IMDS)
    assert done.returncode == 28  # curl's exit code for a time-out; 7 would be a refused connection
