"""The lab's own /etc, and that of each device: name resolution, Kerberos and trust of a corporate machine.

An overlay over the machine's /etc, so that files that do not exist there (a machine without /etc/krb5.conf) can be
added and whatever a program writes stays in the lab. Each device has an overlay of its own: what a program writes on it
is there for the next program on it while the lab lives, and for no other device. Where overlays are refused, single
files are bound over those that exist, copies of each device's own, and the environment of ``exec`` names the rest.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssosim.lab.base import linux

__all__ = ["EtcOfDevices", "host_name", "overlay_etc", "release"]

_LONGEST = 63  # letters of a host name: RFC 1123, section 2.1


def overlay_etc(files: Mapping[str, str | bytes], folder: Path) -> EtcOfDevices:
    """Let ``/etc/NAME`` hold the content of each item of ``files``, in this mount namespace only.

    ``folder`` comes to hold them, and does not exist before. Returns what gives each device its own.
    """
    layer, scratch = folder / "files", folder / "scratch"
    layer.mkdir(parents=True)
    for name, content in files.items():
        target = layer / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        _copy_folder_modes(layer, target)
    _hide("/run/nscd")  # a caching daemon of the machine would answer in the place of the lab's DNS
    machine = os.open("/etc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        linux.overlay("/etc", [layer, "/etc"], scratch)
    except OSError:
        os.close(machine)
        for name in files:
            _bind(layer / name, Path("/etc") / name)
        return EtcOfDevices(folder, None)
    return EtcOfDevices(folder, machine)


def host_name(device: str) -> str:
    """The name of ``device`` as a host name: letters, digits and dashes of ASCII (RFC 1123, section 2.1)."""
    return re.sub("[^A-Za-z0-9]+", "-", device)[:_LONGEST].strip("-") or "device"


def release(folder: Path) -> None:
    """Unmount what the devices of ``folder`` have there: also for who tidies up after a lab that was killed."""
    for home in folder.glob("device-*"):
        for mounted in (home / "etc", home):
            with contextlib.suppress(OSError):
                linux.detach(mounted)


class EtcOfDevices:
    """Makes the ``/etc`` of each device when its first program comes, and keeps it while this mount namespace lives.

    ``folder`` is that of ``overlay_etc``; ``machine`` a descriptor of the machine's own ``/etc``, None where overlays
    are refused.
    """

    def __init__(self, folder: Path, machine: int | None) -> None:
        self._folder = folder
        self._machine = machine
        self._made: dict[str, dict[str, Any]] = {}

    def of(self, device: str, domain: str) -> dict[str, Any]:
        """What ``lay_files`` needs for ``device`` in DNS domain ``domain``; raises OSError.

        ``etc`` is the folder to be bound over ``/etc``, ``etc_layers`` are the layers below one more of the user's;
        without overlays ``etc_files`` is a folder whose files are to be bound one by one.
        """
        if device not in self._made:
            self._made[device] = self._make(self._folder / f"device-{len(self._made)}", host_name(device), domain)
        return self._made[device]

    def close(self) -> None:
        """Let go of what was made: its files are in memory, and nobody is to remove them one by one."""
        release(self._folder)
        self._made.clear()
        if self._machine is not None:
            os.close(self._machine)
            self._machine = None

    def _make(self, home: Path, name: str, domain: str) -> dict[str, Any]:
        # 127.0.1.1 for a machine's own name is Debian's (Debian Reference, section 5.1.1).
        hosts = f"127.0.0.1 localhost\n127.0.1.1 {name}.{domain} {name}\n::1 localhost\n"
        layer = self._folder / "files"
        found = {"host_name": name, "etc": "", "etc_layers": [], "etc_files": ""}
        if self._machine is None:
            shutil.copytree(layer, home)
            own = home
        else:
            linux.memory(home)
            own = home / "files"
            own.mkdir()
        (own / "hosts").write_text(hosts, encoding="ascii")
        (own / "hostname").write_text(f"{name}\n", encoding="ascii")
        if self._machine is None:
            return found | {"etc_files": str(home)}
        merged = home / "etc"
        merged.mkdir()
        linux.overlay_in(merged, [own, layer, f"/proc/self/fd/{self._machine}"], home)
        return found | {"etc": str(merged), "etc_layers": [str(home / "upper"), str(own), str(layer)]}


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
