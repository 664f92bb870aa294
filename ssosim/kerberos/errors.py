"""What can go wrong with the realm itself, as types; the texts are ready for the user."""

from __future__ import annotations

__all__ = ["KdcStartError", "KerberosError", "KerberosMissingError", "RealmError"]


class KerberosError(Exception):
    """Base of the errors of this package."""


class KerberosMissingError(KerberosError):
    """A program that the realm needs is not installed. The lab exits with 3 (the machine lacks something).

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
