"""The machine's own libkrb5, called for what it does with names: no KDC is asked, and no DNS server."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_uint, c_void_p
from pathlib import Path

__all__ = ["LibKrb5"]

_NT_SRV_HST = 3


class _Data(ctypes.Structure):
    _fields_ = [("magic", c_int32), ("length", c_uint), ("data", c_char_p)]


class LibKrb5:
    """A context of libkrb5 with the settings in ``krb5_conf``, which must keep it from DNS."""

    def __init__(self, krb5_conf: Path) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("krb5") or "libkrb5.so.3")
        self._context = c_void_p()
        before = os.environ.get("KRB5_CONFIG")
        os.environ["KRB5_CONFIG"] = str(krb5_conf)
        try:
            self._check(self._library.krb5_init_context(byref(self._context)))
        finally:
            os.environ.pop("KRB5_CONFIG")
            if before is not None:
                os.environ["KRB5_CONFIG"] = before

    def find_realm(self, host: str) -> str:
        """The realm that ``[domain_realm]`` maps ``host`` to; ``""``: none, so the KDC is asked for a referral."""
        return self._read_realm(self._library.krb5_get_host_realm, host.encode())

    def guess_realm(self, host: str) -> str:
        """The realm that is tried after the referral; the default realm where nothing is guessed."""
        octets = host.encode()
        return self._read_realm(self._library.krb5_get_fallback_host_realm, byref(_Data(0, len(octets), octets)))

    def form_principal(self, service: str, host: str) -> str:
        """The principal, without its realm, for a service at a host (GSS_C_NT_HOSTBASED_SERVICE)."""
        principal, name = c_void_p(), c_char_p()
        self._check(
            self._library.krb5_sname_to_principal(
                self._context, host.encode(), service.encode(), c_int(_NT_SRV_HST), byref(principal)
            )
        )
        self._check(self._library.krb5_unparse_name(self._context, principal, byref(name)))
        text = (name.value or b"").decode()
        self._library.krb5_free_unparsed_name(self._context, name)
        self._library.krb5_free_principal(self._context, principal)
        return text.rpartition("@")[0]

    def _read_realm(self, function: object, argument: object) -> str:
        realms = POINTER(c_char_p)()
        self._check(function(self._context, argument, byref(realms)))  # type: ignore[operator]
        found = (realms[0] or b"").decode()
        self._library.krb5_free_host_realm(self._context, realms)
        return found

    @staticmethod
    def _check(code: int) -> None:
        assert code == 0, f"libkrb5 answered {code}"
