"""What is inside a Negotiate token, before anybody tries to accept it.

Source: RFC 4178 (SPNEGO), RFC 2743 section 3.1 (token framing), RFC 4121 (Kerberos), MS-NLMP section 2.2 (NTLM).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from ssosim.kerberos import der
from ssosim.kerberos.der import DerError

__all__ = ["Mechanism", "NegotiateToken", "look_inside", "ntlm_negotiate_token"]

Mechanism = Literal["kerberos", "ntlm", "unknown"]

_SPNEGO = bytes.fromhex("2b0601050502")
_KERBEROS = bytes.fromhex("2a864886f712010202")
# Windows lists this older value first (MS-SPNG, section 1.7: an off-by-one kept for compatibility).
_MS_KERBEROS = bytes.fromhex("2a864882f712010202")
_NTLM = bytes.fromhex("2b06010401823702020a")
_NTLM_SIGNATURE = b"NTLMSSP\x00"
_AP_REQ_TAG = 0x6E


@dataclass(frozen=True, slots=True)
class NegotiateToken:
    """One token. ``mech_token`` is what the mechanism itself would be given; empty if the client sent none.

    ``first_leg`` is False for a token that continues an earlier exchange. ``readable`` is False for bytes that are
    no GSS-API token at all.
    """

    mechanism: Mechanism
    mech_token: bytes = b""
    first_leg: bool = True
    readable: bool = True

    @property
    def ap_request(self) -> bytes:
        """The AP-REQ inside a Kerberos token; empty if there is none."""
        if self.mech_token[:1] == bytes((_AP_REQ_TAG,)):
            return self.mech_token
        try:
            oid, rest = der.read(der.only(self.mech_token).expect(0x60))
        except DerError:
            return b""
        return rest[2:] if oid.value in (_KERBEROS, _MS_KERBEROS) and rest[:2] == b"\x01\x00" else b""


def look_inside(token: bytes) -> NegotiateToken:
    """Recognise ``token`` (already base64-decoded). Never raises."""
    if token.startswith(_NTLM_SIGNATURE):
        return NegotiateToken("ntlm", token)
    if token[:1] == bytes((_AP_REQ_TAG,)):
        return NegotiateToken("kerberos", token)
    try:
        outer = der.only(token)
        if outer.tag == 0xA1:
            members = der.fields(der.only(outer.value))
            inner = members[2].expect(der.OCTET_STRING) if 2 in members else b""
            return NegotiateToken(_mechanism(None, inner), inner, first_leg=False)
        oid, rest = der.read(outer.expect(0x60))
        mechanism = oid.expect(der.OID)
        if mechanism != _SPNEGO:
            return NegotiateToken(_mechanism(mechanism, b""), token)
        members = der.fields(der.only(der.only(rest).expect(0xA0)))
        offered = [entry.expect(der.OID) for entry in der.children(members[0].expect(der.SEQUENCE))]
        inner = members[2].expect(der.OCTET_STRING) if 2 in members else b""
        return NegotiateToken(_mechanism(offered[0] if offered else None, inner), inner)
    except (DerError, KeyError):
        return NegotiateToken("unknown", readable=False)


def _mechanism(oid: bytes | None, inner: bytes) -> Mechanism:
    if inner.startswith(_NTLM_SIGNATURE) or (oid == _NTLM and not inner):
        return "ntlm"
    return "kerberos" if oid in (_KERBEROS, _MS_KERBEROS) else "unknown"


def ntlm_negotiate_token(*, spnego: bool = False) -> bytes:
    """What a Windows client sends in Negotiate when it has no ticket: an NTLM NEGOTIATE_MESSAGE (type 1).

    Raw by default, as Windows sends it when NTLM is all it has; with ``spnego`` as the mechToken of a NegTokenInit.
    The flags are those of a current Windows client, version 10.0.19041 (MS-NLMP, sections 2.2.1.1 and 2.2.2.10).
    """
    flags = 0xE2088297
    version = struct.pack("<BBH3xB", 10, 0, 19041, 15)
    message = _NTLM_SIGNATURE + struct.pack("<IIHHIHHI", 1, flags, 0, 0, 40, 0, 0, 40) + version
    if not spnego:
        return message
    init = der.encode(
        der.SEQUENCE,
        der.context(0, der.encode(der.SEQUENCE, der.encode(der.OID, _NTLM))),
        der.context(2, der.encode(der.OCTET_STRING, message)),
    )
    return der.encode(0x60, der.encode(der.OID, _SPNEGO), der.context(0, init))
