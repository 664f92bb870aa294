"""The GSS-API acceptor: checks the Negotiate tokens that clients send to a service.

Parts
-----
- ``Acceptor`` belongs to one service. It holds two GSS-API credentials made from the same keytab: one with a replay
  cache, one without.
- ``accept`` decides. GSS-API (libkrb5) makes the decision; this module gives the reason a name (``TicketRefusal``).
- ``_diagnose`` finds the reason of a refusal. It never changes the decision.

Rules that always hold
----------------------
- A token is accepted only if ``gss_accept_sec_context`` with the replay cache has accepted it and needs no further
  step.
- ``accept`` never raises, whatever bytes it gets. Every refusal has a reason and a text; neither contains a secret.
- The keytab file is read again for every token, so a new key on disk is used at once.
- Channel bindings (RFC 5056) are checked by libkrb5, if the service passes its own: a token with others is refused
  (GSS_S_BAD_BINDINGS), one without is accepted, unless the service requires them (GSS_C_CHANNEL_BOUND_FLAG, krb5 1.19).
- The replay cache is a file of this service alone. Without that setting libkrb5 uses one file in /var/tmp for all
  services of the user, and a token sent to one lab would be a replay in another.

How a refusal is diagnosed
--------------------------
1. The SPNEGO layer is read without GSS-API (``read_negotiate_token``). This finds NTLM, an unknown mechanism, a
   continuation token, and bytes that are no GSS-API token.
2. GSS-API renumbers the minor status of an error that passes through SPNEGO, and its texts depend on the locale. So the
   Kerberos token inside is given to GSS-API alone, which returns the error number of libkrb5 (RFC 4120, section 7.5.9).
3. This second call uses the credential *without* a replay cache: libkrb5 writes a token into the cache before it checks
   the ticket's times, so the first call has already stored it, and the second would only report a replay.
4. If the second call accepts the token, the replay cache was the reason, or the SPNEGO layer was. A third call, with
   the cache, tells these two apart.

What can go wrong
-----------------
- Accepting a token takes about 0.1 ms. A refusal makes up to three calls of GSS-API.
- ``clockskew`` is read by libkrb5 from krb5.conf. The value here is used to compute ``expires_at`` only, since libkrb5
  adds the tolerated skew to the remaining lifetime.
- An ``Acceptor`` must not be used from two threads.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import gssapi
from gssapi import raw
from gssapi.raw.exceptions import BadChannelBindingsError
from gssapi.raw.misc import GSSError
from gssapi.raw.named_tuples import AcceptSecContextResult

from ssosim.kerberos.codes import KrbCode, error_name
from ssosim.kerberos.gsserrors import format_minor_error, read_krb5_code
from ssosim.kerberos.kept_ticket_keys import KeptTicketKeys, describe_ticket_key, read_ticket_key
from ssosim.kerberos.messages import ApRequest, read_message
from ssosim.kerberos.spnego import NegotiateToken, read_negotiate_token
from ssosim.kerberos.tickets import (
    NO_BINDINGS,
    AcceptedToken,
    ChannelBindings,
    KeytabError,
    RefusedToken,
    TicketKey,
    TicketRefusal,
)

__all__ = ["Acceptor"]

MAX_TOKEN = 1 << 17
DEFAULT_CLOCKSKEW = 300

# From this number on, libkrb5's codes are its own and not those of the protocol. Source: krb5_err.et.
_FIRST_LIBRARY_CODE = 128

_BOUND = gssapi.RequirementFlag.channel_bound
_OTHER_BINDINGS = "Incorrect channel bindings were supplied: the client has another TLS connection than this service"

_REFUSAL_OF_CODE: Mapping[int, TicketRefusal] = {
    KrbCode.KRB_AP_ERR_BAD_INTEGRITY: TicketRefusal.WRONG_KEY,
    KrbCode.KRB_AP_ERR_MODIFIED: TicketRefusal.WRONG_KEY,
    KrbCode.KRB_AP_ERR_BADKEYVER: TicketRefusal.WRONG_KEY,
    KrbCode.KRB_AP_ERR_NOKEY: TicketRefusal.WRONG_KEY,
    KrbCode.KRB_AP_ERR_NOT_US: TicketRefusal.NOT_FOR_THIS_SERVICE,
    KrbCode.KRB_AP_ERR_TKT_EXPIRED: TicketRefusal.EXPIRED,
    KrbCode.KRB_AP_ERR_TKT_NYV: TicketRefusal.NOT_YET_VALID,
    KrbCode.KRB_AP_ERR_SKEW: TicketRefusal.CLOCK_SKEW,
    KrbCode.KRB_AP_ERR_REPEAT: TicketRefusal.REPLAYED,
    KrbCode.KRB_AP_ERR_BADVERSION: TicketRefusal.MALFORMED,
    KrbCode.KRB_AP_ERR_MSG_TYPE: TicketRefusal.MALFORMED,
}


class Acceptor:
    """Checks Negotiate tokens with the keys in the file ``keytab``, and detects replays with the cache file ``rcache``.

    ``clockskew`` (seconds) must be the value in krb5.conf; it is used to compute ``expires_at``. Not thread-safe.
    Raises KeytabError.
    """

    def __init__(self, keytab: Path, rcache: Path, *, clockskew: int = DEFAULT_CLOCKSKEW) -> None:
        with_rcache = _credential_store(keytab, f"file2:{rcache}")
        without_rcache = _credential_store(keytab, "none:")
        try:
            self._credentials = raw.acquire_cred_from(with_rcache, usage="accept").creds
            self._credentials_without_rcache = raw.acquire_cred_from(without_rcache, usage="accept").creds
        except GSSError as error:
            raise KeytabError(f"{keytab}: {format_minor_error(error)}") from error
        self._clockskew = clockskew
        self._ticket_keys = KeptTicketKeys()

    def accept(self, token: bytes, bindings: ChannelBindings | None = None) -> AcceptedToken | RefusedToken:
        """Check one token, already decoded from base64. Takes about 0.1 ms. Raises nothing, whatever the bytes are.

        ``bindings`` None: those of the client do not matter.
        """
        if not 0 < len(token) <= MAX_TOKEN:
            return RefusedToken("unknown", TicketRefusal.MALFORMED, f"a token of {len(token)} bytes")
        own = None if bindings is None else raw.ChannelBindings(application_data=bindings.application_data)
        try:
            result = raw.accept_sec_context(token, self._credentials, channel_bindings=own)
        except BadChannelBindingsError:
            return self._refuse_bindings(read_negotiate_token(token), _OTHER_BINDINGS)
        except GSSError as error:
            return self._refuse(read_negotiate_token(token), error)
        if result.more_steps:
            return self._refuse_unfinished(read_negotiate_token(token))
        if bindings is not None and bindings.required and not int(result.flags) & _BOUND:
            return self._refuse_bindings(read_negotiate_token(token), NO_BINDINGS)
        return self._build_accepted(result, self._ticket_keys.read(token))

    def _build_accepted(self, result: AcceptSecContextResult, key: TicketKey | None) -> AcceptedToken:
        # GSS-API names the keytab entry that opened the ticket. An account's entries have one key, so that may be
        # another of its principals; what the client asked for is in the ticket.
        service = f"{key.service}@{key.realm}" if key else _format_name(_target_of(result))
        return AcceptedToken(
            principal=_format_name(result.initiator_name),
            service=service,
            reply=result.token or None,
            expires_at=time.time() + (result.lifetime or 0) - self._clockskew,
            key=key,
        )

    def _refuse_bindings(self, negotiate: NegotiateToken, text: str) -> RefusedToken:
        key = read_ticket_key(negotiate.ap_request)
        return RefusedToken("kerberos", TicketRefusal.BAD_BINDINGS, text, key.service if key else "", key)

    def _refuse_unfinished(self, negotiate: NegotiateToken) -> RefusedToken:
        if negotiate.mechanism == "ntlm":
            return RefusedToken("ntlm", TicketRefusal.NTLM, "an NTLM token inside Negotiate")
        key = read_ticket_key(negotiate.ap_request)
        if key is not None:
            text = "the client asked for a third message (GSS_C_DCE_STYLE), which HTTP Negotiate does not have"
            return RefusedToken(negotiate.mechanism, TicketRefusal.NEEDS_MORE, text, key.service, key)
        return RefusedToken(negotiate.mechanism, TicketRefusal.NEEDS_MORE, "the client sent no Kerberos token")

    def _refuse(self, negotiate: NegotiateToken, error: GSSError) -> RefusedToken:
        mechanism = negotiate.mechanism
        if mechanism == "ntlm":
            return self._refuse_unfinished(negotiate)
        if not negotiate.first_leg:
            text = "a continuation token without an earlier exchange"
            return RefusedToken(mechanism, TicketRefusal.NEEDS_MORE, text)
        if not negotiate.readable:
            return RefusedToken("unknown", TicketRefusal.MALFORMED, "not a GSS-API token")
        if mechanism == "unknown":
            return RefusedToken("unknown", TicketRefusal.UNKNOWN_MECHANISM, format_minor_error(error))
        request = read_message(negotiate.ap_request)
        if not isinstance(request, ApRequest):
            text = f"no readable AP-REQ: {format_minor_error(error)}"
            return RefusedToken(mechanism, TicketRefusal.MALFORMED, text)
        reason, text = self._diagnose(negotiate.mech_token, error)
        return RefusedToken(mechanism, reason, text, request.service, describe_ticket_key(request))

    def _diagnose(self, mech_token: bytes, error: GSSError) -> tuple[TicketRefusal, str]:
        """The reason why the Kerberos token ``mech_token`` was refused with ``error``. See the module's docstring."""
        try:
            raw.accept_sec_context(mech_token, self._credentials_without_rcache)
        except GSSError as kerberos_error:
            code = read_krb5_code(kerberos_error)
            if code is None or code >= _FIRST_LIBRARY_CODE:
                return TicketRefusal.MALFORMED, format_minor_error(kerberos_error)
            refusal = _REFUSAL_OF_CODE.get(code, TicketRefusal.OTHER)
            return refusal, f"{error_name(code)}: {format_minor_error(kerberos_error)}"
        try:
            raw.accept_sec_context(mech_token, self._credentials)
        except GSSError as kerberos_error:
            if read_krb5_code(kerberos_error) == KrbCode.KRB_AP_ERR_REPEAT:
                text = f"{error_name(KrbCode.KRB_AP_ERR_REPEAT)}: {format_minor_error(kerberos_error)}"
                return TicketRefusal.REPLAYED, text
        return TicketRefusal.MALFORMED, format_minor_error(error)


def _target_of(result: AcceptSecContextResult) -> raw.Name | None:
    # Only the target name is requested: a request for every property takes twice as long.
    return raw.inquire_context(
        result.context,
        initiator_name=False,
        lifetime=False,
        mech=False,
        flags=False,
        locally_init=False,
        complete=False,
    ).target_name


def _credential_store(keytab: Path, rcache: str) -> dict[bytes | str, bytes | str]:
    # Bytes, not str: with str and the cache "none:", python-gssapi 1.12.0 ignored the keytab and used
    # /etc/krb5.keytab, every time; with bytes never. The reason is unconfirmed.
    return {b"keytab": f"FILE:{keytab}".encode(), b"rcache": rcache.encode()}


def _format_name(name: raw.Name | None) -> str:
    return raw.display_name(name, name_type=False).name.decode("utf-8", "replace") if name else ""
