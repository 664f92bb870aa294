"""Exceptions of this package. Their texts are meant for the user."""

from __future__ import annotations

__all__ = [
    "GssapiMissingError",
    "KdcEndedError",
    "KdcStartError",
    "KerberosError",
    "KerberosMissingError",
    "ProgramMissingError",
    "RealmError",
]


class KerberosError(Exception):
    """Base class of the exceptions of this package."""


class KerberosMissingError(KerberosError):
    """A program or library that the realm needs is not installed. Commands exit with 3."""


class GssapiMissingError(KerberosMissingError):
    """python-gssapi or the GSS-API library is not installed; ``reason`` is the text of the import error."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"a lab needs GSS-API, which cannot be loaded ({reason}): install the packages libkrb5-dev and gcc, "
            "then: pip install 'ssosim[lab]'"
        )


class ProgramMissingError(KerberosMissingError):
    """A program or a library is not installed.

    ``program`` is the name of the file, ``package`` the Debian and Ubuntu package that contains it, ``places`` where it
    was looked for.
    """

    def __init__(self, program: str, package: str, places: str = "PATH, /usr/sbin and /sbin") -> None:
        super().__init__(
            f"{program} is not installed (looked in {places}): "
            f"install the package {package}, for instance with 'apt-get install {package}'"
        )
        self.program = program
        self.package = package


class RealmError(KerberosError):
    """The realm cannot be created: an estate entry cannot be a principal, or a Kerberos program reported an error."""


class KdcStartError(KerberosError):
    """krb5kdc did not start. The text has the last lines of its log."""


class KdcEndedError(KerberosError):
    """krb5kdc has ended although nobody stopped it. The text says how."""
