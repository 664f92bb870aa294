from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.kerberos import der
from ssosim.kerberos.codes import KrbCode, error_name
from ssosim.kerberos.der import DerError
from ssosim.kerberos.messages import (
    KdcRequest,
    KrbError,
    Unreadable,
    build_as_request,
    build_error,
    read_message,
)
from ssosim.kerberos.spnego import build_ntlm_negotiate_token, read_negotiate_token

AS_REQUEST = build_as_request("CORP.CONTOSO.COM", "alice")
names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20)


def test_built_request_reads_back() -> None:
    """The AS-REQ of the readiness check is read with the values that it was built from."""
    assert read_message(AS_REQUEST) == KdcRequest(
        "AS", "CORP.CONTOSO.COM", "krbtgt/CORP.CONTOSO.COM", "alice", (18, 17)
    )


@given(names, names)
def test_any_name_reads_back(realm: str, principal: str) -> None:
    """For any realm and principal, reading gives back what was built."""
    message = read_message(build_as_request(realm, principal))
    assert message == KdcRequest("AS", realm, f"krbtgt/{realm}", principal, (18, 17))


@given(st.sampled_from(list(KrbCode)), names)
def test_error_reads_back_by_name(code: KrbCode, realm: str) -> None:
    """A KRB-ERROR is read with the RFC's name of its code."""
    message = read_message(build_error(code, realm, ("HTTP", "host"), 1_740_000_000))
    assert message == KrbError(code, code.name, realm, "HTTP/host")


def test_unknown_code_keeps_its_number() -> None:
    """A code without a name in the RFC is shown by number."""
    assert error_name(199) == "KRB_ERROR_199"


@settings(max_examples=500)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_value(data: bytes) -> None:
    """No bytes make the readers raise."""
    read_message(data)
    read_negotiate_token(data)


@settings(max_examples=500)
@given(st.integers(0, len(AS_REQUEST) - 1), st.integers(1, 255), st.integers(0, len(AS_REQUEST)))
def test_damaged_requests_are_values(at: int, flip: int, cut: int) -> None:
    """A flipped byte and a cut never raise; a cut message is always unreadable."""
    damaged = bytearray(AS_REQUEST)
    damaged[at] ^= flip
    read_message(bytes(damaged))
    if cut < len(AS_REQUEST):
        assert isinstance(read_message(AS_REQUEST[:cut]), Unreadable)


@given(st.binary(min_size=1, max_size=20))
def test_nothing_may_follow(rest: bytes) -> None:
    """A message with bytes after its end is unreadable."""
    assert isinstance(read_message(AS_REQUEST + rest), Unreadable)


def test_an_error_without_a_name_is_read() -> None:
    """Samba's KDC refuses a request with KRB_AP_ERR_SKEW before it has read the name, which has no components then."""
    reply = bytes.fromhex(
        "7e4f304da003020105a10302011ea411180f32303236313133303131323333375aa50502030be29ca603020125"
        "a9151b133c756e737065636966696564207265616c6d3eaa0b3009a003020100a1023000"
    )
    assert read_message(reply) == KrbError(37, "KRB_AP_ERR_SKEW", "<unspecified realm>", "")


def test_names_cannot_forge_a_line() -> None:
    """Separators and control characters in a name are escaped, so that a trace line shows one name."""
    message = read_message(build_as_request("R", "a/b@c\n\x1b[31m"))
    assert isinstance(message, KdcRequest)
    assert message.principal == r"a\/b\@c\n\x1b[31m"


def test_names_are_bounded() -> None:
    """A name of a megabyte is unreadable, not a megabyte in the trace."""
    assert isinstance(read_message(build_as_request("R", "x" * 1_000_000)), Unreadable)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_read_back(number: int) -> None:
    """Every 64-bit integer survives encoding."""
    assert der.read_integer(der.read_single(der.encode_integer(number))) == number


@given(st.integers(0, 0x1E).map(lambda n: 0xA0 | n), st.binary(max_size=70_000))
def test_elements_read_back(tag: int, value: bytes) -> None:
    """Every element survives encoding, with its length in the shortest form."""
    assert der.read_single(der.encode_element(tag, value)) == der.Element(tag, value)


@pytest.mark.parametrize(
    "data",
    ["", "30", "3080", "308101ff", "30820001ff", "1f8101", "3085000000000100", "3084ffffffff", "0203"],
)
def test_strictness(data: str) -> None:
    """Indefinite, padded, oversized and cut lengths and long tags are refused."""
    with pytest.raises(DerError):
        der.read_element(bytes.fromhex(data))


def test_sequences_are_bounded() -> None:
    """A sequence of a million elements is refused."""
    with pytest.raises(DerError, match="too many"):
        der.read_children(b"\x05\x00" * 1_000_000)


@pytest.mark.parametrize("spnego", [False, True])
def test_ntlm_is_recognised(spnego: bool) -> None:
    """NTLM is recognised raw and inside SPNEGO (MS-NLMP type 1)."""
    token = build_ntlm_negotiate_token(spnego=spnego)
    assert read_negotiate_token(token).mechanism == "ntlm"
    assert len(token) < 100
