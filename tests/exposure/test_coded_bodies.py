"""A compressed body at a usual step is decoded, however the name of its field is written."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from multidict import CIMultiDict

from ssosim.entra import Call, Keys, Provider
from ssosim.estate import default_estate
from ssosim.exposure import ExposureFinder
from ssosim.services import services_of
from ssosim.trace import SignInStep

SIGNS = (b"\0", b"\\", b"=\n", b"=\r", b"&#", b"%")


@pytest.fixture(scope="module")
def finder() -> ExposureFinder:
    """The finder of a lab with the default estate."""
    estate = default_estate()
    provider = Provider(estate=estate, keys=Keys.generate(["fabrikam-sts"]), acceptors={})
    return ExposureFinder(provider, services_of(estate), lambda _data: None)


def compress_without_signs(text: str) -> bytes:
    """Compress ``text`` and other words, chosen so that nothing in the result looks like an encoding."""
    for number in range(2_000):
        words = "&".join(hashlib.sha256(f"{number} {each}".encode()).hexdigest() for each in range(4))
        data = zlib.compress(f"state={words}&{text}".encode())
        if not any(sign in data for sign in SIGNS):
            return data
    raise AssertionError("no such text")


@pytest.mark.parametrize("name", ["Content-Encoding", "content-encoding", "CONTENT-ENCODING"])
def test_a_password_in_a_compressed_body_is_found(finder: ExposureFinder, name: str) -> None:
    """The password of a federated user has no business at the login host."""
    password = next(user.password for user in default_estate().users if user.upn == "frank@fabrikam.com")
    call = Call.read(
        "POST",
        "login.microsoftonline.com",
        "/organizations/oauth2/v2.0/token",
        headers=CIMultiDict({"Host": "login.microsoftonline.com", name: "deflate"}),
        body=compress_without_signs(f"grant_type=password&password={password}"),
        now=1_790_000_000.0,
    )
    (found,) = finder.examine(call, SignInStep.TOKEN)
    assert (found.credential, found.owner) == ("password", "frank@fabrikam.com")
