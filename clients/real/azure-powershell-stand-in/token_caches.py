"""The token caches of Azure PowerShell: that of MSAL, which processes share, and what the ADAL versions had instead."""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msal
import msal_extensions

UNSAVED = "The profile folder cannot be written. Contexts and tokens are for this session only."
UNENCRYPTED = "Token cache persistence is not encrypted: there is no keyring. Tokens are stored as plain text."


def profile_folder() -> Path:
    """Return the folder of contexts and secrets, ``~/.Azure``."""
    return Path.home() / ".Azure"


def msal_cache_file() -> Path:
    """Return the file of the token cache since Az.Accounts 2.1.0."""
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / ".IdentityService" / "msal.cache"


def adal_cache_file() -> Path:
    """Return the file of the token cache before Az.Accounts 2.1.0."""
    return profile_folder() / "TokenCache.dat"


def open_msal_cache(warn: Callable[[str], None]) -> msal.SerializableTokenCache:
    """Open the shared cache: in the keyring, else in a file, else in memory, with a warning."""
    file = msal_cache_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        warn(UNSAVED)
        return msal.SerializableTokenCache()
    try:
        persistence = msal_extensions.LibsecretPersistence(
            str(file), "msal.cache", {"MsalClientID": "Microsoft.Developer.IdentityService"}, label="MSALCache"
        )
    except Exception:  # noqa: BLE001 - no library, no D-Bus, no keyring: the library has no type for all of these
        warn(UNENCRYPTED)
        persistence = msal_extensions.FilePersistence(str(file))
    return msal_extensions.PersistedTokenCache(persistence)


class OpenCacheFile(msal.SerializableTokenCache):
    """The cache of the ADAL versions: one file, opened exclusively.

    A process that finds the file in use either waits (``waits``), or goes on with an empty cache in memory, as versions
    before 1.9.1 did (Azure/azure-powershell issue 9448).
    """

    def __init__(self, file: Path, *, waits: bool) -> None:
        super().__init__()
        self._file: Any = None
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        handle = file.open("r+", encoding="utf-8")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return
        self._file = handle
        handle.seek(0)
        if text := handle.read():
            self.deserialize(text)

    def modify(self, *words: Any, **options: Any) -> None:
        """Change an entry, and write the file if this process has it."""
        super().modify(*words, **options)
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(self.serialize())
            self._file.flush()


def read_access_tokens(file: Path) -> list[str]:
    """Return the access tokens in a cache file by its private form, as scripts did that read it. Raises OSError."""
    found = json.loads(file.read_text(encoding="utf-8"))
    return [entry["secret"] for entry in found["AccessToken"].values()]
