"""The lab's own /etc: name resolution, Kerberos and trust of a corporate device, for every program unchanged.

An overlay over the machine's /etc, so that files that do not exist there (a machine without /etc/krb5.conf) can be
added and whatever a program writes stays in the lab. Where overlays are refused, single files are bound over those
that exist, and the environment of ``exec`` names the rest.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from ssosim.lab.base import linux

__all__ = ["overlay_etc"]


def overlay_etc(files: Mapping[str, str | bytes], folder: Path) -> Path | None:
    """Let ``/etc/NAME`` hold the content of each item of ``files``, in this mount namespace only.

    ``folder`` comes to hold them, and does not exist before. Returns it when they lie over the machine's own as one
    layer; None where overlays are refused, and what is not there already could not be provided.
    """
    layer, scratch = folder / "files", folder / "scratch"
    layer.mkdir(parents=True)
    for name, content in files.items():
        target = layer / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        _copy_folder_modes(layer, target)
    _hide("/run/nscd")  # a caching daemon of the machine would answer in the place of the lab's DNS
    try:
        linux.overlay("/etc", [layer, "/etc"], scratch)
    except OSError:
        for name in files:
            _bind(layer / name, Path("/etc") / name)
        return None
    return layer


def _copy_folder_modes(layer: Path, target: Path) -> None:
    for folder in target.relative_to(layer).parents:
        real = Path("/etc") / folder
        if real.is_dir():
            shutil.copymode(real, layer / folder)


def _bind(source: Path, target: Path) -> None:
    with contextlib.suppress(OSError):
        linux.mount(str(source), target.resolve(strict=True), flags=linux.MS_BIND)


def _hide(folder: str) -> None:
    if Path(folder).is_dir():
        with contextlib.suppress(OSError):
            linux.mount("tmpfs", folder, "tmpfs", options="mode=755,size=4k")
