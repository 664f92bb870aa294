"""Encryption types of Kerberos by number and name.

Source: RFC 3961 section 8.3, RFC 3962 section 7, RFC 4757, RFC 8009 section 7; the IANA registry of Kerberos encryption
type numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = [
    "AES128",
    "AES256",
    "DEFAULT_ENCTYPES",
    "ENCTYPES",
    "RC4",
    "SUPPORTED",
    "enctype_name",
    "enctype_numbers",
    "sort_enctypes",
]

AES256, AES128, RC4 = "aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96", "rc4-hmac"

SUPPORTED = (AES256, AES128, RC4)
"""The types that a realm of a lab can have keys of: those of Active Directory, the strongest first."""

DEFAULT_ENCTYPES = (AES256, AES128)
"""The types of keys of a new account. Source: krb5 1.20, man kdc.conf, supported_enctypes."""

ENCTYPES: Mapping[int, str] = MappingProxyType(
    {
        1: "des-cbc-crc",
        3: "des-cbc-md5",
        16: "des3-cbc-sha1",
        17: AES128,
        18: AES256,
        19: "aes128-cts-hmac-sha256-128",
        20: "aes256-cts-hmac-sha384-192",
        23: RC4,
        24: "rc4-hmac-exp",
        25: "camellia128-cts-cmac",
        26: "camellia256-cts-cmac",
    }
)


_NUMBERS = {name: number for number, name in ENCTYPES.items()}


def sort_enctypes(names: Iterable[str]) -> tuple[str, ...]:
    """The types of an account's keys, the strongest first and each once, in whatever order they are written.

    Active Directory has them as bits, and encrypts tickets with the strongest. An MIT KDC takes the first key in its
    database (krb5 1.20, measured). Source: MS-KILE sections 2.2.7 and 3.3.5.7.
    """
    given = frozenset(names)
    return tuple(each for each in SUPPORTED if each in given)


def enctype_numbers(names: Iterable[str]) -> tuple[int, ...]:
    """The numbers of encryption types. Raises KeyError for a name that is not in ``ENCTYPES``."""
    return tuple(_NUMBERS[name] for name in names)


def enctype_name(number: int) -> str:
    """The name of an encryption type, ``rc4-hmac`` for 23; ``etype-<number>`` for a number without a name here."""
    return ENCTYPES.get(number, f"etype-{number}")
