"""The client's side of Negotiate, inside this process: tickets for client models.

libkrb5 finds its configuration through the environment variable KRB5_CONFIG alone, which belongs to the whole
process, while several labs with one realm name may live in it. And the KDC's gateway runs on the caller's event loop,
so a blocking call there would wait for itself. Hence one worker thread for all: it points the variable at the lab's
file, calls, and points it back. A client whose KDC is silent therefore keeps the others waiting.
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
from ssosim.kerberos.gsserrors import krb5_code, minor_text
from ssosim.kerberos.tickets import TicketError, TicketFailure

__all__ = ["Initiator"]

SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
DEFAULT_CONFIG = "/etc/krb5.conf"

# Of libkrb5's own numbers above the protocol's (krb5_err.et).
_KDC_UNREACH, _REALM_UNKNOWN, _FCC_NOFILE, _CC_NOTFOUND = 156, 152, 195, 243
_NO_CRED, _CREDENTIALS_EXPIRED = 7, 11


_BY_CODE: Mapping[int | None, TicketFailure] = {
    KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN: TicketFailure.SERVER_UNKNOWN,
    KrbCode.KRB_AP_ERR_TKT_EXPIRED: TicketFailure.EXPIRED,
    _KDC_UNREACH: TicketFailure.KDC_UNREACHABLE,
    _REALM_UNKNOWN: TicketFailure.KDC_UNREACHABLE,
    _FCC_NOFILE: TicketFailure.NO_CREDENTIALS,
    _CC_NOTFOUND: TicketFailure.NO_CREDENTIALS,
}


class Initiator:
    """A signed-on user: tickets from the credential cache file ``ccache``, with the settings in ``krb5_conf``."""

    def __init__(self, krb5_conf: Path, ccache: Path) -> None:
        self._krb5_conf = krb5_conf
        self._ccache = ccache

    async def token(
        self, spn: str, *, mechanism: Literal["spnego", "kerberos"] = "spnego", mutual: bool = True
    ) -> bytes:
        """A fresh Negotiate token for the service ``spn``, such as ``HTTP/host``; asks the KDC if it must.

        The name is taken as it stands (name type "Kerberos principal"): libkrb5 looks up nothing and changes nothing,
        so a client model applies its own rule first. Raises TicketError.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_worker(), self._token, spn, mechanism, mutual)

    def _token(self, spn: str, mechanism: str, mutual: bool) -> bytes:
        # Never empty: python-gssapi would put its own default, mutual authentication, in the place of no flags.
        flag = gssapi.RequirementFlag
        flags = flag.mutual_authentication if mutual else flag.replay_detection
        with _config(self._krb5_conf):
            try:
                # Bytes, not text: see ``_store`` in acceptor.py.
                store: dict[bytes | str, bytes | str] = {b"ccache": f"FILE:{self._ccache}".encode()}
                credentials = raw.acquire_cred_from(store, usage="initiate").creds
                target = raw.import_name(spn.encode(), gssapi.NameType.kerberos_principal)
                # Kerberos alone first, for the glue renumbers the errors that come up through SPNEGO. The ticket is
                # in the cache after that, and the second call asks nobody.
                bare = raw.init_sec_context(target, credentials, mech=gssapi.MechType.kerberos, flags=flags)
                if mechanism == "spnego":
                    bare = raw.init_sec_context(target, credentials, mech=SPNEGO, flags=flags)
            except GSSError as error:
                raise _ticket_error(error) from error
        return bare.token or b""


@cache
def _worker() -> ThreadPoolExecutor:
    # The variable is always there from now on: then a change swaps a pointer, and a thread that reads it meanwhile
    # sees one value or the other (glibc never frees the old string).
    os.environ.setdefault("KRB5_CONFIG", DEFAULT_CONFIG)
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="gssapi")


@contextmanager
def _config(path: Path) -> Iterator[None]:
    before = os.environ["KRB5_CONFIG"]
    os.environ["KRB5_CONFIG"] = str(path)
    try:
        yield
    finally:
        os.environ["KRB5_CONFIG"] = before


def _ticket_error(error: GSSError) -> TicketError:
    routine = (error.maj_code >> 16) & 0xFF
    if routine == _CREDENTIALS_EXPIRED:
        kind = TicketFailure.EXPIRED
    elif routine == _NO_CRED:
        kind = TicketFailure.NO_CREDENTIALS
    else:
        kind = _BY_CODE.get(krb5_code(error), TicketFailure.OTHER)
    return TicketError(kind, minor_text(error))
