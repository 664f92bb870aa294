"""Read a Negotiate token without GSS-API: its mechanism and the token of that mechanism.

Source: RFC 4178 (SPNEGO), RFC 2743 section 3.1 (token framing), RFC 4121 (Kerberos), MS-NLMP section 2.2 (NTLM).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from ssosim.kerberos import der
from ssosim.kerberos.der import DerError

__all__ = ["Mechanism", "NegotiateToken", "build_ntlm_negotiate_token", "read_negotiate_token"]

Mechanism = Literal["kerberos", "ntlm", "unknown"]

_SPNEGO = bytes.fromhex("2b0601050502")
_KERBEROS = bytes.fromhex("2a864886f712010202")
# Windows lists this older value first (MS-SPNG, section 1.7: an off-by-one error kept for compatibility).
_MS_KERBEROS = bytes.fromhex("2a864882f712010202")
_NTLM = bytes.fromhex("2b06010401823702020a")
_NTLM_SIGNATURE = b"NTLMSSP\x00"
_AP_REQ_TAG = 0x6E


class NegotiateToken(Struct, frozen=True):
    """One Negotiate token. ``mech_token`` is the token of the mechanism inside; empty if the client sent none.

    ``first_leg`` is False for a token that continues an earlier exchange. ``readable`` is False for bytes that are not
    a GSS-API token.
    """

    mechanism: Mechanism
    mech_token: bytes = b""
    first_leg: bool = True
    readable: bool = True

    @property
    def ap_request(self) -> bytes:
        """The AP-REQ in a Kerberos token; empty if there is none."""
        if self.mech_token[:1] == bytes((_AP_REQ_TAG,)):
            return self.mech_token
        try:
            oid, rest = der.read_element(der.read_single(self.mech_token).expect(0x60))
        except DerError:
            return b""
        return rest[2:] if oid.value in (_KERBEROS, _MS_KERBEROS) and rest[:2] == b"\x01\x00" else b""


def read_negotiate_token(token: bytes) -> NegotiateToken:
    """Parse ``token`` (already decoded from base64). Never raises."""
    if token.startswith(_NTLM_SIGNATURE):
        return NegotiateToken("ntlm", token)
    if token[:1] == bytes((_AP_REQ_TAG,)):
        return NegotiateToken("kerberos", token)
    try:
        outer = der.read_single(token)
        if outer.tag == 0xA1:
            members = der.read_fields(der.read_single(outer.value))
            inner = members[2].expect(der.OCTET_STRING) if 2 in members else b""
            return NegotiateToken(_find_mechanism(None, inner), inner, first_leg=False)
        oid, rest = der.read_element(outer.expect(0x60))
        mechanism = oid.expect(der.OID)
        if mechanism != _SPNEGO:
            return NegotiateToken(_find_mechanism(mechanism, b""), token)
        members = der.read_fields(der.read_single(der.read_single(rest).expect(0xA0)))
        offered = [entry.expect(der.OID) for entry in der.read_children(members[0].expect(der.SEQUENCE))]
        inner = members[2].expect(der.OCTET_STRING) if 2 in members else b""
        return NegotiateToken(_find_mechanism(offered[0] if offered else None, inner), inner)
    except (DerError, KeyError):
        return NegotiateToken("unknown", readable=False)


def _find_mechanism(oid: bytes | None, inner: bytes) -> Mechanism:
    if inner.startswith(_NTLM_SIGNATURE) or (oid == _NTLM and not inner):
        return "ntlm"
    return "kerberos" if oid in (_KERBEROS, _MS_KERBEROS) else "unknown"


@lru_cache(maxsize=2)
def build_ntlm_negotiate_token(*, spnego: bool = False) -> bytes:
    """The NTLM NEGOTIATE_MESSAGE (type 1) that a Windows client sends in Negotiate when it has no ticket.

    By default without SPNEGO, as Windows sends it when NTLM is its only mechanism. With ``spnego`` it is the mechToken
    of a NegTokenInit. The flags are those of Windows 10.0.19041. Source: MS-NLMP, sections 2.2.1.1 and 2.2.2.10.
    """
    flags = 0xE2088297
    version = struct.pack("<BBH3xB", 10, 0, 19041, 15)
    message = _NTLM_SIGNATURE + struct.pack("<IIHHIHHI", 1, flags, 0, 0, 40, 0, 0, 40) + version
    if not spnego:
        return message
    init = der.encode_element(
        der.SEQUENCE,
        der.encode_context(0, der.encode_element(der.SEQUENCE, der.encode_element(der.OID, _NTLM))),
        der.encode_context(2, der.encode_element(der.OCTET_STRING, message)),
    )
    return der.encode_element(0x60, der.encode_element(der.OID, _SPNEGO), der.encode_context(0, init))
