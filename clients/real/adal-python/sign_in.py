"""One sign-in with ADAL for Python, by its public API and its own defaults."""
# ruff: noqa: INP001  a program, not a package

import os
import sys

import adal

CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # Azure CLI: a public client that every tenant has
AUTHORITY = "https://login.microsoftonline.com/common"
RESOURCE = "https://graph.microsoft.com"

try:
    context = adal.AuthenticationContext(AUTHORITY)
    result = context.acquire_token_with_username_password(
        RESOURCE, os.environ["SSOSIM_USER"], os.environ["SSOSIM_PASSWORD"], CLIENT
    )
except Exception as error:  # noqa: BLE001  every exception of the library is a result
    sys.exit(f"{type(error).__module__}.{type(error).__qualname__}: {' '.join(str(error).split())}")
print("signed in as", result["userId"])
