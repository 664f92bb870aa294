"""The endpoint for a password in a MEX document, beside MSAL Python's own parser."""

from __future__ import annotations

import itertools

import pytest
from msal.mex import Mex
from ssosim_clients.failures import ProtocolFailure
from ssosim_clients.flows import mex

from ssosim.entra.wstrust.mex import MexEndpoint, render_mex

from .mex_policies import POLICY_VERSIONS, password_document


def original(document: bytes) -> tuple[str, str] | None:
    """Address and action that MSAL Python finds."""
    found = Mex(document.decode()).get_wstrust_username_password_endpoint()
    return None if found is None else (found["address"], found["action"])


def model(document: bytes) -> tuple[str, str] | None:
    """Address and action that the model of MSAL Python finds."""
    try:
        found = mex.read_password_endpoint(document, mex.MSAL_PYTHON_PASSWORD)
    except ProtocolFailure:
        return None
    return found.url, found.version.action


@pytest.mark.parametrize("parts", list(itertools.product(POLICY_VERSIONS, POLICY_VERSIONS, [*POLICY_VERSIONS, None])))
@pytest.mark.parametrize("action", ["13", "2005"])
def test_the_model_finds_what_msal_python_finds(parts: tuple[str, str, str | None], action: str) -> None:
    """Each combination of versions of policy, token, transport binding and WS-Trust."""
    document = password_document(*parts, action=action)
    assert model(document) == original(document)


@pytest.mark.parametrize(
    "address",
    ["https://h/x", "HTTPS://h/x", "http://h/x", " https://h/x", "https://h/x?a=1&amp;b=2", "ftp://h/x", "x"],
)
def test_the_model_takes_the_addresses_that_msal_python_takes(address: str) -> None:
    """Https in any letters, without white space before it."""
    document = password_document("sp2005", "sp2005", "sp2005", address=address)
    assert model(document) == original(document)


@pytest.mark.parametrize(
    "endpoints",
    [
        [("usernamemixed", "13")],
        [("usernamemixed", "2005")],
        [("usernamemixed", "2005"), ("usernamemixed", "13")],
        [("usernamemixed", "13"), ("usernamemixed", "2005")],
        [("windowstransport", "13"), ("certificatemixed", "2005")],
        [("certificatemixed", "13"), ("kerberosmixed", "13"), ("usernamemixed", "2005")],
    ],
)
def test_the_lab_s_own_documents_are_read_alike(endpoints: list[tuple[str, str]]) -> None:
    """What the lab's AD FS offers leads both to one endpoint, 1.3 before 2005."""
    document = render_mex(
        tuple(MexEndpoint(kind, version, f"https://sts.example/{version}/{kind}") for kind, version in endpoints)  # type: ignore[arg-type]
    ).encode()
    assert model(document) == original(document)
