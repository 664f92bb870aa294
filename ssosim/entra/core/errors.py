"""The AADSTS catalogue (for each code the OAuth value, HTTP status, text and source) and its exception.

Sources: the Entra error-code reference, the Seamless SSO troubleshooting page, and error bodies that users pasted into
public issue threads (named in each row). "Unconfirmed" marks a text that was written here, or an OAuth value or status
that no public capture shows. ``{...}`` in a text is filled from the details of the AadstsError.
"""

from __future__ import annotations

from ssosim.entra.core.aadsts_rows import ROWS, Aadsts

__all__ = ["CATALOGUE", "Aadsts", "AadstsError", "describe", "list_error_codes"]

CATALOGUE: dict[int, Aadsts] = {row.code: row for row in ROWS}


class _Details(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


class AadstsError(Exception):
    """A request that the provider refuses: an AADSTS code with the details for its text.

    ``status`` overrides the HTTP status of the catalogue. ``claims`` is the JSON text of a claims challenge. The
    endpoint decides how the error is rendered (OAuth JSON, SOAP fault, plain text), not the code that raises it.
    """

    def __init__(self, code: int, *, status: int | None = None, claims: str | None = None, **details: str) -> None:
        super().__init__(code)
        self.code = code
        self.details = details
        self.status = status
        self.claims = claims

    @property
    def row(self) -> Aadsts:
        """The entry of this code in the catalogue."""
        return CATALOGUE[self.code]

    @property
    def http_status(self) -> int:
        """The HTTP status of the reply."""
        return self.status if self.status is not None else self.row.status


def list_error_codes(error: AadstsError) -> tuple[int, ...]:
    """Return the values of ``error_codes``: outer codes first, as in captured bodies (``[70002, 50012]``)."""
    return (*error.row.outer_codes, error.code)


def describe(error: AadstsError) -> str:
    """Return the text with its codes: ``AADSTS70002: Error validating credentials. AADSTS50008: …``."""
    details = _Details(error.details)
    parts = (f"AADSTS{code}: {CATALOGUE[code].text.format_map(details)}" for code in list_error_codes(error))
    return " ".join(part.strip() for part in parts)
