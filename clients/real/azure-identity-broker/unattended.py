"""It gets one token by the account of Visual Studio Code or of the broker; it prints what the token says, or the error.

Usage: ``unattended.py visual-studio-code | broker | chained | default [NAME=VALUE ...]``

The settings are arguments of the credential, such as ``tenant_id=adfs``. ``chained`` and ``default`` have the account
of Visual Studio Code, and after it the Azure CLI.
"""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import base64
import json
import logging
import sys
import time
from typing import Any

import azure.identity

SCOPE = "https://management.azure.com/.default"
OTHERS = ("environment", "workload_identity", "managed_identity", "shared_token_cache", "powershell", "developer_cli")


def make_credential(name: str, options: dict[str, str]) -> Any:
    """Return the credential called ``name``."""
    if name == "broker":
        from azure.identity.broker import InteractiveBrowserBrokerCredential  # noqa: PLC0415 - where it is installed

        return InteractiveBrowserBrokerCredential(parent_window_handle=None, timeout=20, **options)
    if name == "default":
        excluded = {f"exclude_{each}_credential": True for each in OTHERS}
        renamed = {f"visual_studio_code_{key}": value for key, value in options.items()}
        return azure.identity.DefaultAzureCredential(**excluded, **renamed)
    credential = azure.identity.VisualStudioCodeCredential(**options)
    if name == "chained":
        return azure.identity.ChainedTokenCredential(credential, azure.identity.AzureCliCredential())
    return credential


def main() -> int:
    """Get a token; the result is one line of JSON."""
    name, *words = sys.argv[1:]
    options = dict(word.split("=", 1) for word in words)
    logging.getLogger("azure").addHandler(logging.NullHandler())
    began = time.monotonic()
    found: dict[str, Any]
    try:
        part = make_credential(name, options).get_token(SCOPE).token.split(".")[1]
        found = {"claims": json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))}
    except Exception as error:  # noqa: BLE001 - every exception of the library is a result
        found = {"error": type(error).__name__, "text": " ".join(str(error).split())}
    print(json.dumps(found | {"seconds": time.monotonic() - began}))
    return 0 if "claims" in found else 1


if __name__ == "__main__":
    sys.exit(main())
