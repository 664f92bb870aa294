"""The folders in which real clients are described and installed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import ssosim
from ssosim.real_clients.manifest import FILE_NAME, RealClient

__all__ = ["find_client_home", "find_homes_folder", "find_shipped_root", "list_shipped_folders"]


def find_shipped_root() -> Path | None:
    """Return the folder ``clients/real`` of the checkout that this package runs from; None without a checkout."""
    root = Path(ssosim.__file__).resolve().parents[1] / "clients" / "real"
    return root if root.is_dir() and any(root.glob(f"*/{FILE_NAME}")) else None


def list_shipped_folders() -> tuple[Path, ...]:
    """Return the folders of the shipped real clients, sorted by name."""
    root = find_shipped_root()
    return () if root is None else tuple(sorted(file.parent for file in root.glob(f"*/{FILE_NAME}")))


def find_homes_folder() -> Path:
    """Return the folder for installed clients.

    It is ``$SSOSIM_CLIENTS_HOME``, else a folder in the checkout, else one in the user's data folder.
    """
    if given := os.environ.get("SSOSIM_CLIENTS_HOME"):
        return Path(given).absolute()
    root = find_shipped_root()
    if root is not None:
        return root.parents[1] / ".clients"
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local/share") / "ssosim/clients"


def find_client_home(client: RealClient) -> Path:
    """Return the folder where ``client`` is installed; its own folder if nothing is installed."""
    if not client.needs_installation:
        return client.folder
    if client.folder in list_shipped_folders():
        return find_homes_folder() / client.name
    # A user's client may have the name of a shipped one, so its folder is part of the name.
    suffix = hashlib.sha256(os.fsencode(client.folder)).hexdigest()[:8]
    return find_homes_folder() / f"{client.name}-{suffix}"
