"""Signed SAML assertions about Frank that differ from those of the federation service in one place of their text.

signxml signs them, so that the code under test has no part in it.
"""

from __future__ import annotations

from typing import Any

from lxml import etree
from signxml import XMLSigner, methods

from ssosim.entra import SigningKey
from ssosim.entra.wstrust.saml_write import SAML1, SAML2, AssertionFacts, render_unsigned_assertion

from .conftest import NOON

ID = "_11111111-2222-3333-4444-555555555555"
AUDIENCE = "urn:federation:MicrosoftOnline"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
VERSIONS = {"1.1": SAML1, "2.0": SAML2}
GRANTS = {"1.1": "saml1_1", "2.0": "saml2"}


def make_facts(**changes: Any) -> AssertionFacts:
    """What the federation service of Fabrikam says of Frank; valid for an hour from now on."""
    good: dict[str, Any] = {
        "id": ID,
        "issuer": "http://sts.fabrikam.com/adfs/services/trust",
        "audience": AUDIENCE,
        "name_id": "IhEiM0RVZneImaq7zN3u/w==",
        "upn": "frank@fabrikam.com",
        "not_before": int(NOON),
        "not_on_or_after": int(NOON) + 3600,
        "method": "urn:federation:authentication:windows",
    }
    return AssertionFacts(**(good | changes))


def write_assertion(version: str, *edits: tuple[str, str], **changes: Any) -> str:
    """The unsigned assertion; each edit replaces one text by another, and the text must be there."""
    text = render_unsigned_assertion(make_facts(**changes), VERSIONS[version])
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


def sign_text(
    text: str, owner: SigningKey, /, *, identifier: str = ID, signer: XMLSigner | None = None, **more: Any
) -> str:
    """The document with an enveloped signature over its root, by the key of ``owner``."""
    root = etree.fromstring(text)
    signer = signer or XMLSigner(method=methods.enveloped, c14n_algorithm=EXCLUSIVE)
    name = "AssertionID" if root.tag == f"{{{SAML1}}}Assertion" else "ID"
    given = {"key": owner.private, "cert": [owner.certificate], "reference_uri": identifier, "id_attribute": name}
    return etree.tostring(signer.sign(root, **(given | more))).decode()


def signed(keys: Any, version: str, *edits: tuple[str, str], **changes: Any) -> str:
    """The edited assertion, signed by the federation service."""
    return sign_text(write_assertion(version, *edits, **changes), keys.federation["fabrikam-sts"])


def ask_with(site: Any, assertion: str, version: str) -> tuple[int, list[int], str]:
    """Present ``assertion`` with the grant of its version: status, codes and text of the answer."""
    status, body = site.token(site.saml_form(assertion, GRANTS[version]))
    return status, body.get("error_codes", []), body.get("error_description", "")
