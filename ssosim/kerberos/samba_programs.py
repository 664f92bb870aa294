"""Find Samba's domain controller: installed, or in a folder of unpacked Debian packages, which needs no root.

    python -m ssosim.kerberos.samba_programs FOLDER

downloads the packages with ``apt-get download`` and unpacks them with ``dpkg-deb`` into FOLDER (13 MB, 77 MB unpacked).
``SSOSIM_SAMBA`` names that folder for labs. Its programs have fixed paths below ``/usr``, so they are run in a mount
namespace in which an overlay adds the folder to ``/usr``. There they have a ``/run`` in memory, too: the path of a Unix
socket has 107 characters at most (unix(7)), fewer than a folder of a lab may have.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ssosim.kerberos.errors import KerberosMissingError
from ssosim.kerberos.programs import find_program
from ssosim.output import print_error, say

__all__ = [
    "DIRECTORY_PROGRAM",
    "LOCK_DIRECTORY",
    "PACKAGES",
    "SAMBA_VARIABLE",
    "SambaMissingError",
    "SambaPrograms",
    "find_samba",
]

SAMBA_VARIABLE = "SSOSIM_SAMBA"
LOCK_DIRECTORY = "/run/samba"
DIRECTORY_PROGRAM = Path(__file__).with_name("samba_directory.py")

PACKAGES = (
    *("libgpgme11", "libldb2", "libtalloc2", "libtdb1", "libtevent0", "liburing2", "libwbclient0", "python3-dnspython"),
    *("python3-ldb", "python3-samba", "python3-talloc", "python3-tdb", "samba", "samba-ad-provision", "samba-common"),
    *("samba-common-bin", "samba-dsdb-modules", "samba-libs", "tdb-tools"),
)
"""The Debian 12 packages of the domain controller that a machine with MIT Kerberos lacks."""

_SERVER = "usr/sbin/samba"
_NEEDED = (_SERVER, "usr/share/samba/setup/provision.ldif", "usr/lib/python3/dist-packages/samba/provision/__init__.py")

# setpriv sets the parent-death signal after the namespaces are made, for new credentials clear it (prctl(2)). The
# parent may have ended before that, so the shell checks again.
_START = """\
if test -n "$1"; then mount -t overlay overlay -o "$1" /usr || exit 125; fi
mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 700 "$2" || exit 125
shift 2; exec "$@"
"""
_GUARD = 'test "$PPID" = "$1" || exit 1; shift; exec "$@"'


class SambaMissingError(KerberosMissingError):
    """Samba's domain controller is not installed, or a part of it is missing."""


@dataclass(frozen=True, slots=True)
class SambaPrograms:
    """Samba in ``root``: ``/``, or a folder of unpacked packages."""

    root: Path

    @property
    def is_installed(self) -> bool:
        """Whether the packages are installed on the machine."""
        return self.root == Path("/")

    @property
    def version(self) -> str:
        """What changes with another version: size and time of the server, and where its modules come from."""
        status = (self.root / _SERVER).stat()
        return f"{status.st_size}:{status.st_mtime_ns}"

    def build_command(self, arguments: Sequence[str]) -> list[str]:
        """The command that runs ``arguments``, a program of Samba's, as a child that ends with this process."""
        guarded = [find_program("setpriv"), "--pdeathsig", "KILL", find_program("sh"), "-c", _GUARD, "sh"]
        command = [*guarded, str(os.getpid()), *arguments]
        overlay = "" if self.is_installed else f"lowerdir={self.root / 'usr'}:/usr"
        return [
            *(find_program("unshare"), "--map-root-user", "--mount"),
            *(find_program("sh"), "-c", _START, "sh", overlay, LOCK_DIRECTORY),
            *command,
        ]


def find_samba() -> SambaPrograms:
    """Samba in the folder of ``SSOSIM_SAMBA``, else on the machine. Raises SambaMissingError, which says what to do."""
    chosen = os.environ.get(SAMBA_VARIABLE)
    root = Path(chosen).absolute() if chosen else Path("/")
    missing = [name for name in _NEEDED if not (root / name).is_file()]
    if missing and chosen:
        raise SambaMissingError(
            f"{SAMBA_VARIABLE}={chosen}: there is no {missing[0]}; unpack Samba there with: "
            f"python -m ssosim.kerberos.samba_programs {shlex.quote(chosen)}"
        )
    if missing:
        raise SambaMissingError(
            f"Samba's domain controller is not installed (there is no /{missing[0]}): apt-get install samba "
            "samba-ad-provision samba-dsdb-modules, or without root: python -m ssosim.kerberos.samba_programs FOLDER, "
            f"then {SAMBA_VARIABLE}=FOLDER"
        )
    if any(character in str(root) for character in ":,\\"):
        raise SambaMissingError(f"{SAMBA_VARIABLE}={chosen}: a path with colons, commas or backslashes cannot be used")
    return SambaPrograms(root)


def unpack_packages(folder: Path) -> None:
    """Download the packages and unpack them into ``folder``. Raises CalledProcessError and OSError."""
    import tempfile  # noqa: PLC0415 - slow to import, and labs do not need it

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        subprocess.run(["apt-get", "download", *PACKAGES], cwd=downloads, check=True)  # noqa: S603, S607 - fixed names
        for package in sorted(Path(downloads).glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", str(package), str(folder)], check=True)  # noqa: S603, S607 - likewise


def _main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print_error("usage: python -m ssosim.kerberos.samba_programs FOLDER")
        return 2
    folder = Path(arguments[0]).absolute()
    try:
        unpack_packages(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        print_error(f"Samba's packages could not be unpacked into {folder}: {error}")
        return 3
    say(f"export {SAMBA_VARIABLE}={shlex.quote(str(folder))}")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
