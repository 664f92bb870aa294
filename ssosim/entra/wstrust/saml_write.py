"""SAML assertions as text. Signing one costs one RSA operation and no XML processing.

The templates below *are* the exclusive canonical form (sorted attributes, no superfluous namespaces, no blanks), so the
digest and the signature are computed from the text, without an XML library. The tests verify assertions with signxml.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from msgspec import Struct

from ssosim.entra.core.keys import SigningKey
from ssosim.entra.core.safe_xml import escape_attribute, escape_text
from ssosim.entra.core.timestamps import format_xml_time

__all__ = [
    "DSIG",
    "SAML1",
    "SAML2",
    "TOKEN_TYPE_SAML1",
    "TOKEN_TYPE_SAML2",
    "AssertionFacts",
    "render_unsigned_assertion",
    "sign_assertion",
    "wrap_desktop_sso_token",
]

SAML1 = "urn:oasis:names:tc:SAML:1.0:assertion"
SAML2 = "urn:oasis:names:tc:SAML:2.0:assertion"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
# Exactly the SAML 1.0 URN: MSAL.NET and msal4j treat any other name as SAML 2 (MSAL.NET issue 1871).
TOKEN_TYPE_SAML1 = SAML1
TOKEN_TYPE_SAML2 = SAML2

_EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_UPN_CLAIM = "http://schemas.xmlsoap.org/claims"
_IMMUTABLE_ID_CLAIM = "http://schemas.microsoft.com/LiveID/Federation/2008/05"


class AssertionFacts(Struct, frozen=True, kw_only=True):
    """The content of an assertion. Times are in seconds since the Unix epoch; ``name_id`` is the user's ImmutableID."""

    id: str
    issuer: str
    audience: str
    name_id: str
    upn: str
    not_before: int
    not_on_or_after: int
    method: str


_SAML1_TEMPLATE = (
    f'<saml:Assertion xmlns:saml="{SAML1}" AssertionID="{{id}}" IssueInstant="{{start}}" Issuer="{{issuer}}"'
    ' MajorVersion="1" MinorVersion="1">'
    '<saml:Conditions NotBefore="{start}" NotOnOrAfter="{end}"><saml:AudienceRestrictionCondition>'
    "<saml:Audience>{audience}</saml:Audience></saml:AudienceRestrictionCondition></saml:Conditions>"
    "<saml:AttributeStatement>{subject}"
    f'<saml:Attribute AttributeName="UPN" AttributeNamespace="{_UPN_CLAIM}">'
    "<saml:AttributeValue>{upn}</saml:AttributeValue></saml:Attribute>"
    f'<saml:Attribute AttributeName="ImmutableID" AttributeNamespace="{_IMMUTABLE_ID_CLAIM}">'
    "<saml:AttributeValue>{name_id}</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
    '<saml:AuthenticationStatement AuthenticationInstant="{start}" AuthenticationMethod="{method}">{subject}'
    "</saml:AuthenticationStatement>{signature}</saml:Assertion>"
)
_SAML1_SUBJECT = (
    '<saml:Subject><saml:NameIdentifier Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified">{name_id}'
    "</saml:NameIdentifier><saml:SubjectConfirmation><saml:ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:bearer"
    "</saml:ConfirmationMethod></saml:SubjectConfirmation></saml:Subject>"
)
_SAML2_TEMPLATE = (
    f'<saml:Assertion xmlns:saml="{SAML2}" ID="{{id}}" IssueInstant="{{start}}" Version="2.0">'
    "<saml:Issuer>{issuer_text}</saml:Issuer>{signature}"
    '<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified">{name_id}</saml:NameID>'
    '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
    '<saml:SubjectConfirmationData NotOnOrAfter="{end}"></saml:SubjectConfirmationData></saml:SubjectConfirmation>'
    '</saml:Subject><saml:Conditions NotBefore="{start}" NotOnOrAfter="{end}"><saml:AudienceRestriction>'
    "<saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AttributeStatement>"
    f'<saml:Attribute Name="{_UPN_CLAIM}/UPN"><saml:AttributeValue>{{upn}}</saml:AttributeValue></saml:Attribute>'
    f'<saml:Attribute Name="{_IMMUTABLE_ID_CLAIM}/ImmutableID"><saml:AttributeValue>{{name_id}}</saml:AttributeValue>'
    "</saml:Attribute></saml:AttributeStatement>"
    '<saml:AuthnStatement AuthnInstant="{start}"><saml:AuthnContext><saml:AuthnContextClassRef>{method_text}'
    "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement></saml:Assertion>"
)
# SignedInfo declares the namespace too, so that the text in the document is exactly the text that is signed.
_SIGNED_INFO = (
    f'<ds:SignedInfo xmlns:ds="{DSIG}"><ds:CanonicalizationMethod Algorithm="{_EXC_C14N}"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>'
    f'<ds:Reference URI="#{{id}}"><ds:Transforms><ds:Transform Algorithm="{DSIG}enveloped-signature"></ds:Transform>'
    f'<ds:Transform Algorithm="{_EXC_C14N}"></ds:Transform></ds:Transforms>'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>'
    "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)


@lru_cache(maxsize=512)
def _signature_frame(certificate: str) -> tuple[str, str]:
    head = f'<ds:Signature xmlns:ds="{DSIG}">'
    tail = (
        f"</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
    return head, tail


def _render(facts: AssertionFacts, token_type: str, signature: str) -> str:
    name_id = escape_text(facts.name_id)
    common = {
        "id": escape_attribute(facts.id),
        "start": format_xml_time(facts.not_before),
        "end": format_xml_time(facts.not_on_or_after),
        "audience": escape_text(facts.audience),
        "upn": escape_text(facts.upn),
        "name_id": name_id,
        "signature": signature,
    }
    if token_type == TOKEN_TYPE_SAML2:
        return _SAML2_TEMPLATE.format(
            issuer_text=escape_text(facts.issuer), method_text=escape_text(facts.method), **common
        )
    return _SAML1_TEMPLATE.format(
        issuer=escape_attribute(facts.issuer),
        method=escape_attribute(facts.method),
        subject=_SAML1_SUBJECT.format(name_id=name_id),
        **common,
    )


def sign_assertion(facts: AssertionFacts, key: SigningKey, token_type: str = TOKEN_TYPE_SAML1) -> str:
    """Render and sign an assertion: enveloped signature, exclusive canonicalization, rsa-sha256."""
    digest = base64.b64encode(hashlib.sha256(_render(facts, token_type, "").encode()).digest()).decode()
    signed_info = _SIGNED_INFO.format(id=escape_attribute(facts.id), digest=digest)
    head, tail = _signature_frame(key.certificate_base64)
    value = base64.b64encode(key.sign(signed_info.encode())).decode()
    return _render(facts, token_type, f"{head}{signed_info}<ds:SignatureValue>{value}{tail}")


def render_unsigned_assertion(facts: AssertionFacts, token_type: str = TOKEN_TYPE_SAML1) -> str:
    """Render an assertion without a signature, for tests. The provider refuses it."""
    return _render(facts, token_type, "")


def wrap_desktop_sso_token(token: str) -> str:
    """Wrap the sealed token in the XML of an assertion, as the autologon host sends it.

    ``DesktopSsoToken`` has no namespace. The Assertion declares ``xmlns:saml`` itself, so that clients can cut its text
    out of the RSTR. Source: AADInternals Kerberos_utils.ps1, ROADtools auth.py, MSAL Python's parser.
    """
    return f'<saml:Assertion xmlns:saml="{SAML1}"><DesktopSsoToken>{token}</DesktopSsoToken></saml:Assertion>'
