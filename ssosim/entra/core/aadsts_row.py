"""The type of a row of the AADSTS catalogue, and the values that differ between endpoints."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Aadsts", "Endpoint", "EndpointVersion", "PageId"]

Endpoint = Literal["token", "devicecode", "authorize"]
"""An OAuth endpoint. ``authorize`` means the authorization response, which is sent to the application."""

EndpointVersion = Literal["1.0", "2.0"]
"""The version of an endpoint: ``/oauth2/token`` is 1.0, ``/oauth2/v2.0/token`` is 2.0."""

PageId = Literal[
    "ConvergedChangePassword",
    "ConvergedConditionalAccess",
    "ConvergedConsent",
    "ConvergedError",
    "ConvergedProofUpRedirect",
    "ConvergedSignIn",
    "ConvergedTFA",
]
"""The ``pgid`` of a page of the login host."""

_AUTHORIZE_ERRORS = {"invalid_grant": "interaction_required", "invalid_client": "unauthorized_client"}


class Aadsts(Struct, frozen=True):
    """One AADSTS code.

    ``error`` is the OAuth value of the token and device code endpoints, version 2.0. ``v1_error`` is that of version
    1.0, and ``authorize_error`` that of the authorization response, where they differ (see ``error_at``).
    ``status`` is the HTTP status of the token and device code endpoints; ``page_status`` is that of a page with the
    error, whose ``pgid`` is ``page``. ``suberror`` and ``error_subcode`` (of the authorization response only) say more.
    ``claims``: the error has a claims challenge. ``outer_codes`` codes come before
    this one in ``error_codes``. ``source`` says where the row is from, and which parts no public capture shows.
    ``{...}`` in ``text`` is filled from the details of the ``AadstsError``.
    """

    code: int
    error: str
    text: str
    source: str
    status: int = 400
    suberror: str | None = None
    outer_codes: tuple[int, ...] = ()
    v1_error: str | None = None
    authorize_error: str | None = None
    error_subcode: str | None = None
    claims: bool = False
    page: PageId = "ConvergedError"
    page_status: int = 200

    def error_at(self, endpoint: Endpoint, version: EndpointVersion) -> str:
        """Return the OAuth ``error`` at ``endpoint`` in ``version``.

        ``invalid_grant`` and ``invalid_client`` are values of the token endpoint (RFC 6749, section 5.2). The
        authorization response has those of RFC 6749, section 4.1.2.1 and OpenID Connect Core, section 3.1.2.6.
        """
        if endpoint == "authorize":
            return self.authorize_error or _AUTHORIZE_ERRORS.get(self.error, self.error)
        if version == "1.0" and self.v1_error is not None:
            return self.v1_error
        return self.error

    @property
    def error_uri(self) -> str:
        """The address of the page about this code (botframework-sdk issue 6221)."""
        return f"https://login.microsoftonline.com/error?code={self.code}"
