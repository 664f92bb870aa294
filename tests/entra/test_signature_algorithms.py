"""What counts as a signature of an assertion: one reference, to the root, by the pinned key; in both versions of SAML.

signxml makes the documents. Sources: XML Signature 1.1, sections 4.4 and 6; SAML 2.0 core, section 5.4; "On Breaking
SAML: Be Whoever You Want to Be" (USENIX Security 2012); signxml advisories CVE-2025-48994 and CVE-2025-48995.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from signxml import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod, XMLSigner

from ssosim.entra import SigningKey
from ssosim.trace import TokenIssued

from .proofs import make_certificate, make_key
from .saml_documents import EXCLUSIVE, ID, VERSIONS, ask_with, sign_text, signed, write_assertion

DS = "{http://www.w3.org/2000/09/xmldsig#}"
REFUSED = [70002, 50008, 50006]
ENVELOPED = SignatureConstructionMethod.enveloped


def signer(**changes: Any) -> XMLSigner:
    """A signer with another algorithm."""
    return XMLSigner(**({"method": ENVELOPED, "c14n_algorithm": EXCLUSIVE} | changes))


def service_key(site: Any) -> SigningKey:
    """The key of the federation service."""
    found: SigningKey = site.provider.keys.federation["fabrikam-sts"]
    return found


def refuse(site: Any, document: str, version: str) -> None:
    """The document gets no token, and the code of a wrong signature."""
    assert ask_with(site, document, version)[:2] == (400, REFUSED)
    assert not site.events(TokenIssued)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "changes",
    [
        {"signature_algorithm": SignatureMethod.RSA_SHA384},
        {"signature_algorithm": SignatureMethod.RSA_SHA512, "digest_algorithm": DigestAlgorithm.SHA512},
        {"c14n_algorithm": "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"},
        {"c14n_algorithm": "http://www.w3.org/2006/12/xml-c14n11"},
    ],
)
def test_other_good_algorithms_are_taken(site, version, changes):
    """A longer hash and another canonical form are signatures, too (XML Signature 1.1, section 6)."""
    document = sign_text(write_assertion(version), service_key(site), signer=signer(**changes))
    assert ask_with(site, document, version)[0] == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_the_public_key_is_no_shared_secret(site, version):
    """An HMAC with the certificate or its public key as its secret is no signature of the service (CVE-2025-48995)."""
    key = service_key(site)
    public = key.certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (
        key.certificate.public_bytes(Encoding.PEM),
        key.certificate.public_bytes(Encoding.DER),
        public,
        b"x",
    ):
        mac = signer(signature_algorithm=SignatureMethod.HMAC_SHA256)
        refuse(site, sign_text(write_assertion(version), key, signer=mac, key=secret, cert=None), version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_in_the_document_is_not_trusted(site, version):
    """A signature by another key, whose key or certificate is in the document, is refused."""
    stranger = SigningKey.from_parts(make_key("stranger"), make_certificate("stranger"))
    text = write_assertion(version)
    refuse(site, sign_text(text, stranger), version)
    refuse(site, sign_text(text, stranger, cert=None, always_add_key_value=True), version)
    curve = signer(signature_algorithm=SignatureMethod.ECDSA_SHA256)
    other = ec.generate_private_key(ec.SECP256R1())
    refuse(site, sign_text(text, stranger, signer=curve, key=other, cert=None, always_add_key_value=True), version)
    mixed = sign_text(text, stranger, cert=[service_key(site).certificate])
    refuse(site, mixed, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_certificate_in_the_document_does_not_matter(site, version):
    """The key of the service signs without a certificate beside it: the pinned one is used."""
    found = ask_with(site, sign_text(write_assertion(version), service_key(site), cert=None), version)
    assert found[0] == 200


def edit(document: str, change: Any) -> str:
    """The document after a change of its tree."""
    root = etree.fromstring(document)
    change(root)
    return etree.tostring(root).decode()


def set_algorithm(name: str, value: str) -> Any:
    """Replace the algorithm of the element ``name``."""
    return lambda root: next(root.iter(f"{DS}{name}")).set("Algorithm", value)


def add_transform(algorithm: str, inner: str = "") -> Any:
    """Add a transform at the end of the reference."""

    def change(root: Any) -> None:
        transform = etree.SubElement(next(root.iter(f"{DS}Transforms")), f"{DS}Transform", Algorithm=algorithm)
        if inner:
            transform.append(etree.fromstring(inner))

    return change


def double_reference(root: Any) -> None:
    """A second reference, to the same element."""
    reference = next(root.iter(f"{DS}Reference"))
    reference.addnext(copy.deepcopy(reference))


def drop(name: str) -> Any:
    """Remove the element ``name``."""

    def change(root: Any) -> None:
        found = next(root.iter(f"{DS}{name}"))
        found.getparent().remove(found)

    return change


CHANGES = {
    "digest by MD5": set_algorithm("DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5"),
    "digest by SHA-1": set_algorithm("DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1"),
    "signature by SHA-1": set_algorithm("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
    "another canonical form": set_algorithm(
        "CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    ),
    "unknown canonical form": set_algorithm("CanonicalizationMethod", "urn:none"),
    "XPath": add_transform(
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        '<XPath xmlns="http://www.w3.org/2000/09/xmldsig#">false()</XPath>',
    ),
    "XSLT": add_transform("http://www.w3.org/TR/1999/REC-xslt-19991116"),
    "base64": add_transform("http://www.w3.org/2000/09/xmldsig#base64"),
    "a reference outside": lambda root: next(root.iter(f"{DS}Reference")).set("URI", "https://elsewhere.example/"),
    "a reference without an address": lambda root: next(root.iter(f"{DS}Reference")).attrib.pop("URI"),
    "a reference to nothing": lambda root: next(root.iter(f"{DS}Reference")).set("URI", "#nothing"),
    "a reference by XPointer": lambda root: next(root.iter(f"{DS}Reference")).set("URI", f"#xpointer(id('{ID}'))"),
    "two references": double_reference,
    "no transform": drop("Transforms"),
    "no digest": drop("DigestValue"),
    "no value": drop("SignatureValue"),
    "no signed info": drop("SignedInfo"),
    "an empty value": lambda root: setattr(next(root.iter(f"{DS}SignatureValue")), "text", ""),
    "a value that is no base64": lambda root: setattr(next(root.iter(f"{DS}SignatureValue")), "text", "%%%"),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_signature_is_refused(site, keys, version, name):
    """Algorithms that are broken or unknown, transforms that select, other references, parts that are missing."""
    refuse(site, edit(signed(keys, version), CHANGES[name]), version)


def wrap(original: Any, place: str) -> Any:
    """A forged assertion about Alice with the signed one at a place inside it."""
    evil = copy.deepcopy(original)
    evil.remove(evil.find(f"{DS}Signature"))
    for each in evil.iter():
        if each.text == "frank@fabrikam.com":
            each.text = "alice@contoso.com"
        elif each.text == "IhEiM0RVZneImaq7zN3u/w==":
            each.text = "ABEiM0RVZneImaq7zN3u/w=="
    name = "AssertionID" if "AssertionID" in evil.attrib else "ID"
    signature = copy.deepcopy(original.find(f"{DS}Signature"))
    bare = copy.deepcopy(original)
    bare.remove(bare.find(f"{DS}Signature"))
    if place == "in the signature":
        evil.set(name, "_evil")
        etree.SubElement(signature, f"{DS}Object").append(bare)
        evil.insert(1, signature)
    elif place == "in the signature, with the same id":
        etree.SubElement(signature, f"{DS}Object").append(bare)
        evil.insert(1, signature)
    elif place == "as the last child":
        evil.set(name, "_evil")
        evil.append(copy.deepcopy(original))
    elif place == "as the first child, with the same id":
        evil.insert(0, bare)
        evil.insert(1, signature)
    else:  # the signature alone, over an element that is not there
        evil.set(name, "_evil")
        evil.insert(1, signature)
    return evil


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "place",
    [
        "in the signature",
        "in the signature, with the same id",
        "as the last child",
        "as the first child, with the same id",
        "nowhere",
    ],
)
def test_a_signed_assertion_inside_a_forged_one_is_refused(site, keys, version, place):
    """Claims are those of the element that is signed, and that is the root: nobody becomes Alice (wrapping)."""
    evil = wrap(etree.fromstring(signed(keys, version)), place)
    refuse(site, etree.tostring(evil).decode(), version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("statement", ["AttributeStatement", "Conditions"])
def test_a_signature_over_a_part_is_none_of_the_assertion(site, version, statement):
    """A signature whose reference is to a child that has an ID signs that child only."""
    text = write_assertion(version).replace(f"<saml:{statement}", f'<saml:{statement} ID="_part"', 1)
    document = sign_text(text, service_key(site), identifier="_part", id_attribute="ID")
    refuse(site, document, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_two_names_of_the_id_attribute_are_no_way_around(site, keys, version):
    """An assertion with both attributes is that which the reference names, or none."""
    other = "ID" if version == "1.1" else "AssertionID"
    own = "AssertionID" if version == "1.1" else "ID"
    document = signed(keys, version)
    refuse(site, document.replace(f'{own}="{ID}"', f'{own}="_evil" {other}="{ID}"', 1), version)
    refuse(site, document.replace(f'{own}="{ID}"', f'{other}="{ID}"', 1), version)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_assertion_without_an_id_is_refused(site, version):
    """A signature needs something to refer to."""
    own = "AssertionID" if version == "1.1" else "ID"
    text = write_assertion(version).replace(f'{own}="{ID}" ', "", 1)
    refuse(site, sign_text(text, service_key(site), reference_uri=None), version)
