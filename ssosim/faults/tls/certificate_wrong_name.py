"""The fault ``certificate-wrong-name``."""

from __future__ import annotations

from ssosim.faults.core.certificate_fault import CertificateFault
from ssosim.faults.core.fault import CertificateTrouble

__all__ = ["CertificateWrongName"]


class CertificateWrongName(CertificateFault, frozen=True, kw_only=True, tag="certificate-wrong-name"):
    """The certificate of a host is for another name.

    Source: CRM Online, 22 December 2014 (a record that led to another service's host).
    """

    @property
    def trouble(self) -> CertificateTrouble:
        """Return what is wrong with the certificate."""
        return "wrong-name"

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the certificate of {self.host} is made out to another name"
