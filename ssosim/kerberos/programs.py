"""Find the MIT Kerberos programs, and build their environment, without the machine's Kerberos settings."""

from __future__ import annotations

import os
import shutil
import signal
from functools import cache
from pathlib import Path

from ssosim.kerberos.errors import ProgramMissingError

__all__ = ["build_tool_environment", "describe_end", "find_program"]

# Debian does not have these on an ordinary user's PATH.
SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")

PACKAGES = {
    "kadmin.local": "krb5-admin-server",
    "kdb5_util": "krb5-kdc",
    "kinit": "krb5-user",
    "krb5kdc": "krb5-kdc",
    "setpriv": "util-linux",
    "sh": "dash",
    "unshare": "util-linux",
}


@cache
def find_program(name: str) -> str:
    """The full path of the program ``name``. Raises ProgramMissingError, which names the package to install."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_DIRECTORIES))
    found = shutil.which(name, path=path)
    if found is None:
        raise ProgramMissingError(name, PACKAGES.get(name, name))
    return found


def build_tool_environment(directory: Path) -> dict[str, str]:
    """The environment of a Kerberos program for the realm in ``directory``.

    Only PATH is inherited, and every file that libkrb5 may write is in ``directory``. Messages are in English, because
    some of them are parsed.
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


def describe_end(code: int) -> str:
    """How a program with this ``Popen.returncode`` ended: "was killed (SIGKILL)" or "ended with exit code 1"."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed ({signal.Signals(-code).name})"
    except ValueError:
        return f"was killed (signal {-code})"
