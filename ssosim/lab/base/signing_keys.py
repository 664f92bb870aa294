"""Token signing keys that outlive a lab: making RSA keys is slow, and a real provider keeps its keys as well."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path

from ssosim.entra import Keys, KeysError
from ssosim.estate import Estate
from ssosim.files.opening import open_folder
from ssosim.files.owned_folder import check_mark, claim_folder, make_mark, open_or_create_folder, remove_marked
from ssosim.lab.base.folder import explained

__all__ = ["kept_keys"]

# Part of the folder's name: raise it when what is kept in it changes.
_LAYOUT = 2


def kept_keys(estate: Estate, cache: Path) -> Keys:
    """The keys of ``estate``'s issuers from ``cache``, made there first if they are missing or damaged.

    Raises LabInputError when ``cache`` is not the user's own folder, or something else is in the place of the keys.
    """
    names = [service.name for service in estate.federation_services]
    name = f"keys-{hashlib.sha256(repr((_LAYOUT, sorted(names))).encode()).hexdigest()[:16]}"
    with explained(cache, "use another cache folder"), open_or_create_folder(cache) as folder:
        with contextlib.suppress(FileNotFoundError, KeysError):
            return _load(folder, cache, name)
        with contextlib.suppress(FileNotFoundError):
            remove_marked(folder, name, make_mark("keys", name), cache / name)
        keys = Keys.generate(names)
        draft = f"{name}.making-{secrets.token_hex(4)}"
        with claim_folder(folder, draft, make_mark("keys", name), cache / draft):
            keys.save(cache / draft)
        try:
            os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:  # another lab was faster: its keys are as good, and everyone must use the same
            remove_marked(folder, draft, make_mark("keys", name), cache / draft)
            return _load(folder, cache, name)
        return keys


def _load(folder: int, cache: Path, name: str) -> Keys:
    with open_folder(name, folder, cache / name) as kept:
        check_mark(kept, make_mark("keys", name), cache / name)
        return Keys.load(cache / name)
