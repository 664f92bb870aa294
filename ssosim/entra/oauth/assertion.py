"""Verification of the assertion in a token request.

Theory of operation
-------------------

There are two kinds of assertions. Both are posted as base64 in the form field ``assertion``:

- A *sealed* assertion comes from the autologon host. It is an XML element around one ``DesktopSsoToken``, and all its
  claims are in that token, encrypted and authenticated with AES-256-GCM. The XML around it is neither protected
  nor used.
- A *signed* assertion comes from a federation service, or from the autologon host with the setting ``cloud.assertion``
  = ``signed-saml``. It is SAML 1.1 or 2.0 with an enveloped XML signature.

``verify_assertion`` decodes the text, checks that the kind of assertion fits the grant, and verifies the seal or the
signature. After that both kinds take the same steps: audience and validity (``_check_validity``), subject, and first
use (``_use_once``). The order matters: an assertion that is refused here is not recorded as used, and only a verified
assertion can fill the replay cache. (The token endpoint checks the tenant and the second factor later; an assertion
that it refuses then has been used.)

Rules that always hold:

- No claim is used before the seal or the signature has been verified, with one exception: the issuer in the document
  selects the key. It selects among the keys of this provider only; a certificate in the document is never trusted. The
  issuer in the signed element must then be the same.
- Claims are read from the element that signxml returns as signed, never from the posted document. This prevents XML
  signature wrapping: there is exactly one signature in the document, it is a child of the root, it has exactly one
  reference, and the signed element must have the name and the ID of the root.
- An issuer vouches for its own users only: a federation service for the users of its domains, the cloud for the users
  of one tenant.
- The size of document and signature is checked before any canonicalization, which costs far more than the size of its
  input suggests.
- A sealed token opens only for the purpose it was sealed for. A browser's dssoToken, a refresh token or a code is no
  assertion.

Why two ways for a sealed assertion: nearly all sign-ins use one, in exactly the text that autologon issues. The regular
expression ``_ISSUED_TEXT`` finds the token in this text without an XML parser. Any other spelling is parsed.

Errors: 50013 for a seal that does not open; 70002 + 50008 + 50006 for the signature; 70002 + 50008 for other defects of
the assertion (ADAL Python issue 80 shows both lists of codes); 50107 for an unknown issuer (azure-docs issue 40210);
50034 for a user whom the issuer may not vouch for; 90020 for a missing ImmutableID, 51004 for one that no user has;
7500514 for SAML 1.1 with the saml2-bearer grant.

What can go wrong: signxml raises exceptions of other libraries for malformed signatures, so many types are caught. If
the replay cache is full, it drops the ids that expire first, and those assertions could be used a second time.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from typing import Literal

from lxml.etree import LxmlError, _Element
from msgspec import Struct
from msgspec.structs import replace

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
from ssosim.estate.lenient_settings import LenientSetting, is_strictly_valid

__all__ = ["VerifiedSubject", "decode_assertion", "verify_assertion"]

_LIMIT = 256 * 1024
# A SAML signature has two transforms (SAML core, section 5.4.4); a chain of ten certificates has 40 elements.
_MOST_TRANSFORMS, _MOST_PREFIXES, _MOST_IN_SIGNATURE = 4, 512, 80
_URL_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
# The exact text that autologon issues. Its claims are in the sealed token, so the XML need not be parsed.
_ISSUED_TEXT = re.compile(re.escape(wrap_desktop_sso_token("|")).replace(r"\|", r"([\w-]{1,16384})").encode(), re.ASCII)


class VerifiedSubject(Struct, frozen=True):
    """The user of a verified assertion, and how that user had authenticated (an authentication method URI).

    ``is_issued_text``: the assertion was, octet for octet, a text as the autologon host issues it. ``not_checked`` are
    the settings without which the assertion would have been refused.
    """

    user: User
    method: str
    is_issued_text: bool = False
    not_checked: tuple[LenientSetting, ...] = ()


def decode_assertion(text: str) -> bytes:
    """Decode base64 or base64url, with or without padding; line breaks are allowed. Raises AadstsError 50008.

    Sources: MSAL.NET IntegratedWindowsAuthRequest.cs (standard), MSAL Python oauth2.py (url, no padding).
    """
    try:
        compact = text.encode("ascii").translate(_URL_TO_STANDARD, string.whitespace.encode()).rstrip(b"=")
    except UnicodeEncodeError:
        raise AadstsError(50008, reason="The assertion is not base64.") from None
    try:
        return base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True).strip()
    except (binascii.Error, ValueError):
        raise AadstsError(50008, reason="The assertion is not base64.") from None


def verify_assertion(
    provider: Provider, text: str, now: float, grant: Literal["saml1_1-bearer", "saml2-bearer"]
) -> VerifiedSubject:
    """Verify the assertion ``text`` (as posted) and return its user; raises AadstsError.

    ``now`` is in seconds since the Unix epoch.
    """
    document = decode_assertion(text)
    if grant == "saml1_1-bearer" and (issued := _ISSUED_TEXT.fullmatch(document)):
        return _verify_sealed(provider, issued[1].decode(), now, is_issued_text=True)
    try:
        root = parse_xml(document, _LIMIT)
    except InvalidXmlError as error:
        raise AadstsError(50008, reason=str(error)) from None
    if root.tag not in (f"{{{SAML1}}}Assertion", f"{{{SAML2}}}Assertion"):
        raise AadstsError(50008, reason="The assertion is not a SAML assertion.")
    is_saml1 = root.tag == f"{{{SAML1}}}Assertion"
    takes_other = grant == "saml2-bearer" and is_saml1
    if takes_other and not provider.settings.saml2_grant_takes_saml1:
        raise AadstsError(7500514)
    if grant == "saml1_1-bearer" and not is_saml1:
        raise AadstsError(50008, reason="The assertion is not a SAML 1.1 assertion.")
    if is_saml1 and len(root) == 1 and root[0].tag == "DesktopSsoToken":
        subject = _verify_sealed(provider, "".join((root[0].text or "").split()), now)
    else:
        subject = _verify_signed(provider, root, now)
    if not takes_other:
        return subject
    return replace(subject, not_checked=(*subject.not_checked, "settings.saml2_grant_takes_saml1"))


def _verify_sealed(provider: Provider, token: str, now: float, *, is_issued_text: bool = False) -> VerifiedSubject:
    try:
        claims = provider.sealer.open(DESKTOP_SSO_PURPOSE, token, DesktopSsoClaims)
    except SealedTokenError:
        raise AadstsError(50013, reason="The token was not issued here or has been changed.") from None
    not_checked = _check_validity(
        provider, claims.not_before, claims.not_on_or_after, (frozenset({claims.audience}),), now
    )
    user = provider.directory.find_user_by_id(claims.subject)
    tenant = provider.directory.find_tenant(claims.tenant)
    if user is None or tenant is None or provider.directory.find_home_tenant(user).id != tenant.id:
        raise AadstsError(50034, user=claims.subject, tenant=claims.tenant)
    subject = VerifiedSubject(user, claims.method, is_issued_text, not_checked)
    return _use_once(provider, subject, claims.id, claims.not_on_or_after, now)


def _verify_signed(provider: Provider, root: _Element, now: float) -> VerifiedSubject:
    issuer = read_claimed_issuer(root)
    source = _find_issuer(provider, issuer)
    claims = read_signed_assertion(root, _key_of(provider, source))
    if claims.issuer != issuer:
        raise AadstsError(50006, id=claims.id, reason="The signed issuer is another.")
    not_checked = _check_validity(provider, claims.not_before, claims.not_on_or_after, claims.restrictions, now)
    if not claims.recipients <= {host.lower() for host in provider.estate.cloud.login_hosts}:
        raise AadstsError(50008, reason="The subject is confirmed for another recipient.")
    user = _find_subject(provider, claims, source)
    subject = VerifiedSubject(user, claims.method, not_checked=not_checked)
    return _use_once(provider, subject, f"{issuer}|{claims.id}", claims.not_on_or_after, now, once=claims.once)


def _find_issuer(provider: Provider, issuer: str) -> FederationService | Tenant:
    for service in provider.estate.federation_services:
        if _trusts(provider, service, issuer):
            return service
    for tenant in provider.estate.tenants:
        if endpoint_urls.autologon_issuer(provider.estate.cloud, tenant.id) == issuer:
            return tenant
    raise AadstsError(50107, realm=issuer[:256])


def _trusts(provider: Provider, service: FederationService, issuer: str) -> bool:
    """Whether a domain is federated with ``service`` under the name ``issuer``.

    After the conversion of its domains none is. Source: mandiant/ADFSpoof issue 6 (one issuer for each domain).
    """
    return any(
        domain.federation == service.name and (domain.federation_issuer or service.issuer) == issuer
        for tenant in provider.estate.tenants
        for domain in tenant.domains
    )


def _key_of(provider: Provider, source: FederationService | Tenant) -> SigningKey:
    if isinstance(source, Tenant):
        return provider.keys.cloud
    key = provider.keys.federation.get(source.name)
    if key is None:
        raise AadstsError(50107, realm=source.issuer)
    return key


def read_signed_assertion(root: _Element, key: SigningKey) -> AssertionClaims:
    """Verify the signature of ``root`` with ``key``, and read the claims of the signed element.

    Raises AadstsError 50006 (unsigned, forged, wrapped) or 50008 (malformed). The signature must be a child of the root
    and the only one in the document, and its only reference must be to the root.
    """
    # The import takes 60 ms, and most sign-ins (sealed token) do not need it.
    from signxml.exceptions import SignXMLException  # noqa: PLC0415
    from signxml.verifier import SignatureConfiguration, XMLVerifier  # noqa: PLC0415

    name = assertion_id(root)
    signatures = list(root.iter(f"{{{DSIG}}}Signature"))
    if not name or len(signatures) != 1 or signatures[0].getparent() is not root:
        raise AadstsError(50006, id=name[:64], reason="Expected one signature, directly in the assertion.")
    _check_signature_size(signatures[0], name)
    id_attribute = "AssertionID" if root.get("AssertionID") else "ID"
    try:
        # The certificate as an object: PEM text would be parsed again each time, which costs 100 times as much.
        result = XMLVerifier().verify(
            root,
            x509_cert=key.certificate,
            id_attribute=id_attribute,
            expect_config=SignatureConfiguration(location="./", expect_references=1),
        )
    except (SignXMLException, LxmlError, ValueError, TypeError, AttributeError, KeyError) as error:
        # signxml passes on the errors of other libraries, for example for an unknown algorithm or broken base64.
        raise AadstsError(50006, id=name[:64], reason=f"{type(error).__name__}.") from None
    signed = None if isinstance(result, list) else result.signed_xml
    if signed is None or signed.tag != root.tag or assertion_id(signed) != name:
        raise AadstsError(50006, id=name[:64], reason="The signature does not cover the assertion.")
    try:
        return read_assertion(signed)
    except MalformedAssertionError as error:
        raise AadstsError(50008, reason=str(error)) from None


def _check_signature_size(signature: _Element, name: str) -> None:
    """Check that the signature is not larger than those of real issuers.

    Each reference and each transform costs a canonicalization. Raises AadstsError 50006.
    """
    references = sum(1 for _ in signature.iterfind(f"{{{DSIG}}}SignedInfo/{{{DSIG}}}Reference"))
    transforms = sum(1 for _ in signature.iter(f"{{{DSIG}}}Transform"))
    prefixes = sum(len(each.get("PrefixList", "")) for each in signature.iter("{*}InclusiveNamespaces"))
    elements = sum(1 for _ in signature.iter())
    if references != 1 or transforms > _MOST_TRANSFORMS or prefixes > _MOST_PREFIXES or elements > _MOST_IN_SIGNATURE:
        raise AadstsError(50006, id=name[:64], reason="Expected one reference, and few transforms and certificates.")


def _check_validity(
    provider: Provider, start: float, end: float, restrictions: tuple[frozenset[str], ...], now: float
) -> tuple[LenientSetting, ...]:
    skew, own = provider.estate.cloud.clock_skew, provider.estate.cloud.audience_urn
    if not restrictions or any(own not in audiences for audiences in restrictions):
        raise AadstsError(50008, reason="The assertion is for another audience.")
    if now + skew < start:
        raise AadstsError(50008, reason="The assertion is not yet valid.")
    if now - skew >= end:
        raise AadstsError(50008, reason="The assertion has expired.")
    return () if is_strictly_valid(start, end, now) else ("cloud.clock_skew",)


def _use_once(
    provider: Provider, subject: VerifiedSubject, identifier: str, end: float, now: float, *, once: bool = False
) -> VerifiedSubject:
    """Record the use; a second one is refused, by the setting or (``once``) because the issuer says so."""
    if provider.replay_cache.record_use(identifier, end + provider.estate.cloud.clock_skew, now):
        return subject
    if once or provider.settings.refuse_replay:
        raise AadstsError(50008, reason="The assertion has been used before.")
    return replace(subject, not_checked=(*subject.not_checked, "settings.refuse_replay"))


def _find_subject(provider: Provider, claims: AssertionClaims, source: FederationService | Tenant) -> User:
    """Find the user by ImmutableID (NameIdentifier), among the users of the issuer's domains or tenant only.

    The user principal name must be that of the user too. Raises AadstsError 90020 without an ImmutableID, 51004 for one
    that no user has, 50034 for a user whom the issuer may not vouch for.
    """
    directory = provider.directory
    if not claims.name_id:
        raise AadstsError(90020)
    named = directory.find_users_by_immutable_id(claims.name_id)
    if not named and isinstance(source, Tenant):
        by_id = directory.find_user_by_id(claims.name_id)
        named = () if by_id is None else (by_id,)
    if not named:
        raise AadstsError(51004, user=(claims.upn or claims.name_id)[:256], tenant=_describe_tenant(provider, source))
    for user in named:
        if claims.upn and claims.upn.lower() != user.upn.lower():
            continue
        if isinstance(source, Tenant):
            if directory.find_home_tenant(user).id == source.id:
                return user
            continue
        entry = directory.find_domain(user.upn)
        if entry is None or federation_service_of_domain(provider.estate, entry) != source:
            continue
        if (entry.domain.federation_issuer or source.issuer) == claims.issuer:
            return user
    raise AadstsError(50034, user=(claims.upn or claims.name_id)[:256], tenant="")


def _describe_tenant(provider: Provider, source: FederationService | Tenant) -> str:
    """Return the id of the tenant that ``source`` vouches for users of; ``""`` if no domain uses the service."""
    if isinstance(source, Tenant):
        return source.id
    named = (t.id for t in provider.estate.tenants for domain in t.domains if domain.federation == source.name)
    return next(named, "")
