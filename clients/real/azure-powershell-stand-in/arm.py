"""What the cmdlets of the stand-in ask Azure Resource Manager: one token for each request."""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests
from az_accounts import CmdletError, Token

_ROOT = "https://management.azure.com"
_TIMEOUT_S = 30


def ask(method: str, url: str, token: Callable[[], Token], body: Any = None) -> requests.Response:
    """Send one request. Raises CmdletError if the answer is an error or none comes."""
    url = url if url.startswith("https://") else f"{_ROOT}{url}"
    try:
        reply = requests.request(
            method, url, json=body, headers={"Authorization": f"Bearer {token().value}"}, timeout=_TIMEOUT_S
        )
    except requests.RequestException as error:
        raise CmdletError(f"{type(error).__name__}: no answer from {url.split('/')[2]}") from error
    if reply.status_code >= 400:
        try:
            found = reply.json()["error"]
            text = f"{found['code']}: {found['message']}"
        except (ValueError, KeyError):
            text = reply.reason
        raise CmdletError(f"{reply.status_code}: {text}")
    return reply


def list_subscriptions(token: Callable[[], Token]) -> list[dict[str, Any]]:
    """Return the subscriptions that the token shows."""
    return list(ask("GET", "/subscriptions?api-version=2022-12-01", token).json()["value"])


def list_groups(subscription: str, token: Callable[[], Token]) -> list[str]:
    """Return the names of the resource groups."""
    found = ask("GET", f"/subscriptions/{subscription}/resourcegroups?api-version=2022-09-01", token).json()
    return [each["name"] for each in found["value"]]


def deploy(subscription: str, group: str, name: str, token: Callable[[], Token]) -> str:
    """Deploy an empty template, wait until the operation has ended, and return its state."""
    path = f"/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Resources/deployments/{name}"
    body = {"properties": {"mode": "Incremental", "template": {"resources": []}, "parameters": {}}}
    reply = ask("PUT", f"{path}?api-version=2022-09-01", token, body)
    url = reply.headers["Azure-AsyncOperation"]
    while True:
        time.sleep(float(reply.headers.get("Retry-After", "1")))
        reply = ask("GET", url, token)
        if (state := reply.json()["status"]) not in ("Accepted", "Running"):
            return str(state)
