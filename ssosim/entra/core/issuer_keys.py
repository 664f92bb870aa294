"""The port through which the provider gets the keys of an OpenID issuer: a document at an HTTPS address."""

from __future__ import annotations

from collections.abc import Callable

from ssosim.entra.core.messages import Call

__all__ = ["FetchDocument", "FetchError", "fetch_nothing"]


class FetchError(Exception):
    """A document cannot be fetched. The message says why, for people; it contains nothing secret."""


FetchDocument = Callable[[str, Call], bytes]
"""Return the body of the document at an ``https`` address; raises FetchError. The call is the one that needs it."""


def fetch_nothing(url: str, call: Call) -> bytes:  # noqa: ARG001  the signature of FetchDocument
    """Raise FetchError: a provider that nobody has connected to other hosts reaches none."""
    raise FetchError("this identity provider is not connected to other hosts")
