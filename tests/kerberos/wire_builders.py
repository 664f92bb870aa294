"""Kerberos and SPNEGO messages as RFC 4120 and RFC 4178 write them down, of parts that a test chooses."""

from __future__ import annotations

from ssosim.kerberos import der

__all__ = [
    "KERBEROS",
    "MS_KERBEROS",
    "NEGOEX",
    "NTLM",
    "NTLM_MESSAGE",
    "ap_req",
    "fields",
    "gss",
    "kdc_rep",
    "krb_cred",
]
__all__ += ["neg_token_init", "neg_token_resp", "principal", "text", "tgs_req", "ticket"]

KERBEROS, MS_KERBEROS = bytes.fromhex("2a864886f712010202"), bytes.fromhex("2a864882f712010202")
NTLM, NEGOEX = bytes.fromhex("2b06010401823702020a"), bytes.fromhex("2b06010401823702021e")
SPNEGO = bytes.fromhex("2b0601050502")
NTLM_MESSAGE = b"NTLMSSP\x00" + bytes(40)


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return der.encode_element(der.SEQUENCE, *parts)


def fields(**members: bytes) -> bytes:
    """A SEQUENCE of the explicitly tagged members ``f0``, ``f1`` and so on."""
    return sequence(*(der.encode_context(int(name[1:]), value) for name, value in members.items()))


def number(value: int) -> bytes:
    """An INTEGER."""
    return der.encode_integer(value)


def octets(value: bytes) -> bytes:
    """An OCTET STRING."""
    return der.encode_element(der.OCTET_STRING, value)


def text(value: str) -> bytes:
    """A GeneralString."""
    return der.encode_element(der.GENERAL_STRING, value.encode())


def principal(name: str) -> bytes:
    """A PrincipalName (RFC 4120, section 5.2.2)."""
    return fields(f0=number(2), f1=sequence(*(text(part) for part in name.split("/"))))


def sealed(enctype: int = 18, kvno: int | None = 1, cipher: bytes = bytes(16)) -> bytes:
    """An EncryptedData (section 5.2.9)."""
    version = {} if kvno is None else {"f1": number(kvno)}
    return fields(f0=number(enctype), **version, f2=octets(cipher))


def ticket(
    service: str, *, realm: str = "CORP.TEST", enctype: int = 18, kvno: int | None = 1, cipher: bytes = bytes(16)
) -> bytes:
    """A Ticket (section 5.3)."""
    body = fields(f0=number(5), f1=text(realm), f2=principal(service), f3=sealed(enctype, kvno, cipher))
    return der.encode_application(1, body)


def ap_req(of: bytes, session_enctype: int = 18) -> bytes:
    """An AP-REQ with the ticket ``of`` (section 5.5.1)."""
    options = der.encode_element(der.BIT_STRING, bytes(5))
    body = fields(f0=number(5), f1=number(14), f2=options, f3=of, f4=sealed(session_enctype, None))
    return der.encode_application(14, body)


def kdc_rep(kind: int, of: bytes, client: str = "alice", realm: str = "CORP.TEST") -> bytes:
    """An AS-REP (11) or TGS-REP (13) with the ticket ``of`` (section 5.4.2)."""
    body = fields(f0=number(5), f1=number(kind), f3=text(realm), f4=principal(client), f5=of, f6=sealed())
    return der.encode_application(kind, body)


def tgs_req(
    presented: bytes, service: str, realm: str = "CORP.TEST", padata: tuple[tuple[int, bytes], ...] = ()
) -> bytes:
    """A TGS-REQ that presents a ticket, with other padata before it (section 5.4.1)."""
    listed = (*padata, (1, ap_req(presented)))
    options = der.encode_element(der.BIT_STRING, bytes(5))
    until = der.encode_element(der.GENERALIZED_TIME, b"19700101000000Z")
    body = fields(f0=options, f2=text(realm), f3=principal(service), f5=until, f7=number(1), f8=sequence(number(18)))
    entries = sequence(*(fields(f1=number(kind), f2=octets(value)) for kind, value in listed))
    return der.encode_application(12, fields(f1=number(5), f2=number(12), f3=entries, f4=body))


def krb_cred(*tickets: bytes) -> bytes:
    """A KRB-CRED message (section 5.8.1), as in a ``.kirbi`` file."""
    return der.encode_application(22, fields(f0=number(5), f1=number(22), f2=sequence(*tickets), f3=sealed(0, None)))


def gss(mechanism: bytes, token: bytes) -> bytes:
    """The framing of an initial GSS-API token (RFC 2743, section 3.1)."""
    return der.encode_element(0x60, der.encode_element(der.OID, mechanism), token)


def neg_token_init(mechanisms: tuple[bytes, ...], token: bytes | None) -> bytes:
    """A NegTokenInit (RFC 4178, section 4.2.1)."""
    types = sequence(*(der.encode_element(der.OID, each) for each in mechanisms))
    members = {"f0": types} if token is None else {"f0": types, "f2": octets(token)}
    return gss(SPNEGO, der.encode_context(0, fields(**members)))


def neg_token_resp(token: bytes | None) -> bytes:
    """A NegTokenResp (RFC 4178, section 4.2.2)."""
    state = der.encode_element(0x0A, b"\x01")
    members = {"f0": state} if token is None else {"f0": state, "f2": octets(token)}
    return der.encode_context(1, fields(**members))
