"""A program without a person: it gets one token with azure-identity, and prints what the token says, or the error.

Usage: ``unattended.py CREDENTIAL [NAME=VALUE ...]``. The settings of the credentials are those of the library;
``resource`` is the API, ``timeout`` the seconds that a command line of a credential may take. With ``log=1`` the
library's log goes to stderr. With ``url=URL`` the token is used for a GET of that URL, through the pipeline that the
clients of the Azure SDK have. With ``expected_text=TEXT`` an error whose text contains TEXT ends the program with exit
code 4; any other error is exit code 1.
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
import jwt
from azure.core import PipelineClient
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, HeadersPolicy, RetryPolicy
from azure.core.rest import HttpRequest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

EXPECTED = 4
"""The exit code for the error that is expected."""

CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # Azure CLI


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
        allowed = [options["allow"]] if "allow" in options else []
        return azure.identity.ClientSecretCredential(
            options["tenant_id"], options["client_id"], options["secret"], additionally_allowed_tenants=allowed
        )
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
            options["tenant_id"], options["client_id"], lambda: make_assertion(options)
        )
    if name == "password":
        user, password = options["user"], options["password"]
        tenant = {"tenant_id": options["tenant_id"]} if "tenant_id" in options else {}
        return azure.identity.UsernamePasswordCredential(CLIENT, user, password, **tenant)
    if name == "chained":
        members = [make_credential(each, options) for each in options["of"].split(",")]
        return azure.identity.ChainedTokenCredential(*members)
    if name == "cli":
        given = {"tenant_id": options["tenant_id"]} if "tenant_id" in options else {}
        return azure.identity.AzureCliCredential(process_timeout=int(options.get("timeout", "10")), **given)
    kinds = {
        "default": azure.identity.DefaultAzureCredential,
        "developer-cli": azure.identity.AzureDeveloperCliCredential,
        "environment": azure.identity.EnvironmentCredential,
        "powershell": azure.identity.AzurePowerShellCredential,
        "workload-identity": azure.identity.WorkloadIdentityCredential,
    }
    if name != "default":
        return kinds[name]()
    excluded = {key: value == "1" for key, value in options.items() if key.startswith("exclude")}
    return kinds[name](process_timeout=int(options.get("timeout", "10")), **excluded)


def make_assertion(options: dict[str, str]) -> str:
    """Return the assertion in ``file``; or one that the certificate in ``path`` signs, for ``issuer`` and ``audience``.

    By default it is for the application and its token endpoint, as the credential's own would be.
    """
    if "file" in options:
        return Path(options["file"]).read_text(encoding="utf-8")
    pem, now = Path(options["path"]).read_bytes(), int(time.time())
    thumbprint = base64.urlsafe_b64encode(x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()))
    issuer = options.get("issuer", options["client_id"])
    endpoint = f"https://login.microsoftonline.com/{options['tenant_id']}/oauth2/v2.0/token"
    claims = {"aud": options.get("audience", endpoint), "iss": issuer, "sub": issuer, "jti": str(now)}
    claims |= {"nbf": now, "exp": now + 600}
    key = serialization.load_pem_private_key(pem, None)
    return jwt.encode(claims, key, "PS256", {"x5t#S256": thumbprint.decode().rstrip("=")})


def use_token(credential: Any, scope: str, url: str) -> None:
    """GET ``url`` with a token of ``credential``; raises HttpResponseError."""
    policies = [HeadersPolicy(), RetryPolicy(retry_total=1), BearerTokenCredentialPolicy(credential, scope)]
    with PipelineClient(url, policies=policies) as client:
        client.send_request(HttpRequest("GET", url)).raise_for_status()


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
        credential = make_credential(name, options)
        if url := options.get("url"):
            use_token(credential, scope, url)
        elsewhere = {"tenant_id": options["other_tenant"]} if "other_tenant" in options else {}
        token = credential.get_token(scope, **elsewhere).token
        part = token.split(".")[1]
        found = {"claims": json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))}
    except Exception as error:  # noqa: BLE001 - every exception of the library is a result
        found = {"error": type(error).__name__, "text": " ".join(str(error).split())}
    print(json.dumps(found | {"seconds": time.monotonic() - began}))
    if "claims" in found:
        return 0
    return EXPECTED if options.get("expected_text", "") in found["text"] and "expected_text" in options else 1


if __name__ == "__main__":
    sys.exit(main())
