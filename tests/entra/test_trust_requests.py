"""What is read of a WS-Trust request, and that nothing is guessed: each part is there once, in its namespace.

Sources: SOAP 1.2 part 1, sections 5.1 to 5.4; WS-Trust 1.3, section 4; WS-Security 1.1 and its UsernameToken profile;
MSAL, msal4j, AADInternals and ROADtools for the forms that maintained clients send.
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssosim.entra.core.safe_xml import InvalidXmlError
from ssosim.entra.wstrust.rst import (
    ADDRESSING,
    SOAP12,
    TRANSFER,
    TRUST_NAMESPACES,
    Rst,
    TrustVersion,
    find_message_id,
    parse_rst,
    read_transfer_get,
)

from .conftest import ALICE, PASSWORD, WSSE, Site

LIMIT = 100_000
VERSIONS: tuple[TrustVersion, ...] = ("2005", "13")


def request(site: Site, version: TrustVersion = "2005", *edits: tuple[str, str], **parts: Any) -> bytes:
    """A request with a user name; each edit replaces a text that is there."""
    given: dict[str, Any] = {
        "user": "alice",
        "password": "secret",
        "dates": ("2026-09-21T14:13:20Z", "2026-09-21T14:23:20Z"),
    }
    text = site.rst(version, **(given | parts)).decode()
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_part_is_read(site, version):
    """All parts of a request are in the result, with blanks around them cut off; the password is not cut."""
    trust = TRUST_NAMESPACES[version]
    edits = (("<o:Username>alice", "<o:Username>\n alice "), ("<o:Password>secret", "<o:Password> secret "))
    assert parse_rst(request(site, version, *edits, token_type=" urn:type "), version, LIMIT) == Rst(
        version=version,
        message_id="urn:uuid:1",
        applies_to="urn:federation:MicrosoftOnline",
        token_type="urn:type",
        username="alice",
        password=" secret ",
        created="2026-09-21T14:13:20Z",
        expires="2026-09-21T14:23:20Z",
        action=f"{trust}/RST/Issue",
        key_type="http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"
        if version == "2005"
        else f"{trust}/Bearer",
        must_understand=(f"{{{ADDRESSING}}}Action", f"{{{ADDRESSING}}}To", f"{{{WSSE}}}Security"),
    )


def test_a_request_without_credentials_has_no_user(site):
    """A ticket needs no security header; an empty name is a name."""
    found = parse_rst(site.rst(), "2005", LIMIT)
    assert (found.username, found.password, found.created, found.expires) == (None, "", "", "")
    assert parse_rst(request(site, user=""), "2005", LIMIT).username == ""


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ((f"{SOAP12}", "http://schemas.xmlsoap.org/soap/envelope/"), "SOAP 1.2"),
        (("s:Envelope", "s:Letter"), "well-formed"),
        (("<s:Body>", "<s:Body/><s:Other>"), "well-formed"),
        (("RST/Issue</a:Action>", "RST/Issue</a:Action></s:Header><s:Header>"), "more than one Header"),
        (("/Issue</t:RequestType>", "/Renew</t:RequestType>"), "only|Only"),
        (("/Issue</t:RequestType>", "/issue</t:RequestType>"), "only|Only"),
        (("</o:UsernameToken>", "</o:UsernameToken><o:UsernameToken/>"), "more than one UsernameToken"),
        (("</o:Username>", "</o:Username><o:Username>bob</o:Username>"), "more than one Username"),
        (("</o:Password>", "</o:Password><o:Password>other</o:Password>"), "more than one Password"),
        (("</u:Timestamp>", "</u:Timestamp><u:Timestamp xmlns:u='" + "U'/>"), ""),
        (("</u:Created>", "</u:Created><u:Created>2020-01-01T00:00:00Z</u:Created>"), "more than one Created"),
        (("</u:Expires>", "</u:Expires><u:Expires>2099-01-01T00:00:00Z</u:Expires>"), "more than one Expires"),
        (
            ("</o:Security>", f"</o:Security><o:Security xmlns:o='{WSSE}'><o:UsernameToken/></o:Security>"),
            "more than one User",
        ),
        (("</wsp:AppliesTo>", "</wsp:AppliesTo><x:AppliesTo xmlns:x='urn:x'/>"), "more than one AppliesTo"),
        (("</t:RequestType>", "</t:RequestType><t:RequestType/>"), "more than one RequestType"),
        (("<t:RequestType>", "<t:KeyType/><t:RequestType>"), "more than one KeyType"),
        (
            ("</t:RequestSecurityToken>", "</t:RequestSecurityToken><t:RequestSecurityToken xmlns:t='{t}'/>"),
            "more than one RequestS",
        ),
        (("</s:Body>", "</s:Body><s:Body/>"), "more than one Body"),
    ],
)
def test_what_is_there_twice_or_elsewhere_is_refused(site, edit, message):
    """Two users, passwords, dates, relying parties or requests: the message is refused instead of the first taken."""
    old, new = edit
    data = request(site, "2005", (old, new.replace("{t}", TRUST_NAMESPACES["2005"])))
    if not message:  # a Timestamp of another namespace is none of ours
        assert parse_rst(data, "2005", LIMIT).created == "2026-09-21T14:13:20Z"
        return
    with pytest.raises(InvalidXmlError, match=message):
        parse_rst(data, "2005", LIMIT)


def test_two_passwords_sign_nobody_in(site):
    """At the endpoints the same holds: neither the right password first nor last is enough."""
    good = site.rst(user=ALICE, password=PASSWORD)
    path = "/contoso.com/winauth/trust/2005/usernamemixed"
    assert site.ask("POST", site.AUTOLOGON, path, body=good).status == 200
    for pair in ((PASSWORD, "wrong"), ("wrong", PASSWORD)):
        both = "</o:Password><o:Password>".join(pair)
        twice = good.replace(PASSWORD.encode(), both.encode())
        assert site.ask("POST", site.AUTOLOGON, path, body=twice).code == 81016


@pytest.mark.parametrize(("version", "other"), [("2005", "13"), ("13", "2005")])
def test_a_request_of_the_other_version_is_none(site, version, other):
    """The namespace of the request is that of the endpoint."""
    with pytest.raises(InvalidXmlError, match="no RequestSecurityToken of"):
        parse_rst(request(site, other), version, LIMIT)


@pytest.mark.parametrize(
    ("header", "understood"),
    [
        ('<x:A xmlns:x="urn:x" s:mustUnderstand="1"/>', True),
        ('<x:A xmlns:x="urn:x" s:mustUnderstand=" true "/>', True),
        ('<x:A xmlns:x="urn:x" s:mustUnderstand="0"/>', False),
        ('<x:A xmlns:x="urn:x" s:mustUnderstand="false"/>', False),
        ('<x:A xmlns:x="urn:x" mustUnderstand="1"/>', False),
        ('<x:A xmlns:x="urn:x"/>', False),
        (f'<x:A xmlns:x="urn:x" s:mustUnderstand="1" s:role="{SOAP12}/role/ultimateReceiver"/>', True),
        (f'<x:A xmlns:x="urn:x" s:mustUnderstand="1" s:role="{SOAP12}/role/next"/>', True),
        (f'<x:A xmlns:x="urn:x" s:mustUnderstand="1" s:role="{SOAP12}/role/none"/>', False),
        ('<x:A xmlns:x="urn:x" s:mustUnderstand="1" s:role="urn:somebody"/>', False),
    ],
)
def test_headers_that_must_be_understood(site, header, understood):
    """``mustUnderstand`` counts as 1 or true, in the namespace of SOAP, for roles of the receiver (SOAP 1.2, 5.2)."""
    found = parse_rst(request(site, "2005", ("</s:Header>", f"{header}</s:Header>")), "2005", LIMIT)
    assert ("{urn:x}A" in found.must_understand) == understood


@pytest.mark.parametrize(
    ("edits", "parts", "first"),
    [
        ((("<t:RequestType>", "<t:OnBehalfOf/><t:Renewing/><t:RequestType>"),), ("OnBehalfOf", "Renewing"), True),
        ((("<s:Body>", "<s:Body><x:Other xmlns:x='urn:x'/>"),), (), False),
        ((("<s:Body>", "<s:Body><!-- nothing -->"),), (), True),
        ((("<t:RequestType>", "<t:KeySize>256</t:KeySize><t:RequestType>"),), (), True),
    ],
)
def test_other_parts_are_named(site, edits, parts, first):
    """Parts without a field of their own are listed, so that a service can refuse what it does not do."""
    found = parse_rst(request(site, "2005", *edits), "2005", LIMIT)
    assert (found.other_parts, found.is_first_in_body) == (parts, first)
    assert found.key_size == ("256" if "KeySize" in edits[0][1] else "")


@settings(max_examples=60)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=30),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=30),
)
@example("a&b<c>\"d'", "]]>&amp;&#65;")
def test_any_name_and_password_are_read_as_they_are(name: str, password: str) -> None:
    """No letter of a name or a password is markup, and none is lost (ADAL4J issue 68: a quotation mark)."""
    header = (
        f'<s:Header><o:Security xmlns:o="{WSSE}"><o:UsernameToken><o:Username>{escape(name)}</o:Username>'
        f"<o:Password>{escape(password)}</o:Password></o:UsernameToken></o:Security></s:Header>"
    )
    body = f'<s:Body><t:RequestSecurityToken xmlns:t="{TRUST_NAMESPACES["13"]}"/></s:Body>'
    text = f'<s:Envelope xmlns:s="{SOAP12}">{header}{body}</s:Envelope>'
    found = parse_rst(text.encode(), "13", LIMIT)
    assert (found.username, found.password) == (name.strip(), password)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("<a:MessageID>urn:1</a:MessageID>", "urn:1"),
        ("<a:messageID> urn:1\n</a:messageID>", "urn:1"),
        ("<x:MESSAGEID xmlns:x='urn:x'>urn:1</x:MESSAGEID>", "urn:1"),
        ("<a:Other>x</a:Other>", ""),
        ("", ""),
    ],
)
def test_the_message_id_is_found_in_any_spelling(header, found):
    """msal4j writes ``messageID``; a message without one, and what is no message, has none."""
    text = f'<s:Envelope xmlns:s="{SOAP12}" xmlns:a="{ADDRESSING}"><s:Header>{header}</s:Header><s:Body/></s:Envelope>'
    assert find_message_id(text.encode()) == found
    assert find_message_id(text.replace("s:Header", "s:Head").encode()) == ""
    for junk in (b"", b"<", b"\xff", text.encode()[:-3]):
        assert find_message_id(junk) == ""


def transfer(action: str, root: str = "Envelope", header: str = "Header") -> bytes:
    """A message with this action."""
    names = f'xmlns:s="{SOAP12}" xmlns:a="{ADDRESSING}"'
    inner = f"<s:{header}><a:Action>{action}</a:Action><a:MessageID>m</a:MessageID></s:{header}><s:Body/>"
    return f"<s:{root} {names}>{inner}</s:{root}>".encode()


def test_metadata_are_asked_for_by_get():
    """A WS-Transfer Get is an envelope of SOAP 1.2 with that action; anything else is refused."""
    get = f"{TRANSFER}/Get"
    assert read_transfer_get(transfer(f" {get}\n"), LIMIT) == "m"
    other = transfer(get).replace(SOAP12.encode(), b"http://schemas.xmlsoap.org/soap/envelope/")
    wrong = [
        transfer(f"{TRANSFER}/Put"),
        transfer(get, "Letter"),
        transfer(get, header="Head"),
        other,
        b"<x/>",
        b"no XML",
    ]
    for data in wrong:
        with pytest.raises(InvalidXmlError):
            read_transfer_get(data, LIMIT)
