"""The fault ``account-encryption-types``."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from ssosim.faults.core.key_fault import KeyFault
from ssosim.kerberos.enctypes import DEFAULT_ENCTYPES, SUPPORTED
from ssosim.kerberos.key_database import Account

__all__ = ["AccountEncryptionTypes", "Enctype"]

Enctype = Literal["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96", "rc4-hmac"]
"""The encryption types of Active Directory that are not DES, by their names in RFC 3962 and RFC 4757."""


class AccountEncryptionTypes(KeyFault, frozen=True, kw_only=True, tag="account-encryption-types"):
    """An account has keys of these encryption types only (msDS-SupportedEncryptionTypes).

    ``at``: at the KDC, in the key tables of its services, or both. A key table without the type that the KDC chooses
    is the keytab that was made years ago. ``aes_session_keys``: the KDC may choose AES for session keys though the
    account has no AES key (the bit AES256-CTS-HMAC-SHA1-96-SK, which is in the default 0x27).

    Source: Microsoft support KB5021131; MS-KILE section 2.2.7 (supported encryption types bit flags).
    """

    enctypes: tuple[Enctype, ...] = ("rc4-hmac",)
    at: Literal["both", "kdc", "service"] = "both"
    aes_session_keys: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError where there is no type."""
        super().__post_init__()
        if not self.enctypes:
            raise ValueError("enctypes must name at least one encryption type")

    def change_account(self, account: Account) -> Account:
        """Return the account with keys of these types."""
        types = tuple(each for each in SUPPORTED if each in self.enctypes)
        if self.at != "kdc":
            account = replace(account, service_enctypes=types)
        if self.at != "service":
            more = DEFAULT_ENCTYPES if self.aes_session_keys else ()
            sessions = tuple(each for each in SUPPORTED if each in types or each in more)
            account = replace(account, enctypes=types, session_enctypes=sessions)
        return account

    def describe(self) -> str:
        """Describe the fault in one line."""
        where = {"both": "", "kdc": " at the KDC", "service": " in its key tables"}[self.at]
        session = ", with AES session keys" if self.aes_session_keys and self.at != "service" else ""
        return f"{self.describe_account()} has keys of {', '.join(self.enctypes)} only{where}{session}"
