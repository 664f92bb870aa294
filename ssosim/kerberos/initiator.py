"""The GSS-API initiator: gets tickets for client models, inside this process.

libkrb5 finds its configuration through the environment variable KRB5_CONFIG only. The variable belongs to the whole
process, which may contain several labs with the same realm name. And the KDC gateway runs on the caller's event loop,
so a blocking call on that loop would wait for itself. Therefore one worker thread makes all calls: it sets the variable
to the lab's file, calls libkrb5, and restores the variable. So a client whose KDC does not answer delays the other
clients.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

import gssapi
from gssapi import raw
from gssapi.raw.misc import GSSError

from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.gsserrors import format_minor_error, read_krb5_code
from ssosim.kerberos.tickets import TicketError, TicketErrorKind

__all__ = ["Initiator"]

SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
DEFAULT_CONFIG = "/etc/krb5.conf"

# Error numbers of libkrb5 itself, above those of the protocol. Source: krb5_err.et.
_KDC_UNREACH, _REALM_UNKNOWN, _FCC_NOFILE, _CC_NOTFOUND = 156, 152, 195, 243
_NO_CRED, _CREDENTIALS_EXPIRED = 7, 11


_BY_CODE: Mapping[int | None, TicketErrorKind] = {
    KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN: TicketErrorKind.SERVER_UNKNOWN,
    KrbCode.KRB_AP_ERR_TKT_EXPIRED: TicketErrorKind.EXPIRED,
    _KDC_UNREACH: TicketErrorKind.KDC_UNREACHABLE,
    _REALM_UNKNOWN: TicketErrorKind.KDC_UNREACHABLE,
    _FCC_NOFILE: TicketErrorKind.NO_CREDENTIALS,
    _CC_NOTFOUND: TicketErrorKind.NO_CREDENTIALS,
}


class Initiator:
    """Gets service tickets for a user with the credential cache file ``ccache`` and the settings in ``krb5_conf``."""

    def __init__(self, krb5_conf: Path, ccache: Path) -> None:
        self._krb5_conf = krb5_conf
        self._ccache = ccache

    async def request_token(
        self,
        spn: str,
        *,
        mechanism: Literal["spnego", "kerberos"] = "spnego",
        mutual: bool = True,
        channel_bindings: bytes = b"",
    ) -> bytes:
        """A new Negotiate token for the service ``spn``, such as ``HTTP/host``.

        The KDC is contacted unless the ticket is in the cache. The name type is "Kerberos principal", so libkrb5
        neither canonicalises nor changes ``spn``: a client model applies its SPN rule before the call.
        ``channel_bindings``: what the token is bound to (RFC 5929, section 4); empty: nothing. Raises TicketError.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            _start_worker(), self._request_token, spn, mechanism, mutual, channel_bindings
        )

    def _request_token(self, spn: str, mechanism: str, mutual: bool, channel_bindings: bytes) -> bytes:
        bindings = raw.ChannelBindings(application_data=channel_bindings) if channel_bindings else None
        # Never without flags: python-gssapi would use its default, mutual authentication.
        flag = gssapi.RequirementFlag
        flags = flag.mutual_authentication if mutual else flag.replay_detection
        with _krb5_config(self._krb5_conf):
            try:
                # Bytes, not str: see ``_credential_store`` in acceptor.py.
                store: dict[bytes | str, bytes | str] = {b"ccache": f"FILE:{self._ccache}".encode()}
                credentials = raw.acquire_cred_from(store, usage="initiate").creds
                target = raw.import_name(spn.encode(), gssapi.NameType.kerberos_principal)
                # First with Kerberos alone: GSS-API renumbers errors that pass through SPNEGO. After that the ticket is
                # in the cache, so the second call contacts no KDC.
                result = raw.init_sec_context(
                    target, credentials, mech=gssapi.MechType.kerberos, flags=flags, channel_bindings=bindings
                )
                if mechanism == "spnego":
                    result = raw.init_sec_context(
                        target, credentials, mech=SPNEGO, flags=flags, channel_bindings=bindings
                    )
            except GSSError as error:
                raise _build_ticket_error(error) from error
        return result.token or b""


@cache
def _start_worker() -> ThreadPoolExecutor:
    # From here on the variable always exists. So a change replaces one pointer, and a thread that reads it at the same
    # time gets the old value or the new one (glibc never frees the old string).
    os.environ.setdefault("KRB5_CONFIG", DEFAULT_CONFIG)
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="gssapi")


@contextmanager
def _krb5_config(path: Path) -> Iterator[None]:
    before = os.environ["KRB5_CONFIG"]
    os.environ["KRB5_CONFIG"] = str(path)
    try:
        yield
    finally:
        os.environ["KRB5_CONFIG"] = before


def _build_ticket_error(error: GSSError) -> TicketError:
    routine = (error.maj_code >> 16) & 0xFF
    if routine == _CREDENTIALS_EXPIRED:
        kind = TicketErrorKind.EXPIRED
    elif routine == _NO_CRED:
        kind = TicketErrorKind.NO_CREDENTIALS
    else:
        kind = _BY_CODE.get(read_krb5_code(error), TicketErrorKind.OTHER)
    return TicketError(kind, format_minor_error(error))
