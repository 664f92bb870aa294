"""Parsing of untrusted XML, and escaping of text for XML.

No document type definition is read: no DTD, no entities, no network access, and UTF-8 only (another encoding could hide
a DOCTYPE from the check). A declaration of another version or encoding is refused, as by .NET (dotnet/wcf issues 2550
and 3248, arskom/spyne issue 121; XML 1.0, section 4.3.3), though the octets are UTF-8.

Size, tags, attributes, namespaces and references are limited before the document is parsed, because namespace look-up,
canonicalization and the references of a signature cost far more than their bytes suggest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from lxml import etree
from lxml.etree import _Element

__all__ = ["InvalidXmlError", "escape_attribute", "escape_text", "local_name", "parse_xml", "text_of"]

_BOM = b"\xef\xbb\xbf"
_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n]+version\s*=\s*(?:"1\.0"|'1\.0')"""
    rb"""(?:[ \t\r\n]+encoding\s*=\s*(?:"utf-8"|'utf-8'))?"""
    rb"""(?:[ \t\r\n]+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>""",
    re.IGNORECASE,
)
_DOCTYPE = re.compile(rb"<!\s{0,64}(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_MARKUP_LIMITS: Mapping[bytes, tuple[int, str]] = MappingProxyType(
    {
        b"<": (2000, "tags"),
        b"=": (1000, "attributes"),
        b"xmlns": (200, "namespace declarations"),
        b"&": (4000, "references"),
    }
)
"""How often each kind of markup may occur. A token with 150 groups has 700 tags; no known client sends more."""
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# Comments and processing instructions are removed while parsing: text on both sides of a comment is read as one text.
# The canonical form (without comments), which is what is signed, does the same.
_PARSER = etree.XMLParser(
    resolve_entities=False,
    load_dtd=False,
    dtd_validation=False,
    no_network=True,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)


class InvalidXmlError(ValueError):
    """The data is not XML, or XML that is not accepted here. The text says why; it may be shown to the sender."""


def parse_xml(data: bytes, limit: int) -> _Element:
    """Parse ``data`` (at most ``limit`` bytes) and return the root element; raises InvalidXmlError.

    Blanks before the XML declaration are allowed, because a maintained tool sends them (source: AADInternals
    Kerberos_utils.ps1).
    """
    if len(data) > limit:
        raise InvalidXmlError(f"The message is larger than {limit} bytes.")
    try:
        data.decode()
    except UnicodeDecodeError:
        raise InvalidXmlError("The message is not UTF-8.") from None
    for mark, (most, what) in _MARKUP_LIMITS.items():
        if data.count(mark) > most:
            raise InvalidXmlError(f"The message has more than {most} {what}.")
    data = data.removeprefix(_BOM).lstrip()
    if data[:6].rstrip(b" \t\r\n?") == b"<?xml" and not _DECLARATION.match(data):
        raise InvalidXmlError("The XML declaration names another version or encoding than 1.0 and UTF-8.")
    if b"<!" in data and _DOCTYPE.search(data):
        raise InvalidXmlError("A document type definition is not allowed.")
    try:
        root = etree.fromstring(data, _PARSER)
    except (etree.XMLSyntaxError, ValueError):
        raise InvalidXmlError("The message is not well-formed XML.") from None
    info = root.getroottree().docinfo
    if info.internalDTD is not None or info.externalDTD is not None:
        raise InvalidXmlError("A document type definition is not allowed.")
    return root


def local_name(element: _Element) -> str:
    """Return the element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def text_of(element: _Element | None) -> str:
    """Return all text inside ``element``, in document order; empty for None."""
    if element is None:
        return ""
    if len(element) == 0:  # the usual case; itertext is slow
        return element.text or ""
    return "".join(str(part) for part in element.itertext())


def escape_text(text: str) -> str:
    """Escape character data for the canonical form (Canonical XML 1.0, section 2.3, text nodes).

    Characters that XML forbids even as a reference (XML 1.0, production 2) become U+FFFD: SOAP faults repeat text of
    the request.
    """
    text = _IMPOSSIBLE.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def escape_attribute(text: str) -> str:
    """Escape an attribute value for the canonical form (Canonical XML 1.0, attribute nodes); like ``escape_text``."""
    text = _IMPOSSIBLE.sub("\ufffd", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")
