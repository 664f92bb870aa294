"""The bounds of a document, to the octet and to the tag: what is just within is read, one more is refused unparsed."""

from __future__ import annotations

import pytest

from ssosim.entra.core.safe_xml import InvalidXmlError, local_name, parse_xml, text_of

NAMESPACE = "urn:oasis:names:tc:SAML:1.0:assertion"


@pytest.mark.parametrize("text", ["<x/>", "\ufeff<x/>", "  <x/>\n", "<x>\u20ac</x>"])
def test_the_limit_is_that_of_the_octets_as_sent(text: str) -> None:
    """Blanks and the byte order mark count, and letters count by their octets."""
    data = text.encode()
    assert parse_xml(data, len(data)).tag == "x"
    with pytest.raises(InvalidXmlError, match=f"larger than {len(data) - 1} bytes"):
        parse_xml(data, len(data) - 1)


def write(tags: int = 2, attributes: int = 0, namespaces: int = 0, references: int = 0) -> bytes:
    """A document with so many of each: ``tags`` counts opening brackets, two for an element with content."""
    inner = "<a/>" * (tags - 2)
    names = "".join(f' b{number}="1"' for number in range(attributes - namespaces))
    spaces = "".join(f' xmlns:n{number}="urn:{number}"' for number in range(namespaces))
    return f"<x{names}{spaces}>{inner}{'&amp;' * references}</x>".encode()


@pytest.mark.parametrize(
    ("counts", "what"),
    [
        ({"tags": 2000}, "2000 tags"),
        ({"attributes": 1000}, "1000 attributes"),
        ({"namespaces": 200, "attributes": 200}, "200 namespace declarations"),
        ({"references": 4000}, "4000 references"),
    ],
)
def test_each_kind_of_markup_has_its_limit(counts: dict[str, int], what: str) -> None:
    """As many as the limit are read; one more is refused with the name of the kind."""
    assert parse_xml(write(**counts), 10**6).tag == "x"
    more = {name: number + 1 for name, number in counts.items()}
    with pytest.raises(InvalidXmlError, match=f"more than {what}"):
        parse_xml(write(**more), 10**6)


@pytest.mark.parametrize(
    "document",
    [
        "<!DOCTYPE x><x/>",
        "<!doctype x><x/>",
        "<! DOCTYPE x><x/>",
        "<!\n\tDOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        '<!DOCTYPE x SYSTEM "http://localhost/x.dtd"><x/>',
        '<x><!ENTITY a "b"></x>',
        "<?xml version='1.0'?><!DOCTYPE x><x/>",
        "<!--a--><!DOCTYPE x><x/>",
    ],
)
def test_a_document_type_is_refused_wherever_it_is(document: str) -> None:
    """No definition of a type or an entity is read, in whatever case, after whatever blanks or comments."""
    with pytest.raises(InvalidXmlError):
        parse_xml(document.encode(), 1000)


@pytest.mark.parametrize("name", ["a", "lt;x", "#0", "#xD800", "#x110000"])
def test_an_entity_that_xml_does_not_have_is_refused(name: str) -> None:
    """Only the five entities of XML and characters that exist are references."""
    good = name == "lt;x"
    try:
        found = text_of(parse_xml(f"<x>&{name};</x>".encode(), 1000))
    except InvalidXmlError:
        assert not good
    else:
        assert (good, found) == (True, "<x;")


def test_comments_and_instructions_are_not_there() -> None:
    """Text on both sides of a comment or an instruction is one text, as in the canonical form that is signed."""
    root = parse_xml(b"<!--0--><?a b?><x>one<!-- two -->three<?four five?>six<y>seven</y>eight</x><!--9-->", 1000)
    assert text_of(root) == "onethreesixseveneight"
    assert [local_name(child) for child in root] == ["y"]
    assert root.getprevious() is root.getnext() is None


@pytest.mark.parametrize(
    ("tag", "name"), [("x", "x"), (f'a:x xmlns:a="{NAMESPACE}"', "x"), (f'x xmlns="{NAMESPACE}"', "x")]
)
def test_a_local_name_has_no_namespace(tag: str, name: str) -> None:
    """The prefix does not matter, and the namespace is cut off."""
    assert local_name(parse_xml(f"<{tag}/>".encode(), 1000)) == name


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "<x>", "<x></y>", "<x/><y/>", "<x a=1/>", "<x a='1' a='2'/>", "<x>&</x>", "<x>]]></x>", "<a:x/>"],
)
def test_what_is_not_well_formed_is_refused(text: str) -> None:
    """One root, closed tags, quoted attributes that are there once, prefixes that are declared."""
    with pytest.raises(InvalidXmlError, match="not well-formed"):
        parse_xml(text.encode(), 1000)


@pytest.mark.parametrize(
    "data", [b"\xff<x/>", "<x>\u20ac</x>".encode("utf-16"), "<x>\u20ac</x>".encode("cp1252"), b"<x>\xed\xa0\x80</x>"]
)
def test_other_octets_than_utf_8_are_refused(data: bytes) -> None:
    """UTF-16, a code page, and half a surrogate pair are no UTF-8."""
    with pytest.raises(InvalidXmlError, match="not UTF-8"):
        parse_xml(data, 1000)
