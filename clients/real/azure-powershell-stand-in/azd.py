"""A stand-in for the Azure Developer CLI, ``azd``. It is not azd: it has its ``auth`` commands and their output.

    azd version
    azd auth login [--use-device-code] [--tenant-id T] [--client-id C --client-secret S]
    azd auth logout
    azd auth token --scope S [--scope S] [--tenant-id T] [--claims C] [--output json] [--no-prompt]

SSOSIM_AZD is its version, 1.24.0 by default: errors were one line ``consoleMessage`` before 1.23.7, that line and a
line ``error`` until 1.23.15, and one line ``error`` since; ``--claims`` came with 1.18.1. Source: the readers of these
lines in azure-identity (azd_cli.py, extract_cli_error_message).
"""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # azd signs in with the client id of the Azure CLI
_AUTHORITY = "https://login.microsoftonline.com"
_ARM = "https://management.azure.com//.default"
NOT_LOGGED_IN = "not logged in, run `azd auth login` to login"


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in os.environ.get("SSOSIM_AZD", "1.24.0").split("."))


class AzdError(Exception):
    """A command fails with this text."""


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes read as those of azd do."""

    def error(self, message: str) -> NoReturn:
        raise AzdError(message)


def _folder() -> Path:
    return Path(os.environ.get("AZD_CONFIG_DIR") or Path.home() / ".azd") / "auth"


def main(words: list[str]) -> int:
    """Run a command; an error goes to stderr in the form of the version."""
    if words[:1] == ["version"] or words == ["--version"]:
        print(f"azd version {'.'.join(map(str, _version()))} (a stand-in of ssosim: it is not the Azure Developer CLI)")
        return 0
    try:
        return _run(words)
    except AzdError as error:
        as_json = "json" in words
        print(*(_error_lines(str(error)) if as_json else [f"ERROR: {error}"]), sep="\n", file=sys.stderr)
        return 1


def _error_lines(text: str) -> list[str]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    structured = json.dumps({"error": text, "message": "", "suggestion": "Run 'azd auth login' to log in."})
    if _version() < (1, 23, 7):
        console = {"type": "consoleMessage", "timestamp": now, "data": {"message": f"\nERROR: {text}\n"}}
        return [json.dumps(console)]
    if _version() < (1, 24):
        return [json.dumps({"type": "consoleMessage", "timestamp": now, "data": {"message": "\n"}}), structured]
    return [structured]


def _run(words: list[str]) -> int:
    parser = _Parser(prog="azd", add_help=False)
    parser.add_argument("group", choices=["auth"])
    parser.add_argument("command", choices=["login", "logout", "token"])
    parser.add_argument("--output", "-o", choices=["json", "none"], default="none")
    parser.add_argument("--no-prompt", action="store_true")
    parser.add_argument("--scope", action="append")
    for name in ("tenant-id", "client-id", "client-secret", "claims"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--use-device-code", action="store_true")
    options = parser.parse_args(words)
    if options.claims and _version() < (1, 18, 1):
        raise AzdError("unknown flag: --claims")
    return {"login": _login, "logout": _logout, "token": _print_token}[options.command](options)


def _application(tenant: str) -> Any:
    import msal  # noqa: PLC0415 - a tenth of a second, which `azd version` does not need
    import msal_extensions  # noqa: PLC0415

    _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    cache = msal_extensions.PersistedTokenCache(msal_extensions.FilePersistence(str(_folder() / "cache.json")))
    return msal.PublicClientApplication(CLIENT_ID, authority=f"{_AUTHORITY}/{tenant}", token_cache=cache)


def _login(options: argparse.Namespace) -> int:
    user: dict[str, str] = {"tenant": options.tenant_id or ""}
    if options.client_id:
        if not options.tenant_id or not options.client_secret:
            raise AzdError("must set both `tenant-id` and `client-secret` with `client-id`")
        user |= {"client": options.client_id, "secret": options.client_secret}
        _service_principal_token(user, [_ARM])
    else:
        app = _application(options.tenant_id or "organizations")
        if options.use_device_code:
            flow = app.initiate_device_flow([_ARM])
            print(flow.get("message", ""), flush=True)
            found = app.acquire_token_by_device_flow(flow)
        else:
            found = app.acquire_token_interactive([_ARM], prompt="select_account", timeout=300)
        if "error" in found:
            raise AzdError(f"logging in: {_describe(found)}")
        user |= {"name": found["id_token_claims"]["preferred_username"]}
    _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    (_folder() / "auth.json").touch(mode=0o600)
    (_folder() / "auth.json").write_text(json.dumps(user), encoding="utf-8")
    print(f"Logged in to Azure as {user.get('name') or user['client']}")
    return 0


def _read_user() -> dict[str, str]:
    try:
        return dict(json.loads((_folder() / "auth.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise AzdError(NOT_LOGGED_IN) from None


def _logout(_options: argparse.Namespace) -> int:
    for file in ("auth.json", "cache.json"):
        (_folder() / file).unlink(missing_ok=True)
    return 0


def _print_token(options: argparse.Namespace) -> int:
    user, scopes = _read_user(), options.scope or [_ARM]
    tenant = options.tenant_id or user["tenant"]
    if "client" in user:
        found = _service_principal_token(user | {"tenant": tenant}, scopes)
    else:
        app = _application(tenant or "organizations")
        accounts = app.get_accounts(user["name"])
        if not accounts:
            raise AzdError(NOT_LOGGED_IN)
        found = app.acquire_token_silent_with_error(scopes, accounts[0], claims_challenge=_claims(options)) or {}
        if "error" in found:
            raise AzdError(f"fetching token: failed to authenticate: {_describe(found)}")
        if not found:
            raise AzdError(NOT_LOGGED_IN)
    ends = datetime.fromtimestamp(datetime.now(UTC).timestamp() + int(found["expires_in"]), UTC)
    if options.output == "json":
        print(json.dumps({"token": found["access_token"], "expiresOn": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}))
    else:
        print(found["access_token"])
    return 0


def _claims(options: argparse.Namespace) -> str | None:
    import base64  # noqa: PLC0415

    return base64.b64decode(options.claims).decode() if options.claims else None


def _service_principal_token(user: dict[str, str], scopes: list[str]) -> dict[str, Any]:
    import msal  # noqa: PLC0415

    app = msal.ConfidentialClientApplication(
        user["client"], authority=f"{_AUTHORITY}/{user['tenant']}", client_credential=user["secret"]
    )
    found = dict(app.acquire_token_for_client(scopes))
    if "error" in found:
        raise AzdError(f"failed to authenticate: {_describe(found)}")
    return found


def _describe(found: dict[str, Any]) -> str:
    return f"({found.get('error', 'unknown')}) {' '.join(str(found.get('error_description', '')).split())}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
