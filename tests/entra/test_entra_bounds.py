"""Small messages whose processing would be expensive: each is refused with a reason."""

from __future__ import annotations

import json
import re

import pytest
from lxml import etree

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, read_fields
from ssosim.entra.core.safe_xml import InvalidXmlError, parse_xml
from ssosim.entra.oauth.assertion import read_signed_assertion
from ssosim.entra.wstrust.saml_write import AssertionFacts, sign_assertion

DS = "{http://www.w3.org/2000/09/xmldsig#}"


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (b"<a>" + b"<b/>" * 2000 + b"</a>", "more than 2000 tags"),
        (b"<a " + b"".join(b"b%d='' " % n for n in range(1001)) + b"/>", "more than 1000 attributes"),
        (b"<a " + b"".join(b"xmlns:b%d='c' " % n for n in range(201)) + b"/>", "more than 200 namespace declarations"),
        (b"<a>" + b"&amp;" * 4001 + b"</a>", "more than 4000 references"),
    ],
)
def test_markup_is_limited(document: bytes, what: str) -> None:
    """The message says what there is too much of."""
    with pytest.raises(InvalidXmlError, match=what):
        parse_xml(document, 256 * 1024)


def test_a_token_of_many_groups_is_read() -> None:
    """150 groups in an assertion, each in an element of its own, are within the limits."""
    groups = b"".join(b"<AttributeValue xsi:type='x'>S-1-5-21-%d</AttributeValue>" % n for n in range(150))
    assert len(parse_xml(b"<a xmlns:xsi='y'>" + groups + b"</a>", 256 * 1024)) == 150


@pytest.mark.parametrize("many", ["Reference", "Transform", "KeyInfo"])
def test_a_signature_is_no_larger_than_any_that_is_made(keys, many: str) -> None:
    """A second reference, a fifth transform, a hundred certificates: 50006 before anything is computed."""
    facts = AssertionFacts(
        id="_1",
        issuer="i",
        audience="a",
        name_id="n",
        upn="u",
        not_before=0,
        not_on_or_after=1,
        method="m",
    )
    key = keys.federation["fabrikam-sts"]
    root = etree.fromstring(sign_assertion(facts, key))
    assert read_signed_assertion(root, key).id == "_1"
    root = etree.fromstring(sign_assertion(facts, key))
    found = next(root.iter(f"{DS}{many}"))
    for _ in range(100):
        etree.SubElement(found.getparent(), found.tag).attrib.update(found.attrib)
    with pytest.raises(AadstsError) as caught:
        read_signed_assertion(root, key)
    assert caught.value.code == 50006
    assert "Expected one reference" in caught.value.details["reason"]


def test_a_form_of_escapes_is_refused(site) -> None:
    """More escapes than any form has: 9002313, which says so; 10,000 are read."""
    answer = site.ask(
        "POST",
        site.LOGIN,
        "/common/oauth2/v2.0/token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=b"a=" + b"%" * 12_001,
    )
    assert (answer.status, answer.code) == (400, 9002313)
    assert "more than 12000 escapes" in json.loads(answer.body)["error_description"]
    assert read_fields("a=" + "%41" * 10_000, 100) == {"a": "A" * 10_000}


def test_escapes_are_undone_as_before() -> None:
    """Blanks, UTF-8, what is not UTF-8, broken escapes, letters outside ASCII beside escapes."""
    text = "a%20b=c+d&%e4=%c3%a4&x=%zz%4&y=ä%41ö&z=%2B"
    assert read_fields(text, 10) == {"a b": "c d", "\ufffd": "ä", "x": "%zz%4", "y": "äAö", "z": "+"}


def test_the_number_of_path_segments_is_limited() -> None:
    """A path is split into no more segments than a route can have."""
    assert len(Call.read("GET", "h", "/" + "%41/" * 9000, now=0.0).path) <= 33
    assert Call.read("GET", "h", "/common/a%20b", now=0.0).path == ("common", "a b")


def test_scopes_are_limited(site) -> None:
    """More than 200 scopes: 70011."""
    scopes = " ".join(f"https://graph.microsoft.com/s{n}" for n in range(201))
    form = {"client_id": site.CLI, "grant_type": "password", "username": "a", "password": "b", "scope": scopes}
    status, body = site.token(form)
    assert (status, body["error_codes"]) == (400, [70011])
    assert "More than 200 scopes" in body["error_description"]


def test_a_json_body_is_limited(site) -> None:
    """GetCredentialType reads 64 KiB and answers 413 to more."""
    body = b'{"username": "alice@contoso.com", "x": [' + b"[]," * 30_000 + b"1]}"
    answer = site.ask("POST", site.LOGIN, "/common/GetCredentialType", body=body)
    assert (answer.status, answer.code) == (413, 9002313)
    assert re.search(rb"larger than 65536 bytes", answer.body)
