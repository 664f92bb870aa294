"""One sign-in with azure-identity, by its public API and its own defaults.

Usage: ``sign_in.py username-password | default | interactive | device-code``

``SCOPE`` is that of a national cloud; the library itself reads ``AZURE_AUTHORITY_HOST``.
"""
# ruff: noqa: INP001  a program, not a package

import logging
import os
import sys
import warnings

import azure.identity

CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # Azure CLI, also the default of the library
SCOPE = os.environ.get("SCOPE", "https://graph.microsoft.com/.default")
USER_TIMEOUT_S = int(os.environ.get("USER_TIMEOUT_S", "30"))  # time limit for a user who does not respond


def credential(flow):
    """The credential for ``flow``."""
    user = os.environ["SSOSIM_USER"]
    if flow == "username-password":
        return azure.identity.UsernamePasswordCredential(CLIENT, user, os.environ["SSOSIM_PASSWORD"])
    if flow == "default":
        os.environ["AZURE_CLIENT_ID"] = CLIENT
        os.environ["AZURE_USERNAME"], os.environ["AZURE_PASSWORD"] = user, os.environ["SSOSIM_PASSWORD"]
        return azure.identity.DefaultAzureCredential()
    if flow == "interactive":
        return azure.identity.InteractiveBrowserCredential(timeout=USER_TIMEOUT_S)
    if flow == "device-code":
        return azure.identity.DeviceCodeCredential(timeout=USER_TIMEOUT_S)
    raise SystemExit(__doc__)


warnings.simplefilter("ignore", DeprecationWarning)  # passwords are deprecated: see README.md
logging.getLogger("azure").addHandler(logging.NullHandler())  # its warnings repeat the text of the exception
try:
    with credential(sys.argv[1] if len(sys.argv) > 1 else "") as chosen:
        chosen.get_token(SCOPE)
except Exception as error:  # noqa: BLE001  every exception of the library is a result
    sys.exit(f"{type(error).__module__}.{type(error).__qualname__}: {' '.join(str(error).split())}")
print("signed in as", os.environ["SSOSIM_USER"])
