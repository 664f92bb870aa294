"""Sign in with azure-identity and its persistent cache: persistent_cache.py encrypted|any.

The first process signs in with the browser and keeps an authentication record; the next one needs no person.
"""
# ruff: noqa: INP001  a program, not a package

import sys
from pathlib import Path

import azure.identity
import requests

_SCOPE = "https://management.core.windows.net//.default"
_URL = "https://management.azure.com/subscriptions?api-version=2022-12-01"


def main():
    """Get a token, and use it."""
    file = Path.home() / "record.json"
    record = azure.identity.AuthenticationRecord.deserialize(file.read_text()) if file.exists() else None
    options = azure.identity.TokenCachePersistenceOptions(allow_unencrypted_storage=sys.argv[1] == "any")
    try:
        credential = azure.identity.InteractiveBrowserCredential(
            cache_persistence_options=options,
            authentication_record=record,
            disable_automatic_authentication=record is not None,
            timeout=30,
        )
        if record is None:
            file.write_text(credential.authenticate(scopes=[_SCOPE]).serialize())
        token = credential.get_token(_SCOPE).token
    except Exception as error:  # noqa: BLE001 - every exception of the library is a result
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    reply = requests.get(_URL, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    print("silent" if record else "interactive", reply.status_code)
    return 0 if reply.ok else 1


if __name__ == "__main__":
    sys.exit(main())
