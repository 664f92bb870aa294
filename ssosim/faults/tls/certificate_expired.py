"""The fault ``certificate-expired``."""

from __future__ import annotations

from ssosim.faults.core.certificate_fault import CertificateFault
from ssosim.faults.core.fault import CertificateTrouble

__all__ = ["CertificateExpired"]


class CertificateExpired(CertificateFault, frozen=True, kw_only=True, tag="certificate-expired"):
    """The certificate of a host has expired (notAfter). Source: Teams, 3 February 2020."""

    @property
    def trouble(self) -> CertificateTrouble:
        """Return what is wrong with the certificate."""
        return "expired"

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the certificate of {self.host} has expired"
