"""Become a user without any privilege, whoever runs the suite."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ssosim.lab.base import linux

NOBODY = 65534
NEEDED = (sys.base_prefix, sys.prefix, str(Path(__file__).parents[1]))


def _closed(path: str) -> str | None:
    """The outermost folder on the way to ``path`` that others may not pass."""
    for parent in [*reversed(Path(path).parents), Path(path)]:
        if not parent.stat().st_mode & 0o001:
            return str(parent)
    return None


def _open_the_way() -> None:
    """In a mount namespace of our own, lay Python and the checkout where an ordinary user can reach them."""
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    closed = {folder: [p for p in NEEDED if p.startswith(folder + "/")] for p in NEEDED if (folder := _closed(p))}
    for folder, paths in closed.items():
        handles = {path: os.open(path, os.O_PATH) for path in paths}
        linux.mount("tmpfs", folder, "tmpfs", options="mode=755,size=1m")
        for path, handle in handles.items():
            Path(path).mkdir(parents=True, exist_ok=True)
            linux.mount(f"/proc/self/fd/{handle}", path, flags=linux.MS_BIND | linux.MS_REC)
            os.close(handle)


def become_nobody(hidden: Sequence[str] = ()) -> None:
    """Go on as an ordinary user in a mount namespace of our own, in which the folders ``hidden`` are empty."""
    if os.geteuid() == 0:
        _open_the_way()
    elif hidden:
        user, group = os.getuid(), os.getgid()
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path("/proc/self", name).write_text(line)
    for folder in dict.fromkeys(str(Path(each).resolve()) for each in hidden if Path(each).is_dir()):
        linux.mount("tmpfs", folder, "tmpfs", options="mode=755,size=1m")
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
