"""What AD FS refuses in a WS-Trust message before it looks at the user: media type, headers, kind of token."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lxml import etree

from ssosim.entra.wstrust.rst import ADDRESSING, SOAP12, TRUST_NAMESPACES, WSSE
from ssosim.trace import HttpExchange, TokenIssued

from .conftest import AUTOLOGON, STS

FRANK, PASSWORD = "frank@fabrikam.com", "Frank-lab-password-1"
SOAP_TYPE = "application/soap+xml; charset=utf-8"
PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"


def post(site: Any, body: bytes, version: str = "13", kind: str = "usernamemixed", **headers: str) -> Any:
    """Send ``body`` to an endpoint of the federation service."""
    return site.ask("POST", STS, f"/adfs/services/trust/{version}/{kind}", headers=headers, body=body)


def message(site: Any, version: str = "13", old: bytes = b"", new: bytes = b"", **rst: Any) -> bytes:
    """A right message with a password, in which ``old`` has been replaced."""
    body: bytes = site.rst(version, user=FRANK, password=PASSWORD, **rst)
    assert old in body
    return body.replace(old, new, 1)


def fault(answer: Any) -> tuple[str, str, str]:
    """The innermost code of a fault, its namespace, and the text."""
    root = etree.fromstring(answer.body)
    (*_, value) = root.iter(f"{{{SOAP12}}}Value")
    prefix, _, name = value.text.partition(":")
    assert answer.status == 500
    return name, value.nsmap[prefix], root.findtext(f".//{{{SOAP12}}}Text")


@pytest.mark.parametrize("version", ["2005", "13"])
@pytest.mark.parametrize("given", ["text/xml; charset=utf-8", "application/octet-stream", "application/xml", "soap"])
def test_another_media_type_is_415(site: Any, version: str, given: str) -> None:
    """MSAL.NET issue 2193: an HTTP error without a fault; the trace has the text of the status line."""
    answer = post(site, message(site, version), version, **{"Content-Type": given})
    assert (answer.status, answer.body) == (415, b"")
    text = f"content type '{given}' was not the expected type '{SOAP_TYPE}'"
    assert text in site.events(HttpExchange)[-1].error_description
    assert site.events(TokenIssued) == []


@pytest.mark.parametrize("given", [SOAP_TYPE, "Application/SOAP+XML", 'application/soap+xml; action="x"'])
def test_parameters_and_case_of_the_media_type_do_not_matter(site: Any, given: str) -> None:
    """The media type is compared without its parameters."""
    assert post(site, message(site), **{"Content-Type": given}).status == 200


def test_a_missing_media_type_is_415(site: Any) -> None:
    """HttpChannelHelpers.cs: "Missing Content Type"; the challenge of windowstransport comes before it."""
    headers = {"Content-Type": ""}
    assert post(site, message(site), **headers).status == 415
    assert post(site, site.rst("13"), kind="windowstransport", **headers).status == 401
    ticket = {**headers, **site.negotiate(site.FRANK)}
    assert post(site, site.rst("13"), kind="windowstransport", **ticket).status == 415


@pytest.mark.parametrize("version", ["2005", "13"])
def test_the_action_is_that_of_the_endpoint(site: Any, version: str) -> None:
    """No action, one of the other version, and any other are ActionNotSupported; other verbs cannot be done."""
    own, other = (
        f"{TRUST_NAMESPACES[each]}/RST/Issue".encode() for each in (version, {"2005": "13"}.get(version, "2005"))
    )
    for new in (b"", other, b"http://tempuri.org/Issue", own.lower()):
        name, namespace, text = fault(post(site, message(site, version, own, new), version))
        assert (name, namespace) == ("ActionNotSupported", ADDRESSING)
        assert f"Action '{new.decode()}' cannot be processed at the receiver, due to a ContractFilter mismatch" in text
    for verb in (b"Cancel", b"Renew", b"Validate"):
        body = message(site, version, own, own.replace(b"Issue", verb))
        assert fault(post(site, body, version))[:2] == ("InvalidRequest", TRUST_NAMESPACES[version])


def test_a_header_that_must_be_understood(site: Any) -> None:
    """SOAP 1.2, section 5.4.8: s:MustUnderstand; one for another role, or that may be ignored, is."""
    for attribute in ('s:mustUnderstand="1"', f's:mustUnderstand="true" s:role="{SOAP12}/role/next"'):
        body = message(site, old=b"<a:messageID>", new=f'<x:y xmlns:x="urn:x" {attribute}/><a:messageID>'.encode())
        name, namespace, text = fault(post(site, body))
        assert (name, namespace) == ("MustUnderstand", SOAP12)
        assert text.startswith("The header 'y' from the namespace 'urn:x' was not understood by the recipient")
    for attribute in ("", 's:mustUnderstand="0"', f's:mustUnderstand="1" s:role="{SOAP12}/role/none"'):
        body = message(site, old=b"<a:messageID>", new=f'<x:y xmlns:x="urn:x" {attribute}/><a:messageID>'.encode())
        assert post(site, body).status == 200


def test_a_security_header_is_for_credentials_in_the_message(site: Any) -> None:
    """Nobody reads it at windowstransport, so one that must be understood is refused there."""
    ticket = site.negotiate(site.FRANK)
    assert post(site, site.rst("13"), kind="windowstransport", **ticket).status == 200
    assert fault(post(site, message(site), kind="windowstransport", **ticket))[0] == "MustUnderstand"


def test_the_password_is_a_text(site: Any) -> None:
    """UserNameSecurityTokenHandler.cs: a digest is not supported, whatever the element contains."""
    digest = f'<o:Password Type="{PROFILE}#PasswordDigest">'.encode()
    answer = fault(post(site, message(site, old=b"<o:Password>", new=digest)))
    assert answer[:2] == ("InvalidSecurity", WSSE)
    text = f'<o:Password Type="{PROFILE}#PasswordText">'.encode()
    assert post(site, message(site, old=b"<o:Password>", new=text)).status == 200


@pytest.mark.parametrize("version", ["2005", "13"])
def test_a_bearer_token_must_be_asked_for(site: Any, version: str) -> None:
    """SecurityTokenService.cs: without KeyType it is a symmetric key; the cloud has no certificate for one."""
    for key_type in ("", f"{TRUST_NAMESPACES[version]}/SymmetricKey", f"{TRUST_NAMESPACES[version]}/PublicKey"):
        name, namespace, text = fault(post(site, message(site, version, key_type=key_type), version))
        assert (name, namespace, text.partition(":")[0]) == ("RequestFailed", TRUST_NAMESPACES[version], "ID4007")
    assert site.events(TokenIssued) == []
    assert post(site, message(site, version, key_type=f"{TRUST_NAMESPACES[version]}/Bearer"), version).status == 200


@pytest.mark.parametrize(
    ("part", "subcode"),
    [
        ("<t:KeySize>256</t:KeySize>", "InvalidRequest"),
        ("<t:TokenType>urn:ietf:params:oauth:token-type:jwt</t:TokenType>", "BadRequest"),
        ("<t:OnBehalfOf>x</t:OnBehalfOf>", "InvalidRequest"),
        ('<x:ActAs xmlns:x="http://docs.oasis-open.org/ws-sx/ws-trust/200802">x</x:ActAs>', "InvalidRequest"),
        ("<t:KeySize>0</t:KeySize>", ""),
        ("<t:Claims/>", ""),
    ],
)
def test_parts_of_a_request_are_honoured_or_refused(site: Any, part: str, subcode: str) -> None:
    """Nothing that asks for another token gets the usual one (SecurityTokenService.cs, ValidateRequest)."""
    answer = post(site, message(site, old=b"<t:RequestType>", new=f"{part}<t:RequestType>".encode()))
    if subcode:
        assert fault(answer)[:2] == (subcode, TRUST_NAMESPACES["13"])
    else:
        assert answer.status == 200


def test_the_request_is_the_body(site: Any) -> None:
    """Something else before it is not skipped (ID3114)."""
    assert fault(post(site, message(site, old=b"<s:Body>", new=b"<s:Body><x/>")))[0] == "InvalidRequest"
    assert post(site, message(site, old=b"<s:Body>", new=b"<s:Body><!-- x -->")).status == 200


@pytest.mark.parametrize("name", ["urn:oasis:names:tc:SAML:1.0:assertion", "SAMLV1.1", "SAMLV2.0"])
def test_token_types_by_their_names(site: Any, name: str) -> None:
    """The names that the handlers of WIF have: the URI of SAML, and that of the token profile."""
    profile = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#"
    answer = post(site, message(site, token_type=name if ":" in name else f"{profile}{name}"))
    assert answer.status == 200
    assert ("SAML:2.0:assertion" in answer.body.decode()) == (name == "SAMLV2.0")


def test_the_autologon_host_is_not_wcf(site: Any) -> None:
    """Of Entra none of this is known: programs send it messages without a media type or with other headers."""
    body = re.sub(
        rb"<t:KeyType>.*?</t:KeyType>", b"", site.rst(user="alice@contoso.com", password="Alice-lab-password-1")
    )
    path = "/contoso.com/winauth/trust/2005/usernamemixed"
    assert site.ask("POST", AUTOLOGON, path, headers={"Content-Type": "text/xml"}, body=body).status == 200
