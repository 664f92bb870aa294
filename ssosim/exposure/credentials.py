"""The credentials that a lab knows, and how each is recognised in text or bytes.

Passwords and client secrets are those of the estate. Everything that the provider issues is recognised by its own form
and key, so that no index grows during a run: refresh tokens and codes are sealed with the provider's secret, access
tokens name its key, client assertions and federated tokens their issuer, assertions and tickets have their syntax, a
code verifier hashes to a challenge that was seen (RFC 7636, section 4.6), device codes are in the provider's store.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from urllib.parse import urlsplit

import msgspec

from ssosim.entra import Provider
from ssosim.entra.core.keys import SigningKey
from ssosim.entra.oauth.tokens import REFRESH_PURPOSE
from ssosim.entra.wstrust.autologon import BROWSER_SSO_PURPOSE, DESKTOP_SSO_PURPOSE
from ssosim.estate import Estate

__all__ = ["CredentialKind", "FoundCredential", "KnownCredentials", "ReadTicket"]

ReadTicket = Callable[[bytes], str | None]
"""Returns the service that a ticket or Negotiate token is for; None if the bytes are none of these."""

_SHORT = 6
_MOST_CHALLENGES = 10_000
_CODE_PURPOSE = "authorization-code"
_JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*")
_TOKEN = 56
"""Characters of the shortest run that may be a token of the provider."""
_BASE64URL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_BLANKS_BETWEEN = bytes(byte if byte in _BASE64URL else 0x20 for byte in range(256))
_KEY_OR_TOKEN = re.compile(rb"[A-Za-z0-9+/_-]{56,}")
_LETTERS = _BASE64URL | frozenset(b"+/")
_OF_TOKEN = bytes(byte in _LETTERS for byte in range(256))
_STEP, _SEVEN = 8, bytes([True] * 7)
_VERIFIER = re.compile(rb"[A-Za-z0-9._~-]{43,128}")
_ASSERTION = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?Assertion[\s>]")
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")


class CredentialKind(StrEnum):
    """The kind of a credential, as the trace and reports name it."""

    PASSWORD = "password"  # noqa: S105 - a kind's name
    CLIENT_SECRET = "client secret"  # noqa: S105 - a kind's name
    TICKET = "ticket"
    ASSERTION = "assertion"
    CLIENT_ASSERTION = "client assertion"
    FEDERATED_TOKEN = "federated token"  # noqa: S105 - a kind's name
    REFRESH_TOKEN = "refresh token"  # noqa: S105 - a kind's name
    ACCESS_TOKEN = "access token"  # noqa: S105 - a kind's name
    AUTHORIZATION_CODE = "authorization code"
    CODE_VERIFIER = "code verifier"
    DEVICE_CODE = "device code"
    PRIVATE_KEY = "private key"

    @property
    def with_article(self) -> str:
        """The kind with its article: ``an assertion``."""
        return f"{'an' if self[0] in 'aeiou' else 'a'} {self}"


@dataclass(frozen=True, slots=True)
class FoundCredential:
    """A credential in a request. ``owner`` is the user, application, or service (of a ticket) that it belongs to.

    ``federated``: the password of a user of a federated domain. ``audience`` is that of an access token.
    ``redirect_hosts`` are the hosts to which codes are sent.
    """

    kind: CredentialKind
    owner: str = ""
    federated: bool = False
    audience: str = ""
    redirect_hosts: frozenset[str] = frozenset()


class KnownCredentials:
    """Recognises the credentials of ``provider`` and of its estate. ``read_ticket`` recognises tickets.

    ``challenges`` holds the code challenges that were seen.
    """

    def __init__(self, provider: Provider, read_ticket: ReadTicket, challenges: dict[str, None] | None = None) -> None:
        estate = provider.estate
        self._provider = provider
        self._read_ticket = read_ticket
        self._challenges = {} if challenges is None else challenges
        self._texts = _collect_texts(estate)
        self._applications = {each.client_id.lower(): each.name for each in estate.applications}
        trusted = (each.issuer for application in estate.applications for each in application.federated_credentials)
        self._issuers = frozenset((*trusted, *(each.issuer for each in estate.openid_issuers)))
        self._redirect_hosts = frozenset(
            (urlsplit(entry if isinstance(entry, str) else entry.uri).hostname or "").lower()
            for application in estate.applications
            for entry in application.redirect_uris
        )

    @property
    def texts(self) -> tuple[bytes, ...]:
        """The passwords and client secrets, as UTF-8."""
        return tuple(text for text, _ in self._texts)

    @property
    def owners_of_texts(self) -> tuple[tuple[bytes, tuple[FoundCredential, ...]], ...]:
        """Each of ``texts`` with the credentials that it is."""
        return self._texts

    def add_challenge(self, challenge: str) -> None:
        """Note a code challenge, by which its verifier is recognised. The oldest of 10,000 is forgotten."""
        self._challenges[challenge] = None
        if len(self._challenges) > _MOST_CHALLENGES:
            del self._challenges[next(iter(self._challenges))]

    def find(self, view: bytes) -> Iterator[FoundCredential]:
        """Yield the credentials that are in ``view`` as they are; ``ssosim.exposure.decoding`` undoes encodings."""
        yield from self._find_texts(view)
        service = self._read_ticket(view)
        if service is not None:
            yield FoundCredential(CredentialKind.TICKET, service)
        if _ASSERTION.search(view) and b"urn:oasis:names:tc:SAML:" in view:
            yield FoundCredential(CredentialKind.ASSERTION)
        if _PRIVATE_KEY.search(view) or any(line in view for line in self._key_lines):
            yield FoundCredential(CredentialKind.PRIVATE_KEY)
        for token in _JWT.findall(view):
            yield from self._read_jwt(token)
        for run in view.translate(_BLANKS_BETWEEN).split(b" "):
            if len(run) >= _TOKEN:
                yield from self._read_opaque(run.decode())
        if self._challenges:
            yield from self._find_verifiers(view)

    def may_hold_by_octets(self, data: bytes) -> bool:
        """Return False if ``data``, and no part of it, holds a credential that is recognised by the octets it has.

        That is all of them but tickets, and code verifiers while challenges are known. It errs on one side only.
        """
        return (
            any(text in data for text, _ in self._texts)
            or b"Assertion" in data
            or b"PRIVATE KEY" in data
            or (b"eyJ" in data and _JWT.search(data) is not None)
            or (_has_long_run(data) and _KEY_OR_TOKEN.search(data) is not None)
        )

    def holds_text(self, view: bytes) -> bool:
        """Return whether ``view`` holds a password or a client secret."""
        return any(True for _ in self._find_texts(view))

    def read_ticket(self, view: bytes) -> str | None:
        """Return the service of the ticket that ``view`` is; None if it is none."""
        return self._read_ticket(view)

    @property
    def has_challenges(self) -> bool:
        """Whether a code challenge was seen, so that a code verifier can be recognised."""
        return bool(self._challenges)

    def _find_texts(self, view: bytes) -> Iterator[FoundCredential]:
        for text, found in self._texts:
            if text in view and (len(text) >= _SHORT or _is_word(text, view)):
                yield from found

    def _find_verifiers(self, view: bytes) -> Iterator[FoundCredential]:
        for run in _VERIFIER.findall(view):
            digest = base64.urlsafe_b64encode(hashlib.sha256(run).digest()).rstrip(b"=").decode()
            if digest in self._challenges:
                yield FoundCredential(CredentialKind.CODE_VERIFIER)

    def _read_opaque(self, run: str) -> Iterator[FoundCredential]:
        providers = self._provider.list_clouds()
        if any(each.device_codes.find_by_device_code(run) is not None for each in providers):
            yield FoundCredential(CredentialKind.DEVICE_CODE)
            return
        purposes = (each.sealer.find_purpose(run, _PURPOSES) for each in providers)
        match next((purpose for purpose in purposes if purpose is not None), None):
            case None:
                return
            case "authorization-code":
                yield FoundCredential(CredentialKind.AUTHORIZATION_CODE, redirect_hosts=self._redirect_hosts)
            case purpose:
                is_refresh = purpose == REFRESH_PURPOSE
                yield FoundCredential(CredentialKind.REFRESH_TOKEN if is_refresh else CredentialKind.ASSERTION)

    def _read_jwt(self, token: bytes) -> Iterator[FoundCredential]:
        """Yield an access token of the provider, a client assertion, or a token that a federated credential takes.

        Id tokens are no credential: they are made to be passed on. A client assertion has the application as issuer and
        as subject (RFC 7523, section 3).
        """
        head, payload, _ = token.split(b".")
        try:
            header, claims = (msgspec.json.decode(_decode_base64url(part)) for part in (head, payload))
        except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError):  # nested deeper than any token
            return
        if not isinstance(header, dict) or not isinstance(claims, dict):
            return
        ours = [key.key_id for key in self._provider.keys.clouds]
        is_ours = any(header.get(name) in ours for name in ("kid", "x5t"))
        if is_ours and not claims.keys().isdisjoint({"scp", "appid", "azp"}):
            owner = str(claims.get("upn") or claims.get("preferred_username") or claims.get("appid") or "")
            yield FoundCredential(CredentialKind.ACCESS_TOKEN, owner, audience=str(claims.get("aud", "")))
        issuer, subject = claims.get("iss"), claims.get("sub")
        if isinstance(issuer, str) and issuer == subject and issuer.lower() in self._applications:
            yield FoundCredential(CredentialKind.CLIENT_ASSERTION, self._applications[issuer.lower()])
        elif isinstance(issuer, str) and issuer in self._issuers:
            yield FoundCredential(CredentialKind.FEDERATED_TOKEN, str(subject))

    @cached_property
    def _key_lines(self) -> tuple[bytes, ...]:
        """One line of the PEM form of each private key of the lab."""
        keys: tuple[SigningKey, ...] = (*self._provider.keys.clouds, *self._provider.keys.federation.values())
        return tuple(key.to_pem().splitlines()[5] for key in keys)


def _has_long_run(data: bytes) -> bool:
    """Return False if ``data`` has no 56 octets in a row that a token or a line of a key has. It looks at each eighth.

    Such a run has seven of these octets, one after the other.
    """
    return _SEVEN in data[::_STEP].translate(_OF_TOKEN)


_PURPOSES = (_CODE_PURPOSE, REFRESH_PURPOSE, DESKTOP_SSO_PURPOSE, BROWSER_SSO_PURPOSE)


def _collect_texts(estate: Estate) -> tuple[tuple[bytes, tuple[FoundCredential, ...]], ...]:
    found: dict[str, list[FoundCredential]] = {}
    for user in estate.users:
        if user.password:
            domain = estate.domain(user.upn.rpartition("@")[2])
            federated = domain is not None and domain[1].kind == "federated"
            found.setdefault(user.password, []).append(FoundCredential(CredentialKind.PASSWORD, user.upn, federated))
    for application in estate.applications:
        credential = FoundCredential(CredentialKind.CLIENT_SECRET, application.name)
        for value in dict.fromkeys((application.client_secret or "", *(each.value for each in application.secrets))):
            if value:
                found.setdefault(value, []).append(credential)
    return tuple((text.encode(), tuple(owners)) for text, owners in found.items())


def _is_word(text: bytes, view: bytes) -> bool:
    """Whether ``text`` is a whole value in ``view``: a short password is a part of many other words."""
    return re.search(rb"(?:^|[=:,;\"'<>\s])" + re.escape(text) + rb"(?:$|[&,;\"'<>\s])", view) is not None


def _decode_base64url(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
