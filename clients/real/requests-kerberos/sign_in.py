"""One GET at the autologon host with requests-kerberos; the argument is the name of its mutual authentication."""
# ruff: noqa: INP001  a program, not a package

import os
import sys

import requests
import requests_kerberos

domain = os.environ["SSOSIM_USER"].partition("@")[2]
mutual = getattr(requests_kerberos, sys.argv[1])  # REQUIRED is the library's default
try:
    response = requests.get(
        f"https://autologon.microsoftazuread-sso.com/{domain}/winauth/sso",
        auth=requests_kerberos.HTTPKerberosAuth(mutual_authentication=mutual),
        timeout=120,
    )
    response.raise_for_status()
except Exception as error:  # noqa: BLE001  every exception is a result
    sys.exit(f"{type(error).__module__}.{type(error).__qualname__}: {' '.join(str(error).split())}")
if type(response) is not requests.Response:
    # REQUIRED replaces a 4xx or 5xx without the server's token by a response without a body.
    sys.exit(f"{type(response).__qualname__}: {response.status_code}")
print("signed in as", os.environ["SSOSIM_USER"])
