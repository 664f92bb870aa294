"""The fault ``certificate-untrusted``."""

from __future__ import annotations

from ssosim.faults.core.certificate_fault import CertificateFault
from ssosim.faults.core.fault import CertificateTrouble

__all__ = ["CertificateUntrusted"]


class CertificateUntrusted(CertificateFault, frozen=True, kw_only=True, tag="certificate-untrusted"):
    """The certificate of a host has an issuer that devices do not trust, as behind a TLS-inspecting proxy.

    Source: MSAL.NET issue 1825.
    """

    @property
    def trouble(self) -> CertificateTrouble:
        """Return what is wrong with the certificate."""
        return "untrusted"

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the certificate of {self.host} is of an authority that nobody trusts"
