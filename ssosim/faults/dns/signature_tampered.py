"""The fault ``signature-tampered``."""

from __future__ import annotations

from dns.rdata import Rdata

from ssosim.faults.core.signature_fault import SignatureFault

__all__ = ["SignatureTampered"]


class SignatureTampered(SignatureFault, frozen=True, kw_only=True, tag="signature-tampered"):
    """The signatures of a zone do not fit its data: something on the way, or a broken signer, changed them.

    Source: RFC 4035 section 5.3.3.
    """

    def change_signature(self, signature: Rdata) -> Rdata:
        """Return the signature with its last bit inverted."""
        octets: bytes = signature.signature  # type: ignore[attr-defined]
        return signature.replace(signature=octets[:-1] + bytes((octets[-1] ^ 1,)))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the {self.describe_names()} are wrong"
