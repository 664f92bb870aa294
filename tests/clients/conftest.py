"""The environment of ``ssosim.testing``, and documents that a test can spoil."""

from __future__ import annotations

import pytest

from ssosim.testing import AUTOLOGON, LOGIN, MANAGER, PASSWORD, ClientEnvironment

from . import documents
from .documents import ACTION, rstr

__all__ = [
    "ACTION",
    "AUTOLOGON",
    "LOGIN",
    "MANAGER",
    "PASSWORD",
    "TRUST_URL",
    "ClientEnvironment",
    "mex_document",
    "rstr",
]

TRUST_URL = f"https://{AUTOLOGON}/contoso.com/winauth/trust/2005/windowstransport?client-request-id=1"


def mex_document(
    address: str = TRUST_URL, assertion: str = "http:NegotiateAuthentication", transport: str = "sp:TransportBinding"
) -> bytes:
    """A MEX document with one binding, for a ticket, whose parts a test can spoil."""
    return documents.mex_document(address, assertion=assertion, transport=transport)


@pytest.fixture
def environment() -> ClientEnvironment:
    """A healthy environment."""
    return ClientEnvironment()
