"""Reading XML that a stranger sent: no DTD, no entities, no network, a limit on size."""

from __future__ import annotations

from typing import Final

from lxml import etree

from ssosim_clients.failures import ProtocolFailure

__all__ = ["MAX_BYTES", "parse"]

MAX_BYTES: Final = 1 << 20
"""The largest document read, in bytes. A MEX document of AD FS is about 60 KB."""


def parse(body: bytes, what: str) -> etree._Element:
    """The root element of ``body``; ``what`` names the document in errors.

    Blanks before the XML declaration are tolerated, as MSAL Python does. Raises ``ProtocolFailure``.
    """
    if len(body) > MAX_BYTES:
        raise ProtocolFailure(f"{what}: {len(body)} bytes, more than the {MAX_BYTES} that are read")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(body.lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ProtocolFailure(f"{what} is not XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ProtocolFailure(f"{what} has a document type declaration, which is refused")
    return root
