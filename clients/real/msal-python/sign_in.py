"""One sign-in with MSAL for Python, by its public API and its own defaults.

Usage: ``sign_in.py username-password | interactive | device-code``

``AZURE_AUTHORITY_HOST`` and ``SCOPE`` are those of a national cloud.
"""
# ruff: noqa: INP001  a program, not a package

import os
import sys

import msal

CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # Azure CLI: a public client that every tenant has
AUTHORITY = os.environ.get("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com").rstrip("/") + "/organizations"
SCOPES = [os.environ.get("SCOPE", "https://graph.microsoft.com/.default")]
USER_TIMEOUT_S = int(os.environ.get("USER_TIMEOUT_S", "30"))  # time limit for a user who does not respond


def sign_in(flow):
    """The result of the library: a dict with a token or an error."""
    app = msal.PublicClientApplication(CLIENT, authority=AUTHORITY)
    user = os.environ["SSOSIM_USER"]
    if flow == "username-password":
        return app.acquire_token_by_username_password(user, os.environ["SSOSIM_PASSWORD"], SCOPES)
    if flow == "interactive":
        return app.acquire_token_interactive(SCOPES, timeout=USER_TIMEOUT_S)
    if flow == "device-code":
        started = app.initiate_device_flow(SCOPES)
        if "user_code" not in started:
            return started
        print(started["message"], flush=True)
        begin = started["expires_at"] - started["expires_in"]
        started["expires_at"] = min(started["expires_at"], begin + USER_TIMEOUT_S)
        return app.acquire_token_by_device_flow(started)
    raise SystemExit(__doc__)


try:
    result = sign_in(sys.argv[1] if len(sys.argv) > 1 else "")
except Exception as error:  # noqa: BLE001  every exception of the library is a result
    sys.exit(f"{type(error).__module__}.{type(error).__qualname__}: {' '.join(str(error).split())}")
if "access_token" not in result:
    sys.exit(f"{result.get('error')}: {' '.join(str(result.get('error_description')).split())}")
print("signed in as", result["id_token_claims"]["preferred_username"])
