"""The declaration of a document and its octets agree: version 1.0, UTF-8. Everything else is refused, as by .NET.

Sources: XML 1.0, sections 2.8 and 4.3.3; dotnet/wcf issues 2550 and 3248, arskom/spyne issue 121.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from ssosim.entra.core.safe_xml import InvalidXmlError, escape_attribute, escape_text, parse_xml, text_of

from .saml_documents import ask_with, signed

GOOD = [
    "",
    '<?xml version="1.0"?>',
    "<?xml version='1.0' encoding='UTF-8'?>",
    '<?xml version="1.0" encoding="utf-8" standalone="yes"?>',
    '<?xml version="1.0"  encoding = "Utf-8" standalone=\'no\' ?>',
    '\r\n  <?xml version="1.0" encoding="UTF-8"?>\r\n',
    '\ufeff<?xml version="1.0" encoding="UTF-8"?>',
    '<?xml-stylesheet href="x.xsl"?>',
]
BAD = [
    '<?xml version="1.0" encoding="utf-16"?>',
    '<?xml version="1.0" encoding="ISO-8859-1"?>',
    '<?xml version="1.0" encoding="utf8"?>',
    '<?xml version="1.0" encoding="us-ascii"?>',
    '<?xml version="1.0" encoding=""?>',
    '<?xml version="1.1"?>',
    '<?xml version="1.1" encoding="UTF-8"?>',
    '<?xml version="2.0"?>',
    '<?xml encoding="UTF-8"?>',
    '<?xml encoding="UTF-8" version="1.0"?>',
    '<?xml version="1.0" standalone="maybe"?>',
    '<?xml version="1.0" encoding="UTF-8" more="x"?>',
    "<?xml?>",
    "<?xml ?>",
    '<?xml version="1.0"?><?xml version="1.0"?>',
    '<!-- first --><?xml version="1.0"?>',
    '<?xml version="1.0" encoding="UTF-8"',
]


@pytest.mark.parametrize("declaration", GOOD)
def test_a_declaration_of_utf_8_is_read(declaration: str) -> None:
    """With a declaration, without one, with blanks or a byte order mark before it, the document is the same."""
    assert text_of(parse_xml(f"{declaration}<x>\u00e4\u20ac</x>".encode(), 1000)) == "\u00e4\u20ac"


@pytest.mark.parametrize("declaration", BAD)
def test_another_declaration_is_refused(declaration: str) -> None:
    """A declaration of another version or encoding, or none that XML knows, is refused though the octets are UTF-8."""
    with pytest.raises(InvalidXmlError):
        parse_xml(f"{declaration}<x>text</x>".encode(), 1000)


def test_a_declaration_in_capitals_is_none() -> None:
    """XML is case-sensitive: only the name of the encoding may have any case."""
    for text in (
        '<?XML version="1.0"?><x/>',
        '<?xml VERSION="1.0"?><x/>',
        '<?xml version="1.0" STANDALONE="yes"?><x/>',
    ):
        with pytest.raises(InvalidXmlError):
            parse_xml(text.encode(), 1000)


@pytest.mark.parametrize(("encoding", "status"), [("utf-8", 200), ("utf-16", 400), ("ISO-8859-1", 400)])
def test_an_envelope_and_an_assertion_say_utf_8(site, keys, encoding, status):
    """What .NET writes with a StringWriter says utf-16 and is sent as UTF-8: no service of .NET reads it."""
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    assert site.windows(site.ALICE, body=head.encode() + site.rst()).status == status
    answer = site.ask(
        "POST",
        site.STS,
        "/adfs/services/trust/13/windowstransport",
        headers=site.negotiate(site.FRANK),
        body=head.encode() + site.rst("13"),
    )
    assert answer.status == (200 if status == 200 else 500)
    assert ask_with(site, head + signed(keys, "1.1"), "1.1")[0] == status


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ("", 200),
        ("; charset=utf-8", 200),
        ('; charset="UTF-8"; action="x"', 200),
        (";charset=utf-16", 415),
        ("; charset=iso-8859-1", 415),
        ("; action=x; CHARSET=us-ascii", 415),
        ("; charset=utf-8; charset=utf-16", 415),
        ("; charset=", 415),
    ],
)
def test_the_character_set_of_a_message_is_utf_8(site, parameters, status):
    """AD FS refuses the media type of a message in another character set (WCF, IsCharSetSupported)."""
    headers = {**site.negotiate(site.FRANK), "Content-Type": f"application/soap+xml{parameters}"}
    path = "/adfs/services/trust/13/windowstransport"
    assert site.ask("POST", site.STS, path, headers=headers, body=site.rst("13")).status == status


_PRINTABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=60)
@given(_PRINTABLE)
@example("]]>\r\n\t\"'&<\x00\x0b\ufffe\uffff")
def test_escaped_text_is_read_as_it_was(text: str) -> None:
    """Text and attributes that were escaped come back, but for what XML cannot have, which is U+FFFD."""
    root = parse_xml(f'<x a="{escape_attribute(text)}">{escape_text(text)}</x>'.encode(), 10_000)
    expected = "".join(
        each
        if each in "\t\n\r" or "\x20" <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd" or each > "\uffff"
        else "\ufffd"
        for each in text
    )
    assert (text_of(root), root.get("a")) == (expected, expected)


@settings(max_examples=60)
@given(_PRINTABLE)
def test_escaped_text_is_the_canonical_form(text: str) -> None:
    """What is written is the canonical form already, so the digest of a signature is that of the text (C14N 2.3)."""
    written = f'<x a="{escape_attribute(text)}">{escape_text(text)}</x>'
    assert etree.tostring(etree.fromstring(written), method="c14n", exclusive=True).decode() == written


@settings(max_examples=80)
@given(st.binary(max_size=80), st.sampled_from(["<x>{}</x>", '<?xml version="1.0"{}?><x/>', "<x {}/>", "{}"]))
def test_any_octets_are_a_document_or_a_refusal(data: bytes, frame: str) -> None:
    """The parser raises its documented error, and nothing else; what it accepts, lxml reads alike."""
    head, _, tail = frame.partition("{}")
    document = head.encode() + data + tail.encode()
    try:
        root = parse_xml(document, 1000)
    except InvalidXmlError:
        return
    assert root.tag == etree.fromstring(document.removeprefix(b"\xef\xbb\xbf").lstrip()).tag
    assert root.getroottree().docinfo.internalDTD is None
