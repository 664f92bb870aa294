"""Parse XML from an untrusted source: without DTD, entities and network access, and with a size limit."""

from __future__ import annotations

from typing import Final

from lxml import etree

from ssosim_clients.failures import ProtocolFailure

__all__ = ["MAX_BYTES", "parse"]

MAX_BYTES: Final = 1 << 20
"""The maximum size of a document in bytes. A MEX document of AD FS has about 60 KB."""


def parse(body: bytes, document: str) -> etree._Element:
    """The root element of ``body``. ``document`` is its name in error texts.

    White space before the XML declaration is accepted, as in MSAL Python. Raises ``ProtocolFailure``.
    """
    if len(body) > MAX_BYTES:
        raise ProtocolFailure(f"{document} has {len(body)} bytes; the limit is {MAX_BYTES}")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(body.lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ProtocolFailure(f"{document} is not XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ProtocolFailure(f"{document} has a document type declaration, which is refused")
    return root
