"""Linux system calls that Python 3.11 does not wrap: namespaces, mounts, and the parent-death signal.

Sources: unshare(2), setns(2), mount(2), prctl(2), namespaces(7), user_namespaces(7).
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import resource
import select
import signal
from collections.abc import Sequence
from pathlib import Path

__all__ = [
    "CLONE_NEWIPC",
    "CLONE_NEWNET",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWUSER",
    "CLONE_NEWUTS",
    "MS_BIND",
    "MS_PRIVATE",
    "MS_REC",
    "SystemCallRefusedError",
    "detach_mount",
    "fork_dependent",
    "map_identity",
    "memory",
    "mount",
    "mount_overlay",
    "obey_file_modes",
    "overlay_in",
    "raise_file_limit",
    "set_death_signal",
    "setns",
    "unshare",
]

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)
_held: list[int] = []  # the ends of the pipes of ``fork_dependent``


class SystemCallRefusedError(PermissionError):
    """The kernel, or a sandbox, refused one of these calls; the text names the call and its object."""


def unshare(flags: int) -> None:
    """Move this process into new namespaces; raises OSError. CLONE_NEWUSER needs a process with a single thread."""
    _check_result(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Join the namespace behind ``descriptor`` (an open ``/proc/PID/ns/*``); raises OSError."""
    _check_result(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def mount(source: str, target: str | Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount ``source`` at ``target``; raises OSError with ``target`` in its text."""
    result = _libc.mount(
        source.encode(), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), options.encode() or None
    )
    _check_result(result, f"mount {target}")


def mount_overlay(target: str | Path, layers: Sequence[str | Path], scratch: Path) -> None:
    """Mount an overlay file system of the folders ``layers`` (topmost first) at ``target``; raises OSError.

    Writes below ``target`` stay in memory and are lost with the mount. ``scratch`` must not exist; it is created, and
    is empty afterwards.
    """
    memory(scratch)
    try:
        overlay_in(target, layers, scratch)
    finally:
        detach_mount(scratch)  # the overlay keeps the tmpfs alive after its mount point is gone


def memory(folder: Path) -> None:
    """Make ``folder``, with a file system in memory at it; raises OSError."""
    folder.mkdir(mode=0o700)
    mount("tmpfs", folder, "tmpfs", options="mode=755,size=16m")


def overlay_in(target: str | Path, layers: Sequence[str | Path], scratch: Path) -> None:
    """As ``overlay``; what is written goes to ``scratch / "upper"``, in a folder in memory, and stays as it does."""
    upper, work = scratch / "upper", scratch / "work"
    upper.mkdir()
    work.mkdir()
    below = ":".join(_escape_path(layer) for layer in layers)
    options = f"lowerdir={below},upperdir={_escape_path(upper)},workdir={_escape_path(work)}"
    try:  # within a user namespace, with and without extended attributes on tmpfs
        mount("overlay", target, "overlay", options=f"{options},userxattr")
    except OSError:
        mount("overlay", target, "overlay", options=options)


def fork_dependent() -> int:
    """Fork as ``os.fork`` does; the kernel kills the child when this process ends for any reason, at any moment.

    That is the parent-death signal, SIGKILL until the child calls ``set_death_signal``. A parent that ends before the
    child has asked for it sends none, and its process id does not tell: a parent in an outer pid namespace is 0, and so
    is its successor. So the child looks at a pipe whose other end only the parent holds: the kernel closes that before
    it sends the signals. The parent keeps its end open for the rest of its life. Source: prctl(2), PR_SET_PDEATHSIG.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child:
        os.close(ours)
        _held.append(theirs)
        return child
    for each in (theirs, *_held):
        os.close(each)
    _held.clear()
    set_death_signal(signal.SIGKILL)
    if select.select([ours], [], [], 0)[0]:  # the end of the pipe
        os._exit(128 + signal.SIGKILL)
    os.close(ours)
    return 0


def set_death_signal(number: signal.Signals) -> None:
    """Have the kernel send ``number`` to this process when its parent ends, in place of an earlier choice."""
    _check_result(_libc.prctl(ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(number), 0, 0, 0), "prctl")


def obey_file_modes() -> None:
    """Let the modes of files hold for root too, in all programs that this process starts. Raises OSError.

    It takes CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH out of the bounding set: capabilities(7).
    """
    for capability in (1, 2):
        number = ctypes.c_ulong(capability)
        _check_result(_libc.prctl(ctypes.c_int(_PR_CAPBSET_DROP), number, 0, 0, 0), "prctl")


def detach_mount(target: str | Path) -> None:
    """Unmount ``target`` lazily (MNT_DETACH): hide it at once, free it when unused. Raises OSError that names it."""
    _check_result(_libc.umount2(os.fsencode(target), ctypes.c_int(_MNT_DETACH)), f"unmount {target}")


def map_identity(inside_uid: int, inside_gid: int, outside_uid: int, outside_gid: int) -> None:
    """Map one user id and one group id of a new user namespace to those outside of it; raises OSError."""
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{inside_uid} {outside_uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{inside_gid} {outside_gid} 1", encoding="ascii")


def _escape_path(folder: str | Path) -> str:
    return re.sub(r"([\\:,])", r"\\\1", str(folder))


def _check_result(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        kind = SystemCallRefusedError if number in (errno.EPERM, errno.EACCES) else OSError
        raise kind(number, f"{what}: {os.strerror(number)}")


def raise_file_limit(wanted: int = 8192) -> None:
    """Raise the soft limit on open files to ``wanted``, or to the hard limit if that is lower (getrlimit(2)).

    The usual soft limit of 1024 exists for programs that use select(2). With it, one client with a thousand idle
    connections would block all others. ``wanted`` is not larger because an idle TLS connection costs 65 KB.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
