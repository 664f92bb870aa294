"""The file name by which OpenSSL finds a CA certificate in a certificate folder (``SSL_CERT_DIR``)."""

from __future__ import annotations

import hashlib

from ssosim.kerberos.der import encode_element, read_children, read_single

__all__ = ["subject_hash"]

_SEQUENCE, _SET, _UTF8_STRING = 0x30, 0x31, 0x0C


def subject_hash(subject: bytes) -> str:
    """Return the hash of a subject name: eight hexadecimal digits.

    ``subject``: DER, with strings of type UTF8String or PrintableString.

    The result is that of ``openssl x509 -subject_hash``: the first four bytes, little-endian, of SHA-1 over the name,
    with its strings as UTF-8 in lower case and with single blanks, without the outermost header. Source: OpenSSL,
    ``x_name.c`` and ``X509_NAME_hash_ex(3)``.
    """
    canonical = b"".join(
        encode_element(_SET, *(_canonical(attribute.value) for attribute in read_children(part.value)))
        for part in read_children(read_single(subject).value)
    )
    return hashlib.sha1(canonical, usedforsecurity=False).digest()[3::-1].hex()


def _canonical(attribute: bytes) -> bytes:
    kind, text = read_children(attribute)
    folded = b" ".join(text.value.split()).lower()
    return encode_element(_SEQUENCE, encode_element(kind.tag, kind.value), encode_element(_UTF8_STRING, folded))
