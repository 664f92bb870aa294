"""The AADSTS catalogue, its exception, and the texts of an error. Everything that answers an error uses its row.

Sources: the Entra error-code reference, the Seamless SSO troubleshooting page, and error bodies that users pasted into
public issue threads (named in each row). "Unconfirmed" marks a text that was written here, or an OAuth value or status
that no public capture shows. ``{...}`` in a text is filled from the details of the AadstsError.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from itertools import takewhile
from types import MappingProxyType

from ssosim.entra.core.aadsts_rows import ROWS, Aadsts, EndpointVersion
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.timestamps import format_oauth_time
from ssosim.trace import redact

__all__ = [
    "CATALOGUE",
    "POLICY_ID",
    "Aadsts",
    "AadstsError",
    "build_claims_challenge",
    "build_error_description",
    "claims_of",
    "describe",
    "find_row",
    "list_error_codes",
    "mark_error",
]

CATALOGUE: Mapping[int, Aadsts] = MappingProxyType({row.code: row for row in ROWS})

POLICY_ID = "d9cb6f9e-1b38-4b7a-9a39-2d5d6d6c0a11"
"""The id of the Conditional Access policy in claims challenges."""

_NEAR = 4  # near matches in the text of an unknown code


def find_row(code: int) -> Aadsts:
    """Return the row of ``code``; raises ValueError, whose text names similar codes, if there is none."""
    row = CATALOGUE.get(code)
    if row is not None:
        return row
    near = sorted(CATALOGUE, key=lambda known: (-_common_digits(known, code), abs(known - code)))
    near = [known for known in near[:_NEAR] if _common_digits(known, code) > 1] or sorted(CATALOGUE)
    raise ValueError(f"AADSTS{code} is not in the catalogue of this program; try {', '.join(map(str, near))}")


def _common_digits(one: int, other: int) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(str(one), str(other), strict=False)))


class _Details(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


class AadstsError(Exception):
    """A request that the provider refuses: an AADSTS code with the details for its text.

    ``status`` and ``error`` override the HTTP status and the OAuth value of the catalogue. ``claims`` is the JSON text
    of a claims challenge, instead of the one that the row asks for. The endpoint decides how the error is rendered
    (OAuth JSON, SOAP fault, page, plain text), not the code that raises it.
    """

    def __init__(
        self,
        code: int,
        *,
        status: int | None = None,
        claims: str | None = None,
        error: str | None = None,
        **details: str,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.details = details
        self.status = status
        self.claims = claims
        self.error = error

    @property
    def row(self) -> Aadsts:
        """The entry of this code in the catalogue."""
        return CATALOGUE[self.code]

    @property
    def http_status(self) -> int:
        """The HTTP status of the reply."""
        return self.status if self.status is not None else self.row.status

    @property
    def page_status(self) -> int:
        """The HTTP status of a page with the error."""
        return self.status if self.status is not None else self.row.page_status


def list_error_codes(error: AadstsError) -> tuple[int, ...]:
    """Return the values of ``error_codes``: outer codes first, as in captured bodies (``[70002, 50012]``)."""
    return (*error.row.outer_codes, error.code)


def describe(error: AadstsError) -> str:
    """Return the text with its codes: ``AADSTS70002: Error validating credentials. AADSTS50008: …``."""
    return _describe(error, error.details)


def _describe(error: AadstsError, given: Mapping[str, str]) -> str:
    details = _Details(given)
    parts = (f"AADSTS{code}: {CATALOGUE[code].text.format_map(details)}" for code in list_error_codes(error))
    return " ".join(part.strip() for part in parts)


def mark_error(reply: HttpReply, error: AadstsError) -> HttpReply:
    """Return ``reply`` with code and text of ``error``, which the trace records; the bytes that are sent stay.

    What looks like a token or a ticket in the details is not in that text.
    """
    details = {name: redact(value) for name, value in error.details.items()}
    return dataclasses.replace(reply, code=error.code, error_description=_describe(error, details))


def build_claims_challenge(version: EndpointVersion, policy: str = POLICY_ID) -> str:
    """Build the JSON text of a claims challenge for a Conditional Access policy.

    The key is ``polids`` in version 1.0 (ADAL Python issue 85) and ``capolids`` in 2.0 (MSAL.js issue 5491).
    """
    key = "polids" if version == "1.0" else "capolids"
    return json.dumps({"access_token": {key: {"essential": True, "values": [policy]}}}, separators=(",", ":"))


def claims_of(error: AadstsError, version: EndpointVersion) -> str | None:
    """Return the claims challenge of the error; None if it has none."""
    if error.claims is not None:
        return error.claims
    return build_claims_challenge(version) if error.row.claims else None


def build_error_description(error: AadstsError, call: Call, separator: str) -> str:
    """Build the ``error_description``: text with codes, ids and time stamp, with ``separator`` between the parts."""
    return separator.join(
        (
            describe(error),
            f"Trace ID: {call.trace_id}",
            f"Correlation ID: {call.correlation_id}",
            f"Timestamp: {format_oauth_time(call.now)}",
        )
    )
