"""A program under test: it gets one token with azure-identity and prints what the token says, or the error.

Usage: ``program.py CREDENTIAL [NAME=VALUE ...]``.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
import time
from typing import Any

import azure.identity

SCOPE = "https://management.azure.com/.default"


def make_credential(name: str, options: dict[str, str]) -> Any:
    """Return the credential called ``name``."""
    if name == "managed-identity":
        names = ("object_id", "resource_id")
        config: dict[str, str] = {key: options.pop(key) for key in names if key in options}
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
    if name == "chained":
        environment = azure.identity.EnvironmentCredential()
        return azure.identity.ChainedTokenCredential(environment, azure.identity.ManagedIdentityCredential())
    kinds = {"default": "DefaultAzureCredential", "workload-identity": "WorkloadIdentityCredential"}
    return getattr(azure.identity, kinds[name])(**options)


def main() -> int:
    """Get a token; the result is one line of JSON."""
    logging.getLogger("azure").addHandler(logging.NullHandler())
    name, *words = sys.argv[1:]
    began = time.monotonic()
    found: dict[str, Any]
    try:
        token = make_credential(name, dict(word.split("=", 1) for word in words)).get_token(SCOPE).token
        part = token.split(".")[1]
        found = {"claims": json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))}
    except Exception as error:  # noqa: BLE001 - every exception of the library is a result
        found = {"error": type(error).__name__, "text": " ".join(str(error).split())}
    print(json.dumps(found | {"seconds": time.monotonic() - began}))
    return 0 if "claims" in found else 1


if __name__ == "__main__":
    sys.exit(main())
