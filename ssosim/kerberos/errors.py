"""What can go wrong with the realm itself, as types; the texts are ready for the user."""

from __future__ import annotations

__all__ = [
    "GssapiMissingError",
    "KdcStartError",
    "KerberosError",
    "KerberosMissingError",
    "ProgramMissingError",
    "RealmError",
]


class KerberosError(Exception):
    """Base of the errors of this package."""


class KerberosMissingError(KerberosError):
    """Something that the realm needs is not installed. The lab exits with 3 (the machine lacks something)."""


class GssapiMissingError(KerberosMissingError):
    """python-gssapi, or the library under it, is not there; ``reason`` is the loader's own text."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"a lab needs GSS-API, which cannot be loaded ({reason}): install the packages libkrb5-dev and gcc, "
            "then 'pip install gssapi'"
        )


class ProgramMissingError(KerberosMissingError):
    """A program is not installed.

    ``program`` is the name of the executable, ``package`` the Debian and Ubuntu package that brings it.
    """

    def __init__(self, program: str, package: str) -> None:
        super().__init__(
            f"{program} is not installed (looked in PATH, /usr/sbin and /sbin): "
            f"install the package {package}, for instance with 'apt-get install {package}'"
        )
        self.program = program
        self.package = package


class RealmError(KerberosError):
    """The realm cannot be made: an entry of the estate cannot be a principal, or a Kerberos tool refused it."""


class KdcStartError(KerberosError):
    """krb5kdc did not come up. The text holds the last lines of its log."""
