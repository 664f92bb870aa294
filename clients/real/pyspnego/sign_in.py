"""One GET at the autologon host with a token from pyspnego after the 401, as smbprotocol and pypsrp use it."""
# ruff: noqa: INP001  a program, not a package

import base64
import http.client
import os
import ssl
import sys

import spnego

host = "autologon.microsoftazuread-sso.com"
path = f"/{os.environ['SSOSIM_USER'].partition('@')[2]}/winauth/sso"


def get(**headers):
    """The status of a GET, and what it offers to authenticate with."""
    connection = http.client.HTTPSConnection(host, context=ssl.create_default_context())
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    connection.close()
    return response.status, response.headers.get("WWW-Authenticate", "")


try:
    status, offered = get()
    if status == 401 and offered.partition(" ")[0].lower() == "negotiate":
        token = spnego.client(hostname=host, service="HTTP", protocol="negotiate").step()
        status, _ = get(Authorization=f"Negotiate {base64.b64encode(token).decode()}")
except Exception as error:  # noqa: BLE001  every exception is a result
    sys.exit(f"{type(error).__module__}.{type(error).__qualname__}: {' '.join(str(error).split())}")
if status != 200:
    sys.exit(f"{host} answered {status}")
print("signed in as", os.environ["SSOSIM_USER"])
