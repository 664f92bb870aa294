"""XML from strangers, and text for XML.

Nothing of a document type definition is ever read: no DTD, no entities, no network, UTF-8 only (so that no second
encoding can hide a DOCTYPE from the check). Size, tags, attributes, namespaces and references are limited before
anything is parsed: finding a namespace, the canonical form and a signature's references cost far more than their bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from lxml import etree
from lxml.etree import _Element

__all__ = ["InvalidXmlError", "escape_attribute", "escape_text", "local_name", "parse_xml", "text_of"]

_BOM = b"\xef\xbb\xbf"
_DECLARATION = re.compile(rb"\s*<\?xml\b[^>]*\?>")
_DOCTYPE = re.compile(rb"<!\s{0,64}(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_MOST: Mapping[bytes, tuple[int, str]] = MappingProxyType(
    {
        b"<": (2000, "tags"),
        b"=": (1000, "attributes"),
        b"xmlns": (200, "namespace declarations"),
        b"&": (4000, "references"),
    }
)
"""What a document may hold how often. A token with 150 groups has 700 tags; no message of a known client has more."""
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# Comments and processing instructions are dropped while parsing: text that a comment splits in two reads as one,
# which is also what the canonical form (without comments) signs.
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
    """Not XML that we read. The text says why and may be shown to the sender."""


def parse_xml(data: bytes, limit: int) -> _Element:
    """The root element of ``data``, at most ``limit`` bytes and of limited markup; raises InvalidXmlError.

    Blanks before the XML declaration are allowed: a maintained tool sends them (source: AADInternals
    Kerberos_utils.ps1).
    """
    if len(data) > limit:
        raise InvalidXmlError(f"The message is larger than {limit} bytes.")
    try:
        data.decode()
    except UnicodeDecodeError:
        raise InvalidXmlError("The message is not UTF-8.") from None
    for mark, (most, what) in _MOST.items():
        if data.count(mark) > most:
            raise InvalidXmlError(f"The message has more than {most} {what}.")
    data = data.removeprefix(_BOM)
    declaration = _DECLARATION.match(data)
    data = data[declaration.end() :] if declaration else data.lstrip()
    if _DOCTYPE.search(data):
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
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def text_of(element: _Element | None) -> str:
    """All text inside ``element``, in order; empty for None."""
    if element is None:
        return ""
    if len(element) == 0:  # nearly always, and itertext is dear
        return element.text or ""
    return "".join(str(part) for part in element.itertext())


def escape_text(text: str) -> str:
    """Character data in canonical form (Canonical XML 1.0, section 2.3, text nodes).

    What XML cannot hold even as a reference (XML 1.0, production 2) becomes U+FFFD: callers' text comes back in faults.
    """
    text = _IMPOSSIBLE.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def escape_attribute(text: str) -> str:
    """An attribute value in canonical form (Canonical XML 1.0, attribute nodes); else as ``escape_text``."""
    text = _IMPOSSIBLE.sub("\ufffd", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")
