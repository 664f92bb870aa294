"""Where the MIT programs are, and the environment that they run in: never the machine's own Kerberos settings."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from ssosim.kerberos.errors import ProgramMissingError

__all__ = ["find_program", "tool_environment"]

# Not on an ordinary user's PATH in Debian.
SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")

PACKAGES = {
    "kadmin.local": "krb5-admin-server",
    "kdb5_util": "krb5-kdc",
    "kinit": "krb5-user",
    "krb5kdc": "krb5-kdc",
    "setpriv": "util-linux",
    "sh": "dash",
}


@cache
def find_program(name: str) -> str:
    """Full path of the program ``name``; raises ProgramMissingError with the package that has it."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_DIRECTORIES))
    found = shutil.which(name, path=path)
    if found is None:
        raise ProgramMissingError(name, PACKAGES.get(name, name))
    return found


def tool_environment(directory: Path) -> dict[str, str]:
    """Environment for a Kerberos program that works on the realm in ``directory``.

    Nothing is inherited but PATH, and every file that libkrb5 could make lands in ``directory``. Messages are
    untranslated because some of them are read.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "KRB5_CONFIG": str(directory / "krb5.conf"),
        "KRB5_KDC_PROFILE": str(directory / "kdc.conf"),
        "KRB5CCNAME": f"FILE:{directory / 'ccache'}",
        "KRB5RCACHENAME": f"file2:{directory / 'tools.rcache'}",
        "TMPDIR": str(directory),
    }
