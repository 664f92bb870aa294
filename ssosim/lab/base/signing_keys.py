"""Token signing keys in the cache folder, shared by all labs.

Generating RSA keys is slow, and a real identity provider keeps its keys across restarts as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path

from ssosim.entra import Keys, KeysError
from ssosim.entra.core.keys import GeneratedKey, list_generated_keys
from ssosim.estate import Estate
from ssosim.files.opening import open_folder
from ssosim.files.owned_folder import check_mark, claim_folder, make_mark, open_or_create_folder, remove_marked
from ssosim.lab.base.folder import convert_folder_errors

__all__ = ["load_signing_keys"]

# Part of the folder's name. Increase it when the format of the stored keys changes.
_LAYOUT = 3


def load_signing_keys(estate: Estate, cache: Path) -> Keys:
    """Load the keys of ``estate``'s token issuers from ``cache``; generate them if they are missing or damaged.

    Raises LabInputError when ``cache`` belongs to another user, or a foreign file has the name of the key folder.
    """
    names = [service.name for service in estate.federation_services]
    generated = list_generated_keys(estate)
    needed = repr((_LAYOUT, sorted(names), sorted(each.name for each in generated)))
    name = f"keys-{hashlib.sha256(needed.encode()).hexdigest()[:16]}"
    with convert_folder_errors(cache, "use another cache folder"), open_or_create_folder(cache) as folder:
        with contextlib.suppress(FileNotFoundError, KeysError):
            return _load(folder, cache, name, generated)
        with contextlib.suppress(FileNotFoundError):
            remove_marked(folder, name, make_mark("keys", name), cache / name)
        keys = Keys.generate(names, generated)
        draft = f"{name}.making-{secrets.token_hex(4)}"
        with claim_folder(folder, draft, make_mark("keys", name), cache / draft):
            keys.save(cache / draft)
        try:
            os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:  # another lab was faster: its keys are as good, and everyone must use the same
            remove_marked(folder, draft, make_mark("keys", name), cache / draft)
            return _load(folder, cache, name, generated)
        return keys


def _load(folder: int, cache: Path, name: str, generated: tuple[GeneratedKey, ...]) -> Keys:
    with open_folder(name, folder, cache / name) as kept:
        check_mark(kept, make_mark("keys", name), cache / name)
        return Keys.load(cache / name, generated)
