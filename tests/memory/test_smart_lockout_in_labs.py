"""Smart lockout in both labs: the same answers over sockets and in memory, by the clock of the scenario."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ssosim_clients.ports import Device

from ssosim.estate import default_estate

from .calls import Act, in_memory, over_sockets


def send(password: str, after: float = 0.0) -> Act:
    """A token request with this password, ``after`` seconds; status and codes."""

    async def act(device: Device) -> Any:
        await device.clock.sleep(after)
        form = {
            "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
            "grant_type": "password",
            "username": "alice@contoso.com",
            "password": password,
            "scope": "openid https://graph.microsoft.com/User.Read.All",
        }
        url = "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = await device.http.request("POST", url, headers, urlencode(form).encode())
        return reply.status, json.loads(reply.body).get("error_codes")

    return act


def test_both_labs_lock_and_unlock(prepared: Path) -> None:
    """Ten failures, 50053 for the right password, and a minute of the scenario later a token."""
    right = "Alice-lab-password-1"
    acts = [*(send(f"wrong-{number}") for number in range(10)), send(right), send(right, 61)]
    seen = in_memory(acts, default_estate(), [])
    assert [each[0] for each in seen] == ["(400, [50126])"] * 10 + ["(400, [50053])", "(200, None)"]
    assert over_sockets(acts, default_estate(), [], prepared) == seen
