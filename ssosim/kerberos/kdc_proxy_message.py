"""The message of a KDC proxy, KDC-PROXY-MESSAGE. Pure functions.

It has a Kerberos message with the length prefix of TCP, and the realm that it is for. Source: MS-KKDCP section 2.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from ssosim.kerberos import der

__all__ = ["ProxyMessage", "build_proxy_message", "read_proxy_message"]


@dataclass(frozen=True, slots=True)
class ProxyMessage:
    """A Kerberos message, without a length prefix, and the realm that it is for; empty if the client named none."""

    data: bytes
    realm: str


def read_proxy_message(body: bytes) -> ProxyMessage:
    """Read the body of a request or response. Raises DerError."""
    fields = der.read_fields(der.read_single(body))
    if 0 not in fields:
        raise der.DerError("a KDC-PROXY-MESSAGE without kerb-message")
    framed = fields[0].expect(der.OCTET_STRING)
    if len(framed) < 4 or int.from_bytes(framed[:4], "big") != len(framed) - 4:
        raise der.DerError("a kerb-message whose length prefix is not its length")
    realm = ""
    if 1 in fields:
        try:
            realm = fields[1].expect(der.GENERAL_STRING).decode("ascii")
        except UnicodeDecodeError as error:
            raise der.DerError("a target-domain that is not ASCII") from error
    return ProxyMessage(framed[4:], realm)


def build_proxy_message(data: bytes, realm: str = "") -> bytes:
    """Build the body of a response with the Kerberos message ``data``, or of a request for ``realm``."""
    framed = der.encode_element(der.OCTET_STRING, len(data).to_bytes(4, "big") + data)
    domain = der.encode_context(1, der.encode_element(der.GENERAL_STRING, realm.encode())) if realm else b""
    return der.encode_element(der.SEQUENCE, der.encode_context(0, framed), domain)
