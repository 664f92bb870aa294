"""Token signing keys that outlive a lab: making RSA keys is slow, and a real provider keeps its keys as well."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from ssosim.entra import Keys, KeysError
from ssosim.estate import Estate

__all__ = ["kept_keys"]


def kept_keys(estate: Estate, cache: Path) -> Keys:
    """The keys of ``estate``'s issuers from ``cache``, made there first if they are missing or damaged."""
    names = [service.name for service in estate.federation_services]
    folder = cache / f"keys-{hashlib.sha256(repr(sorted(names)).encode()).hexdigest()[:16]}"
    if folder.is_dir():
        try:
            return Keys.load(folder)
        except KeysError:
            shutil.rmtree(folder, ignore_errors=True)
    keys = Keys.generate(names)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="keys-", suffix=".making", dir=cache))
    keys.save(draft)
    try:
        draft.rename(folder)
    except OSError:  # another lab was faster: its keys are as good, and everyone must use the same
        shutil.rmtree(draft, ignore_errors=True)
        return Keys.load(folder)
    return keys
