"""The conditional header fields of requests for a blob: ``If-Match``, ``If-None-Match`` and the two dates.

Source: Azure Storage REST documentation, "Specifying conditional headers for Blob service operations" (versions from
2013-08-15 on). The fields are combined as ``If-Match && If-Unmodified-Since && (If-None-Match || If-Modified-Since)``.
A list in ``If-Match`` needs one equal ETag, a list in ``If-None-Match`` none. A read that finds nothing new is 304,
every other failure is 412; only ``If-None-Match: *`` of a write is 409 (BlobAlreadyExists).
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal

from msgspec import Struct

__all__ = ["BlobState", "Condition", "InvalidConditionError", "check_conditions"]

Condition = Literal["met", "not_modified", "not_met", "exists"]
"""``not_modified`` is 304, ``not_met`` 412, ``exists`` 409."""


class InvalidConditionError(ValueError):
    """A date is none. The text is the name of the field."""


class BlobState(Struct, frozen=True):
    """A blob as it is: its ETag in quotes, and when it was written, in seconds since the Unix epoch."""

    etag: str
    modified: float


def check_conditions(headers: Mapping[str, str], blob: BlobState | None, *, writes: bool) -> Condition:
    """Return whether the conditions in ``headers`` hold for ``blob``, which is None if there is none.

    ``headers`` look up without regard to case. Raises InvalidConditionError.
    """
    wanted, unwanted = _read_etags(headers, "If-Match"), _read_etags(headers, "If-None-Match")
    since, until = _read_date(headers, "If-Modified-Since"), _read_date(headers, "If-Unmodified-Since")
    if wanted and (blob is None or not _names(wanted, blob)):
        return "not_met"
    if blob is None:
        return "met"
    if until is not None and int(blob.modified) > until:
        return "not_met"
    is_other = not _names(unwanted, blob) if unwanted else None
    is_newer = int(blob.modified) > since if since is not None else None
    given = [each for each in (is_other, is_newer) if each is not None]
    if not given or any(given):
        return "met"
    if not writes:
        return "not_modified"
    return "exists" if "*" in unwanted else "not_met"


def _read_etags(headers: Mapping[str, str], name: str) -> tuple[str, ...]:
    texts = (each.strip().strip('"') for each in headers.get(name, "").split(","))
    return tuple(each for each in texts if each)


def _names(etags: tuple[str, ...], blob: BlobState) -> bool:
    return "*" in etags or blob.etag.strip('"') in etags


def _read_date(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(name, "").strip()
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        raise InvalidConditionError(name) from None
