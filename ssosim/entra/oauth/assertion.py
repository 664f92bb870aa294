"""Verification of an assertion that came to the token endpoint.

Nothing of the document is believed before a seal or a signature holds, and then only what these cover: for a signed
assertion the one element that signxml returns, never the document that was posted (XML signature wrapping).
Codes: 50013 for a broken seal, 70002 + 50008 + 50006 for a signature, 70002 + 50008 for anything else that is wrong
with the assertion (ADAL Python issue 80 shows both chains), 50107 for an issuer that nobody knows (azure-docs issue
40210).
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from dataclasses import dataclass
from typing import Literal

from lxml.etree import LxmlError, _Element

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.keys import SigningKey
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.realm_discovery import federation_service_of_domain
from ssosim.entra.core.safe_xml import InvalidXmlError, parse_xml
from ssosim.entra.core.sealed_tokens import DesktopSsoClaims, SealedTokenError
from ssosim.entra.wstrust.autologon import DESKTOP_SSO_PURPOSE
from ssosim.entra.wstrust.saml_read import (
    AssertionClaims,
    MalformedAssertionError,
    assertion_id,
    read_assertion,
    read_claimed_issuer,
)
from ssosim.entra.wstrust.saml_write import DSIG, SAML1, SAML2, wrap_desktop_sso_token
from ssosim.estate import FederationService, Tenant, User

__all__ = ["VerifiedSubject", "decode_assertion", "verify_assertion"]

_LIMIT = 256 * 1024
# A reference of SAML has two transforms (SAML core, section 5.4.4); a chain of ten certificates is 40 elements.
_MOST_TRANSFORMS, _MOST_PREFIXES, _MOST_IN_SIGNATURE = 4, 512, 80
_URL_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
# The very text that autologon gives out. What it says is in the sealed token alone, so nothing need be parsed.
_SHELL = re.compile(re.escape(wrap_desktop_sso_token("|")).replace(r"\|", r"([\w-]{1,16384})").encode(), re.ASCII)


@dataclass(frozen=True, slots=True)
class VerifiedSubject:
    """Who an assertion signs in, and how they had proved it (an authentication method URI)."""

    user: User
    method: str


def decode_assertion(text: str) -> bytes:
    """Standard base64 or base64url, with padding or without, line breaks allowed; raises AadstsError 50008.

    Sources: MSAL.NET IntegratedWindowsAuthRequest.cs (standard), MSAL Python oauth2.py (url, no padding).
    """
    try:
        compact = text.encode("ascii").translate(_URL_TO_STANDARD, string.whitespace.encode()).rstrip(b"=")
    except UnicodeEncodeError:
        raise AadstsError(50008, reason="The assertion is not base64.") from None
    if len(compact) > _LIMIT * 4 // 3:
        raise AadstsError(50008, reason="The assertion is too large.")
    try:
        return base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True).strip()
    except (binascii.Error, ValueError):
        raise AadstsError(50008, reason="The assertion is not base64.") from None


def verify_assertion(
    provider: Provider, text: str, now: float, grant: Literal["saml1_1-bearer", "saml2-bearer"]
) -> VerifiedSubject:
    """The user whom ``text`` (as posted) signs in; raises AadstsError."""
    document = decode_assertion(text)
    if grant == "saml1_1-bearer" and (shell := _SHELL.fullmatch(document)):
        return _sealed(provider, shell[1].decode(), now)
    try:
        root = parse_xml(document, _LIMIT)
    except InvalidXmlError as error:
        raise AadstsError(50008, reason=str(error)) from None
    if root.tag not in (f"{{{SAML1}}}Assertion", f"{{{SAML2}}}Assertion"):
        raise AadstsError(50008, reason="The assertion is not a SAML assertion.")
    is_saml1 = root.tag == f"{{{SAML1}}}Assertion"
    if grant == "saml2-bearer" and is_saml1 and not provider.settings.saml2_grant_takes_saml1:
        raise AadstsError(7500514)
    if grant == "saml1_1-bearer" and not is_saml1:
        raise AadstsError(50008, reason="The assertion is not a SAML 1.1 assertion.")
    if is_saml1 and len(root) == 1 and root[0].tag == "DesktopSsoToken":
        return _sealed(provider, "".join((root[0].text or "").split()), now)
    return _signed(provider, root, now)


def _sealed(provider: Provider, token: str, now: float) -> VerifiedSubject:
    try:
        claims = provider.sealer.open(DESKTOP_SSO_PURPOSE, token, DesktopSsoClaims)
    except SealedTokenError:
        raise AadstsError(50013, reason="The DesktopSsoToken was not issued here or has been changed.") from None
    _check_validity(provider, claims.not_before, claims.not_on_or_after, (claims.audience,), now)
    user = provider.directory.find_user_by_id(claims.subject)
    tenant = provider.directory.find_tenant(claims.tenant)
    if user is None or tenant is None or provider.directory.find_home_tenant(user).id != tenant.id:
        raise AadstsError(50034, user=claims.subject, tenant=claims.tenant)
    return _use_once(provider, VerifiedSubject(user, claims.method), claims.id, claims.not_on_or_after, now)


def _signed(provider: Provider, root: _Element, now: float) -> VerifiedSubject:
    issuer = read_claimed_issuer(root)
    source = _issuer(provider, issuer)
    claims = read_signed_assertion(root, _key_of(provider, source))
    if claims.issuer != issuer:
        raise AadstsError(50006, id=claims.id, reason="The signed issuer is another.")
    _check_validity(provider, claims.not_before, claims.not_on_or_after, claims.audiences, now)
    user = _subject(provider, claims, source)
    return _use_once(
        provider, VerifiedSubject(user, claims.method), f"{issuer}|{claims.id}", claims.not_on_or_after, now
    )


def _issuer(provider: Provider, issuer: str) -> FederationService | Tenant:
    for service in provider.estate.federation_services:
        if service.issuer == issuer:
            return service
    for tenant in provider.estate.tenants:
        if endpoint_urls.autologon_issuer(provider.estate.cloud, tenant.id) == issuer:
            return tenant
    raise AadstsError(50107, realm=issuer[:256])


def _key_of(provider: Provider, source: FederationService | Tenant) -> SigningKey:
    if isinstance(source, Tenant):
        return provider.keys.cloud
    key = provider.keys.federation.get(source.name)
    if key is None:
        raise AadstsError(50107, realm=source.issuer)
    return key


def read_signed_assertion(root: _Element, key: SigningKey) -> AssertionClaims:
    """What the signed element inside ``root`` says, if the signature is by the pinned ``key``.

    Raises AadstsError 50006 (unsigned, forged, wrapped) or 50008 (malformed). The signature must be the root's own
    child, there must be no other in the document, and its one reference must be to the root.
    """
    # 60 ms of import, and most sign-ins (opaque token) never need it.
    from signxml.exceptions import SignXMLException  # noqa: PLC0415
    from signxml.verifier import SignatureConfiguration, XMLVerifier  # noqa: PLC0415

    name = assertion_id(root)
    signatures = list(root.iter(f"{{{DSIG}}}Signature"))
    if not name or len(signatures) != 1 or signatures[0].getparent() is not root:
        raise AadstsError(50006, id=name[:64], reason="Expected one signature, directly in the assertion.")
    _check_signature_size(signatures[0], name)
    id_attribute = "AssertionID" if root.get("AssertionID") else "ID"
    try:
        # The certificate as an object: as PEM text it would be parsed again each time, at 100 times the cost.
        result = XMLVerifier().verify(
            root,
            x509_cert=key.certificate,
            id_attribute=id_attribute,
            expect_config=SignatureConfiguration(location="./", expect_references=1),
        )
    except (SignXMLException, LxmlError, ValueError, TypeError, AttributeError, KeyError) as error:
        # ValueError and its like: signxml lets an unknown algorithm's or a broken base64's own error through.
        raise AadstsError(50006, id=name[:64], reason=f"{type(error).__name__}.") from None
    signed = None if isinstance(result, list) else result.signed_xml
    if signed is None or signed.tag != root.tag or assertion_id(signed) != name:
        raise AadstsError(50006, id=name[:64], reason="The signature does not cover the assertion.")
    try:
        return read_assertion(signed)
    except MalformedAssertionError as error:
        raise AadstsError(50008, reason=str(error)) from None


def _check_signature_size(signature: _Element, name: str) -> None:
    """That a signature is no larger than any that is made: each reference and transform costs a canonical form.

    Raises AadstsError 50006.
    """
    references = sum(1 for _ in signature.iterfind(f"{{{DSIG}}}SignedInfo/{{{DSIG}}}Reference"))
    transforms = sum(1 for _ in signature.iter(f"{{{DSIG}}}Transform"))
    prefixes = sum(len(each.get("PrefixList", "")) for each in signature.iter("{*}InclusiveNamespaces"))
    elements = sum(1 for _ in signature.iter())
    if references != 1 or transforms > _MOST_TRANSFORMS or prefixes > _MOST_PREFIXES or elements > _MOST_IN_SIGNATURE:
        raise AadstsError(50006, id=name[:64], reason="Expected one reference, and few transforms and certificates.")


def _check_validity(provider: Provider, start: float, end: float, audiences: tuple[str, ...], now: float) -> None:
    skew = provider.estate.cloud.clock_skew
    if provider.estate.cloud.audience_urn not in audiences:
        raise AadstsError(50008, reason="The assertion is for another audience.")
    if now + skew < start:
        raise AadstsError(50008, reason="The assertion is not yet valid.")
    if now - skew >= end:
        raise AadstsError(50008, reason="The assertion has expired.")


def _use_once(provider: Provider, subject: VerifiedSubject, identifier: str, end: float, now: float) -> VerifiedSubject:
    if not subject.user.enabled:
        raise AadstsError(50057)
    if provider.settings.refuse_replay and not provider.replay_cache.record_use(
        identifier, end + provider.estate.cloud.clock_skew, now
    ):
        raise AadstsError(50008, reason="The assertion has been used before.")
    return subject


def _subject(provider: Provider, claims: AssertionClaims, source: FederationService | Tenant) -> User:
    """The user by ImmutableID (NameIdentifier) or UPN; an issuer speaks for its own domains or tenant only."""
    directory = provider.directory
    if not claims.name_id and not claims.upn:
        raise AadstsError(90020)
    named = directory.find_users_by_immutable_id(claims.name_id) if claims.name_id else ()
    if not named and isinstance(source, Tenant):
        by_id = directory.find_user_by_id(claims.name_id)
        named = () if by_id is None else (by_id,)
    if not claims.name_id:
        by_upn = directory.find_user(claims.upn)
        named = () if by_upn is None else (by_upn,)
    for user in named:
        if claims.upn and claims.upn.lower() != user.upn.lower():
            continue
        if isinstance(source, Tenant):
            if directory.find_home_tenant(user).id == source.id:
                return user
            continue
        entry = directory.find_domain(user.upn)
        if entry is not None and federation_service_of_domain(provider.estate, entry) == source:
            return user
    raise AadstsError(50034, user=(claims.upn or claims.name_id)[:256], tenant="")
