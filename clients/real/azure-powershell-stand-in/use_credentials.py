"""Get one token with AzurePowerShellCredential, AzureDeveloperCliCredential or a chain of azure-identity.

Usage: use_credentials.py powershell|developer-cli|default [tenant=T] [request_tenant=T] [allow=T] [scope=S] [timeout=S]
The result is one line of JSON: the claims, whether Azure Resource Manager took the token, or the error.
"""
# ruff: noqa: INP001  a program, not a package

import base64
import json
import sys

import azure.identity
import requests

_GROUPS = (
    "https://management.azure.com/subscriptions/00000000-0000-4000-8000-000000000001/resourcegroups"
    "?api-version=2022-09-01"
)


def make_credential(name, given):
    """Return the credential."""
    options = {"process_timeout": int(given.get("timeout", 40))}
    if "tenant" in given:
        options["tenant_id"] = given["tenant"]
    if "allow" in given:
        options["additionally_allowed_tenants"] = [given["allow"]]
    kinds = {
        "powershell": azure.identity.AzurePowerShellCredential,
        "developer-cli": azure.identity.AzureDeveloperCliCredential,
        "default": azure.identity.DefaultAzureCredential,
    }
    return kinds[name](**options)


def main():
    """Get the token, and use it if it is for Azure Resource Manager."""
    name, *words = sys.argv[1:]
    given = dict(word.split("=", 1) for word in words)
    scope = given.get("scope", "https://management.core.windows.net//.default")
    more = {"tenant_id": given["request_tenant"]} if "request_tenant" in given else {}
    try:
        token = make_credential(name, given).get_token(scope, **more).token
        found = {"claims": read_claims(token)}
        if "management" in scope:
            reply = requests.get(_GROUPS, headers={"Authorization": f"Bearer {token}"}, timeout=30)
            found["status"] = reply.status_code
    except Exception as error:  # noqa: BLE001 - every exception of the library is a result
        found = {"error": type(error).__name__, "text": " ".join(str(error).split())}
    print(json.dumps(found))
    return 0 if found.get("status", 200) == 200 and "claims" in found else 1


def read_claims(token):
    """Return the claims of a token; None for a text that is no token."""
    parts = token.split(".")
    try:
        return json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None


if __name__ == "__main__":
    sys.exit(main())
