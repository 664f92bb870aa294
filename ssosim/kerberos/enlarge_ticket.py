"""Put authorization data into the ticket-granting ticket of a cache, as a program: libkrb5 reads its settings once.

Usage: ``python -m ssosim.kerberos.enlarge_ticket CCACHE OCTETS``, with KRB5_CONFIG set. A KDC copies the authorization
data of a request into the ticket, and that of a ticket-granting ticket into every service ticket (RFC 4120, section
3.3.3). So each ticket of the user gets larger, as with a PAC that has many groups. The data are in AD-IF-RELEVANT,
which services that do not know them ignore (RFC 4120, section 5.2.6.1). kinit has no option for it, so libkrb5 is
called here.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_int32, c_uint, c_void_p

from ssosim.kerberos import der

__all__ = ["build_padding"]

_AD_IF_RELEVANT, _UNKNOWN_TYPE, _SEQUENCE = 1, -17, 0x30


class _Keyblock(ctypes.Structure):
    _fields_ = [("magic", c_int32), ("enctype", c_int32), ("length", c_uint), ("contents", c_void_p)]


class _Data(ctypes.Structure):
    _fields_ = [("magic", c_int32), ("length", c_uint), ("data", c_void_p)]


class _Authdata(ctypes.Structure):
    _fields_ = [("magic", c_int32), ("ad_type", c_int32), ("length", c_uint), ("contents", POINTER(c_char))]


class _Creds(ctypes.Structure):
    """``krb5_creds``. Source: krb5 1.20, include/krb5/krb5.hin."""

    _fields_ = [
        ("magic", c_int32),
        ("client", c_void_p),
        ("server", c_void_p),
        ("keyblock", _Keyblock),
        ("times", c_int32 * 4),
        ("is_skey", c_uint),
        ("ticket_flags", c_int32),
        ("addresses", c_void_p),
        ("ticket", _Data),
        ("second_ticket", _Data),
        ("authdata", POINTER(POINTER(_Authdata))),
    ]


def build_padding(octets: int) -> bytes:
    """Return the content of AD-IF-RELEVANT with one element of ``octets`` octets, of a type that nobody knows."""
    kind = der.encode_context(0, der.encode_integer(_UNKNOWN_TYPE))
    data = der.encode_context(1, der.encode_element(der.OCTET_STRING, bytes(octets)))
    return der.encode_element(_SEQUENCE, der.encode_element(_SEQUENCE, kind, data))


class _Library:
    """The functions of libkrb5; an error code ends the program with its text."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("krb5") or "libkrb5.so.3")
        self._library.krb5_get_error_message.restype = c_char_p
        self._context = c_void_p()
        self.call("krb5_init_context", without_context=True)

    def call(self, name: str, *words: object, without_context: bool = False) -> None:
        function = getattr(self._library, name)
        code = function(byref(self._context)) if without_context else function(self._context, *words)
        if code:
            text = self._library.krb5_get_error_message(self._context, c_int(code)) or b""
            sys.exit(f"{name}: {text.decode(errors='replace')}")


def _enlarge(ccache: str, octets: int) -> None:
    library = _Library()
    cache, client = c_void_p(), c_void_p()
    library.call("krb5_cc_resolve", ccache.encode(), byref(cache))
    library.call("krb5_cc_get_principal", cache, byref(client))
    wanted = _Creds(client=client)
    name = c_char_p()
    library.call("krb5_unparse_name", client, byref(name))
    realm = (name.value or b"").rpartition(b"@")[2]
    server = c_void_p()
    library.call("krb5_parse_name", b"krbtgt/" + realm + b"@" + realm, byref(server))
    wanted.server = server
    padding = build_padding(octets)
    contents = ctypes.create_string_buffer(padding, len(padding))
    element = _Authdata(ad_type=_AD_IF_RELEVANT, length=len(padding), contents=ctypes.cast(contents, POINTER(c_char)))
    wanted.authdata = (POINTER(_Authdata) * 2)(ctypes.pointer(element))
    got = POINTER(_Creds)()
    library.call("krb5_get_credentials", c_int(0), cache, byref(wanted), byref(got))
    got.contents.authdata = None  # the cache would have the data a second time, beside the ticket
    library.call("krb5_cc_initialize", cache, client)
    library.call("krb5_cc_store_cred", cache, got)
    library.call("krb5_cc_close", cache)


if __name__ == "__main__":
    _enlarge(sys.argv[1], int(sys.argv[2]))
