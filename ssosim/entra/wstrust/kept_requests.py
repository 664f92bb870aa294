"""WS-Trust requests that differ from an earlier one in their request ids only, as those of a program do.

Parsing XML is the most expensive part of a sign-in beside its signatures. A request that is equal to one that was read
before, but for its MessageID and the request id in its URL, has the same content, and is not parsed again. This holds
for two reasons. Each id is followed by a tag, so it is character data, and any other GUID there is as well-formed. And
before a request is kept, it is parsed a second time with other GUIDs in these places: nothing but the MessageID may
differ. A request that is not accepted, or has a user name, is never kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ssosim.entra.core.messages import make_guid
from ssosim.entra.core.request_ids import MARKS_OF_REQUEST_IDS, MASK, mask_request_ids
from ssosim.entra.wstrust.rst import Rst, TrustVersion, parse_rst

__all__ = ["KeptRequests"]

_LONGEST, _MOST = 4096, 256
"""Octets of the longest request, and requests, that are kept."""
_MASKED_IDS = tuple(mark + MASK for mark in MARKS_OF_REQUEST_IDS)


@dataclass(slots=True)
class KeptRequests:
    """Reads requests but for their MessageID, and keeps what it has read, which depends on the octets alone."""

    _kept: dict[tuple[TrustVersion, bytes], Rst] = field(default_factory=dict)

    def read_without_id(self, body: bytes, version: TrustVersion, limit: int) -> Rst:
        """As ``parse_rst``, but the result has no ``message_id``."""
        if len(body) > min(limit, _LONGEST):
            return _without_id(parse_rst(body, version, limit))
        masked = mask_request_ids(body)
        has_ids = masked is not body and MASK not in body
        kept = self._kept.get((version, masked)) if has_ids else None
        if kept is not None:
            return kept
        rst = _without_id(parse_rst(body, version, limit))
        if has_ids and rst.username is None and _is_free(masked, version, rst, limit):
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[version, masked] = rst
        return rst


def _without_id(rst: Rst) -> Rst:
    return replace(rst, message_id="")


def _is_free(masked: bytes, version: TrustVersion, rst: Rst, limit: int) -> bool:
    """Return whether the request is ``rst``, but for its MessageID, with any GUIDs in the places of its request ids."""
    for mark in _MASKED_IDS:
        if mark in masked:
            if mark + b"<" not in masked:
                return False
            masked = masked.replace(mark, mark.replace(MASK, make_guid().encode()))
    return _without_id(parse_rst(masked, version, limit)) == rst
