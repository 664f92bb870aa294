"""The request ids in a message: GUIDs, in which alone the messages of a program differ from one request to the next."""

from __future__ import annotations

import re

__all__ = ["MARKS_OF_REQUEST_IDS", "MASK", "mask_request_ids"]

MARKS_OF_REQUEST_IDS = (b"urn:uuid:", b"client-request-id=")
"""What is before a request id: in a MessageID of WS-Addressing, and in a query."""
MASK = b"*"
_ID_AND_END = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![A-Za-z0-9+/_-])")


def mask_request_ids(data: bytes) -> bytes:
    """Return ``data`` with ``*`` for the first request id after each mark, if it is a whole word."""
    for mark in MARKS_OF_REQUEST_IDS:
        start = data.find(mark)
        if start >= 0:
            start += len(mark)
            found = _ID_AND_END.match(data, start)
            if found is not None:
                data = b"%b%b%b" % (data[:start], MASK, data[found.end() :])
    return data
