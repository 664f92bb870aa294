"""Which endpoint for a password each library finds in a MEX document: a document that one accepts another refuses."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace
from ssosim_clients.failures import ProtocolFailure, StageFailure
from ssosim_clients.flows import AdalPassword, MsalDotnetPassword, MsalPythonPassword, mex
from ssosim_clients.flows.mex import ADAL_PASSWORD, MSAL_DOTNET_PASSWORD, MSAL_PYTHON_PASSWORD, PasswordRequirements
from ssosim_clients.flows.native import Flow
from ssosim_clients.spn import NO_TICKET

from ssosim.estate import default_estate
from ssosim.testing import FEDERATED_UPN, ClientEnvironment

from .mex_policies import ACTIONS, POLICY_VERSIONS, password_document

HTTPS = "https://sts.example/x"
LIBRARIES = {"msal-python": MSAL_PYTHON_PASSWORD, "adal": ADAL_PASSWORD, "msal-dotnet": MSAL_DOTNET_PASSWORD}
# supporting tokens, token in them, transport binding: which libraries see an endpoint
ACCEPTED: dict[tuple[str, str, str | None], str] = {
    ("sp12", "sp12", "sp12"): "msal-python adal",
    ("sp12", "sp12", "sp2005"): "adal",
    ("sp12", "sp12", None): "adal",
    ("sp12", "sp2005", "sp12"): "msal-dotnet",
    ("sp12", "sp2005", "sp2005"): "msal-dotnet",
    ("sp12", "sp2005", None): "",
    ("sp2005", "sp12", "sp12"): "",
    ("sp2005", "sp12", "sp2005"): "",
    ("sp2005", "sp12", None): "",
    ("sp2005", "sp2005", "sp12"): "adal msal-dotnet",
    ("sp2005", "sp2005", "sp2005"): "msal-python adal msal-dotnet",
    ("sp2005", "sp2005", None): "adal",
}


def find(document: bytes, requirements: PasswordRequirements) -> str | None:
    """The address that a library finds; None if it finds none."""
    try:
        return mex.read_password_endpoint(document, requirements).url
    except ProtocolFailure:
        return None


def test_the_table_has_each_combination() -> None:
    """No combination of versions is left out."""
    assert set(ACCEPTED) == set(itertools.product(POLICY_VERSIONS, POLICY_VERSIONS, [*POLICY_VERSIONS, None]))


@pytest.mark.parametrize("parts", ACCEPTED)
@pytest.mark.parametrize("library", LIBRARIES)
def test_which_policies_a_library_sees(parts: tuple[str, str, str | None], library: str) -> None:
    """MSAL.NET looks for the token of 2005 only, ADAL at no transport binding, MSAL Python for one version in all."""
    found = find(password_document(*parts), LIBRARIES[library])
    assert (found == HTTPS) is (library in ACCEPTED[parts].split())
    assert found in (HTTPS, None)


@pytest.mark.parametrize(
    ("address", "https_only", "any_scheme"),
    [
        ("https://sts.example/x", True, True),
        ("HTTPS://sts.example/x", True, True),
        ("http://sts.example/x", False, True),
        ("\n  https://sts.example/x\n", False, False),
        ("https://sts.example/x ", False, False),
        ("https://sts.example:0/x", False, False),
        ("https:///x", False, False),
        ("/adfs/x", False, False),
        ("ftp://sts.example/x", False, False),
        ("", False, False),
    ],
)
def test_which_addresses_a_library_takes(address: str, https_only: bool, any_scheme: bool) -> None:
    """An absolute URI without white space; MSAL Python and ADAL take https only, MSAL.NET takes http as well."""
    document = password_document("sp2005", "sp2005", "sp2005", address=address)
    for library, requirements in LIBRARIES.items():
        expected = any_scheme if library == "msal-dotnet" else https_only
        assert (library, find(document, requirements) is not None) == (library, expected)


@pytest.mark.parametrize("version", ACTIONS)
def test_the_version_is_that_of_the_action(version: str) -> None:
    """The SOAP action of the binding says which WS-Trust is spoken, whatever the version of the policy is."""
    for policy in POLICY_VERSIONS:
        document = password_document(policy, policy, policy, action=version)
        assert mex.read_password_endpoint(document).version.action == ACTIONS[version]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"action": "urn:other"},
        {"action": ""},
        {"transport": "http://schemas.xmlsoap.org/soap/smtp"},
        {"reference": "#q"},
        {"port": "t:C"},
        {"port": ""},
    ],
)
def test_a_binding_that_leads_nowhere_is_no_endpoint(spoilt: dict[str, str]) -> None:
    """Policy, binding, action, transport and port must hang together."""
    document = password_document("sp2005", "sp2005", "sp2005", **spoilt)
    for requirements in LIBRARIES.values():
        with pytest.raises(ProtocolFailure, match="no endpoint for a user name and a password"):
            mex.read_password_endpoint(document, requirements)


def test_a_document_without_a_policy_is_no_endpoint() -> None:
    """A document of something else is refused by each library."""
    for requirements in LIBRARIES.values():
        assert find(b"<definitions/>", requirements) is None
        assert find(b"<html>", requirements) is None


@pytest.mark.parametrize(
    ("endpoint", "flow", "signs_in"),
    [
        ("13/usernamemixed", MsalDotnetPassword(), False),
        ("2005/usernamemixed", MsalDotnetPassword(), True),
        ("13/usernamemixed", MsalPythonPassword(), True),
        ("2005/usernamemixed", MsalPythonPassword(), True),
        ("13/usernamemixed", AdalPassword(), True),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_federation_service_with_one_version_of_ws_trust(endpoint: str, flow: Flow, signs_in: bool) -> None:
    """Where AD FS has only the endpoint of 1.3 for passwords, MSAL.NET finds none: its users do not sign in."""
    estate = default_estate()
    services = tuple(replace(each, endpoints=(endpoint,)) for each in estate.federation_services)
    environment = ClientEnvironment(estate=replace(estate, federation_services=services))
    device = environment.device(upn=FEDERATED_UPN)

    async def attempt() -> str:
        try:
            await flow.attempt(device, NO_TICKET)
        except StageFailure as failure:
            return str(failure)
        return ""

    failure = environment.play(attempt())
    assert (failure == "") is signs_in, failure
    assert signs_in or failure == "mex: the MEX document has no endpoint for a user name and a password"
