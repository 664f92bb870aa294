"""The fault ``signature-expired``."""

from __future__ import annotations

from dns.rdata import Rdata

from ssosim.faults.core.signature_fault import SignatureFault

__all__ = ["SignatureExpired"]

_INCEPTION, _EXPIRATION = 978_307_200, 980_985_600
"""1 January and 1 February 2001, in seconds since the Unix epoch: in the past, whatever the clock of the lab says."""


class SignatureExpired(SignatureFault, frozen=True, kw_only=True, tag="signature-expired"):
    """The signatures of a zone are stale: nobody signed it again, and they have expired.

    Source: RFC 4035 section 5.3.1; RFC 6781 section 4.4.2.
    """

    def change_signature(self, signature: Rdata) -> Rdata:
        """Return the signature with a validity that is over."""
        return signature.replace(inception=_INCEPTION, expiration=_EXPIRATION)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the {self.describe_names()} have expired"
