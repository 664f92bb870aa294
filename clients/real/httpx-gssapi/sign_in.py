"""One GET at the autologon host with httpx-gssapi; the argument is the name of its mutual authentication."""
# ruff: noqa: INP001  a program, not a package

import os
import sys

import httpx
import httpx_gssapi

domain = os.environ["SSOSIM_USER"].partition("@")[2]
mutual = getattr(httpx_gssapi, sys.argv[1])  # DISABLED is the library's default
try:
    with httpx.Client(auth=httpx_gssapi.HTTPSPNEGOAuth(mutual_authentication=mutual), timeout=120) as client:
        response = client.get(f"https://autologon.microsoftazuread-sso.com/{domain}/winauth/sso")
        response.raise_for_status()
except Exception as error:  # noqa: BLE001  every exception is a result
    sys.exit(f"{type(error).__module__}.{type(error).__qualname__}: {' '.join(str(error).split())}")
print("signed in as", os.environ["SSOSIM_USER"])
