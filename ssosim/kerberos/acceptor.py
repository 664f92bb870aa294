"""The service's side of Negotiate: is this ticket ours, valid, and new? GSS-API decides; here its answer is named."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from gssapi import raw
from gssapi.raw.misc import GSSError
from gssapi.raw.named_tuples import AcceptSecContextResult

from ssosim.kerberos.codes import KrbCode, error_name
from ssosim.kerberos.gsserrors import krb5_code, minor_text
from ssosim.kerberos.messages import ApRequest, read_message
from ssosim.kerberos.spnego import NegotiateToken, look_inside
from ssosim.kerberos.tickets import Accepted, KeytabError, Refusal, Refused

__all__ = ["Acceptor"]

MAX_TOKEN = 1 << 17
DEFAULT_CLOCKSKEW = 300


_BY_CODE: Mapping[int, Refusal] = {
    KrbCode.KRB_AP_ERR_BAD_INTEGRITY: Refusal.WRONG_KEY,
    KrbCode.KRB_AP_ERR_MODIFIED: Refusal.WRONG_KEY,
    KrbCode.KRB_AP_ERR_BADKEYVER: Refusal.WRONG_KEY,
    KrbCode.KRB_AP_ERR_NOKEY: Refusal.WRONG_KEY,
    KrbCode.KRB_AP_ERR_NOT_US: Refusal.NOT_FOR_THIS_SERVICE,
    KrbCode.KRB_AP_ERR_TKT_EXPIRED: Refusal.EXPIRED,
    KrbCode.KRB_AP_ERR_TKT_NYV: Refusal.NOT_YET_VALID,
    KrbCode.KRB_AP_ERR_SKEW: Refusal.CLOCK_SKEW,
    KrbCode.KRB_AP_ERR_REPEAT: Refusal.REPLAYED,
    KrbCode.KRB_AP_ERR_BADVERSION: Refusal.MALFORMED,
    KrbCode.KRB_AP_ERR_MSG_TYPE: Refusal.MALFORMED,
}


class Acceptor:
    """Checks Negotiate tokens with the keys in ``keytab``; remembers them in the file ``rcache`` against replay.

    The keytab is read at every token: a key that is rolled on disk counts at once. Not for use from two threads.
    ``clockskew`` in seconds is what libkrb5 tolerates; it is read from krb5.conf and only repeated here to compute
    ``expires_at``. Raises KeytabError.
    """

    def __init__(self, keytab: Path, rcache: Path, *, clockskew: int = DEFAULT_CLOCKSKEW) -> None:
        # Without a cache of its own libkrb5 keeps one for all services of the user, in /var/tmp.
        store = _store(keytab, f"file2:{rcache}")
        forgetful = _store(keytab, "none:")
        try:
            self._credentials = raw.acquire_cred_from(store, usage="accept").creds
            self._forgetful = raw.acquire_cred_from(forgetful, usage="accept").creds
        except GSSError as error:
            raise KeytabError(f"{keytab}: {minor_text(error)}") from error
        self._clockskew = clockskew

    def accept(self, token: bytes) -> Accepted | Refused:
        """Judge one token, base64 already removed; takes about 0.1 ms. Never raises for any bytes."""
        if not 0 < len(token) <= MAX_TOKEN:
            return Refused("unknown", Refusal.MALFORMED, f"a token of {len(token)} bytes")
        try:
            result = raw.accept_sec_context(token, self._credentials)
        except GSSError as error:
            return self._refused(look_inside(token), error)
        return self._unfinished(look_inside(token)) if result.more_steps else self._accepted(result)

    def _accepted(self, result: AcceptSecContextResult) -> Accepted:
        # Nothing but the one name: all that can be asked costs twice as much.
        target = raw.inquire_context(
            result.context,
            initiator_name=False,
            lifetime=False,
            mech=False,
            flags=False,
            locally_init=False,
            complete=False,
        ).target_name
        return Accepted(
            principal=_display(result.initiator_name),
            service=_display(target),
            reply=result.token or None,
            expires_at=time.time() + (result.lifetime or 0) - self._clockskew,
        )

    def _unfinished(self, inside: NegotiateToken) -> Refused:
        if inside.mechanism == "ntlm":
            return Refused("ntlm", Refusal.NTLM, "an NTLM token inside Negotiate")
        return Refused(inside.mechanism, Refusal.NEEDS_MORE, "the client sent no Kerberos token")

    def _refused(self, inside: NegotiateToken, error: GSSError) -> Refused:
        if inside.mechanism == "ntlm":
            return self._unfinished(inside)
        if not inside.first_leg:
            return Refused(inside.mechanism, Refusal.NEEDS_MORE, "a continuation of an exchange that nobody began")
        if not inside.readable:
            return Refused("unknown", Refusal.MALFORMED, "not a GSS-API token")
        if inside.mechanism == "unknown":
            return Refused("unknown", Refusal.UNKNOWN_MECHANISM, minor_text(error))
        request = read_message(inside.ap_request)
        if not isinstance(request, ApRequest):
            return Refused(inside.mechanism, Refusal.MALFORMED, f"no readable AP-REQ: {minor_text(error)}")
        reason, text = self._diagnose(inside.mech_token, error)
        return Refused(inside.mechanism, reason, text, request.service)

    def _diagnose(self, mech_token: bytes, error: GSSError) -> tuple[Refusal, str]:
        """Why the Kerberos token ``mech_token`` was refused with ``error``; its verdict is not used.

        The mechanism glue renumbers minor codes that come up through SPNEGO, and texts depend on the locale. So the
        Kerberos token inside is refused once more, alone, which gives libkrb5's own number; without a replay cache,
        for libkrb5 writes there before it looks at the time, and would find what the first refusal left.
        """
        try:
            raw.accept_sec_context(mech_token, self._forgetful)
        except GSSError as bare:
            code = krb5_code(bare)
            if code is None or code >= 128:
                return Refusal.MALFORMED, minor_text(bare)
            return _BY_CODE.get(code, Refusal.OTHER), f"{error_name(code)}: {minor_text(bare)}"
        try:
            raw.accept_sec_context(mech_token, self._credentials)
        except GSSError as bare:
            if krb5_code(bare) == KrbCode.KRB_AP_ERR_REPEAT:
                return Refusal.REPLAYED, f"{error_name(KrbCode.KRB_AP_ERR_REPEAT)}: {minor_text(bare)}"
        return Refusal.MALFORMED, minor_text(error)


def _store(keytab: Path, rcache: str) -> dict[bytes | str, bytes | str]:
    # Bytes, not text: with text and the cache "none:", python-gssapi 1.12.0 was seen to lose the keytab and take
    # /etc/krb5.keytab, every time; with bytes never. Why is unconfirmed.
    return {b"keytab": f"FILE:{keytab}".encode(), b"rcache": rcache.encode()}


def _display(name: raw.Name | None) -> str:
    return raw.display_name(name, name_type=False).name.decode("utf-8", "replace") if name else ""
