"""Where real clients are described, and where they are installed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import ssosim
from ssosim.real_clients.manifest import FILE_NAME, RealClient

__all__ = ["home_of", "homes", "shipped_folders", "shipped_root"]


def shipped_root() -> Path | None:
    """The folder ``clients/real`` of the checkout that this package runs from; None where there is no checkout."""
    root = Path(ssosim.__file__).resolve().parents[1] / "clients" / "real"
    return root if root.is_dir() and any(root.glob(f"*/{FILE_NAME}")) else None


def shipped_folders() -> tuple[Path, ...]:
    """The folders of the real clients that are shipped, by name."""
    root = shipped_root()
    return () if root is None else tuple(sorted(file.parent for file in root.glob(f"*/{FILE_NAME}")))


def homes() -> Path:
    """Where clients are installed: ``$SSOSIM_CLIENTS_HOME``, else in the checkout, else where user's data goes."""
    if given := os.environ.get("SSOSIM_CLIENTS_HOME"):
        return Path(given).absolute()
    root = shipped_root()
    if root is not None:
        return root.parents[1] / ".clients"
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local/share") / "ssosim/clients"


def home_of(original: RealClient) -> Path:
    """The home of ``original``: its own folder if it has no steps of installation, else one of its own."""
    if not original.manifest.install:
        return original.folder
    if original.folder in shipped_folders():
        return homes() / original.name
    # A client of the user's may have the name of one that is shipped.
    place = hashlib.sha256(os.fsencode(original.folder)).hexdigest()[:8]
    return homes() / f"{original.name}-{place}"
