"""A program without a person: it gets one token with azure-identity, and prints what the token says, or the error.

Usage: ``unattended.py CREDENTIAL [NAME=VALUE ...]``. The settings of the credentials are those of the library;
``resource`` is the API. With ``log=1`` the library's log goes to stderr.
"""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import base64
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import azure.identity


def make_credential(name: str, options: dict[str, str]) -> Any:  # noqa: PLR0911 - one for each credential
    """Return the credential called ``name``."""
    if name == "managed-identity":
        config = {key: options[key] for key in ("object_id", "resource_id") if key in options}
        return azure.identity.ManagedIdentityCredential(
            client_id=options.get("client_id"), identity_config=config or None
        )
    if name == "pipelines":
        return azure.identity.AzurePipelinesCredential(
            tenant_id=options.get("tenant_id", os.environ["AZURESUBSCRIPTION_TENANT_ID"]),
            client_id=options.get("client_id", os.environ["AZURESUBSCRIPTION_CLIENT_ID"]),
            service_connection_id=options.get("connection", os.environ["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"]),
            system_access_token=options.get("token", os.environ["SYSTEM_ACCESSTOKEN"]),
        )
    if name == "secret":
        return azure.identity.ClientSecretCredential(options["tenant_id"], options["client_id"], options["secret"])
    if name == "certificate":
        return azure.identity.CertificateCredential(
            options["tenant_id"],
            options["client_id"],
            options["path"],
            password=options.get("password"),
            send_certificate_chain=options.get("send_chain") == "1",
        )
    if name == "assertion":
        return azure.identity.ClientAssertionCredential(
            options["tenant_id"], options["client_id"], lambda: Path(options["file"]).read_text(encoding="utf-8")
        )
    if name == "chained":
        members = [make_credential(each, options) for each in options["of"].split(",")]
        return azure.identity.ChainedTokenCredential(*members)
    kinds = {
        "cli": azure.identity.AzureCliCredential,
        "default": azure.identity.DefaultAzureCredential,
        "developer-cli": azure.identity.AzureDeveloperCliCredential,
        "environment": azure.identity.EnvironmentCredential,
        "powershell": azure.identity.AzurePowerShellCredential,
        "workload-identity": azure.identity.WorkloadIdentityCredential,
    }
    given = {} if name != "default" else {key: value == "1" for key, value in options.items() if key.startswith("ex")}
    return kinds[name](**given)


def main() -> int:
    """Get a token; the result is one line of JSON."""
    name, *words = sys.argv[1:]
    options = dict(word.split("=", 1) for word in words)
    if "log" in options:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    logging.getLogger("azure").addHandler(logging.NullHandler())
    began = time.monotonic()
    found: dict[str, Any]
    try:
        scope = f"{options.get('resource', 'https://management.azure.com')}/.default"
        token = make_credential(name, options).get_token(scope).token
        part = token.split(".")[1]
        found = {"claims": json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))}
    except Exception as error:  # noqa: BLE001 - every exception of the library is a result
        found = {"error": type(error).__name__, "text": " ".join(str(error).split())}
    print(json.dumps(found | {"seconds": time.monotonic() - began}))
    return 0 if "claims" in found else 1


if __name__ == "__main__":
    sys.exit(main())
