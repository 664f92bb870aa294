"""Negotiate tokens: which mechanism a client uses, and where the AP-REQ is (RFC 4178, RFC 4121, MS-SPNG, MS-NLMP)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.kerberos.carried_tickets import read_ticket_service
from ssosim.kerberos.messages import ApRequest, read_message
from ssosim.kerberos.spnego import NegotiateToken, build_ntlm_negotiate_token, read_negotiate_token

from .wire_builders import (
    KERBEROS,
    MS_KERBEROS,
    NEGOEX,
    NTLM,
    NTLM_MESSAGE,
    ap_req,
    gss,
    kdc_rep,
    krb_cred,
    neg_token_init,
    neg_token_resp,
    tgs_req,
    ticket,
)


def describe(value: object) -> str | None:
    """The id of a parameter: octets by their number."""
    return f"{len(value)} octets" if isinstance(value, bytes) else None


SPN = "HTTP/web.corp.test"
REQUEST = ap_req(ticket(SPN, kvno=3, enctype=17), session_enctype=18)
FRAMED = gss(KERBEROS, b"\x01\x00" + REQUEST)
WINDOWS = (MS_KERBEROS, KERBEROS, NEGOEX, NTLM)
"""What Windows lists, in its order (MS-SPNG, section 1.7)."""


@pytest.mark.parametrize(
    ("token", "mechanism", "request_"),
    [
        (neg_token_init((KERBEROS,), FRAMED), "kerberos", REQUEST),
        (neg_token_init(WINDOWS, FRAMED), "kerberos", REQUEST),
        (neg_token_init((MS_KERBEROS,), gss(MS_KERBEROS, b"\x01\x00" + REQUEST)), "kerberos", REQUEST),
        (neg_token_init((KERBEROS,), None), "kerberos", b""),
        (FRAMED, "kerberos", REQUEST),
        (REQUEST, "kerberos", REQUEST),
        (neg_token_init((NTLM,), NTLM_MESSAGE), "ntlm", b""),
        (neg_token_init(WINDOWS, NTLM_MESSAGE), "ntlm", b""),  # Kerberos is offered, and NTLM is sent
        (neg_token_init((NTLM, KERBEROS), None), "ntlm", b""),
        (NTLM_MESSAGE, "ntlm", b""),
        (build_ntlm_negotiate_token(), "ntlm", b""),
        (build_ntlm_negotiate_token(spnego=True), "ntlm", b""),
        (neg_token_init((NEGOEX, KERBEROS), b"NEGOEXTS" + bytes(40)), "unknown", b""),
        (neg_token_init((), None), "unknown", b""),
        (gss(NTLM, b"x"), "ntlm", b""),
        (gss(NEGOEX, b"x"), "unknown", b""),
    ],
    ids=describe,
)
def test_the_mechanism_of_a_first_token(token: bytes, mechanism: str, request_: bytes) -> None:
    """The first mechanism that is offered has sent the token (RFC 4178, 4.2.1), unless it has NTLM's signature."""
    read = read_negotiate_token(token)
    assert (read.mechanism, read.first_leg, read.readable) == (mechanism, True, True)
    assert read.ap_request == request_


@pytest.mark.parametrize(("inner", "mechanism"), [(NTLM_MESSAGE, "ntlm"), (b"\x01\x02", "unknown"), (None, "unknown")])
def test_a_token_that_goes_on_is_no_first_one(inner: bytes | None, mechanism: str) -> None:
    """A NegTokenResp continues an exchange; HTTP has none of before."""
    read = read_negotiate_token(neg_token_resp(inner))
    assert (read.mechanism, read.first_leg, read.mech_token) == (mechanism, False, inner or b"")


@pytest.mark.parametrize("identifier", [b"\x02\x00", b"\x03\x00", b"\x01\x01", b""])
def test_another_kerberos_message_is_no_request(identifier: bytes) -> None:
    """RFC 4121, section 4.1: 01 00 is KRB_AP_REQ, 02 00 the reply, 03 00 an error."""
    assert read_negotiate_token(neg_token_init((KERBEROS,), gss(KERBEROS, identifier + REQUEST))).ap_request == b""


@pytest.mark.parametrize(
    "token", [b"", b"\x60", b"\x60\x00", b"Basic abc", neg_token_init((KERBEROS,), FRAMED)[:-1], FRAMED + b"\0"]
)
def test_what_is_no_token_says_so(token: bytes) -> None:
    """Cut off, with octets behind its end, or of no framing at all."""
    assert read_negotiate_token(token) == NegotiateToken("unknown", readable=False)


@settings(max_examples=80)
@given(
    token=st.sampled_from(
        [neg_token_init(WINDOWS, FRAMED), FRAMED, REQUEST, neg_token_resp(NTLM_MESSAGE), krb_cred(ticket(SPN))]
    ),
    at=st.integers(0, 400),
    octet=st.integers(0, 255),
    cut=st.integers(0, 400),
)
def test_damage_never_raises(token: bytes, at: int, octet: int, cut: int) -> None:
    """Any octet may be another, and any end may be missing: what is read is a value."""
    damaged = bytearray(token)
    damaged[at % len(token)] = octet
    data = bytes(damaged)[: len(token) - cut % 3]
    assert isinstance(read_negotiate_token(data).ap_request, bytes)
    assert read_ticket_service(data) is None or read_ticket_service(data).isprintable()  # type: ignore[union-attr]


def test_an_ap_request_says_what_its_ticket_is_sealed_with() -> None:
    """RFC 4120, 5.5.1 and 5.3: service and realm, type and version of the key, and the type of the session key."""
    assert read_message(REQUEST) == ApRequest("CORP.TEST", SPN, 17, 3, 18)
    without = ap_req(ticket(SPN, kvno=None, enctype=23), session_enctype=23)
    assert read_message(without) == ApRequest("CORP.TEST", SPN, 23, None, 23)


@pytest.mark.parametrize("session_enctype", [17, 23])
def test_two_requests_with_one_ticket_have_their_own_session(session_enctype: int) -> None:
    """The reading of a ticket is kept; what is beside the ticket is read each time."""
    assert read_message(ap_req(ticket(SPN), session_enctype)).session_enctype == session_enctype  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [100, 15_000, 20_000, 70_000])
def test_a_ticket_of_any_size_is_read(size: int) -> None:
    """A member of many groups has a ticket of tens of kilobytes (Microsoft support 327825)."""
    large = ap_req(ticket(SPN, cipher=bytes(size), kvno=2))
    assert read_message(large) == ApRequest("CORP.TEST", SPN, 18, 2, 18)
    assert read_ticket_service(neg_token_init((KERBEROS,), gss(KERBEROS, b"\x01\x00" + large))) == SPN


@pytest.mark.parametrize(
    ("data", "service"),
    [
        (neg_token_init((KERBEROS,), FRAMED), SPN),
        (FRAMED, SPN),
        (REQUEST, SPN),
        (ticket("krbtgt/CORP.TEST"), "krbtgt/CORP.TEST"),
        (krb_cred(ticket("krbtgt/CORP.TEST"), ticket(SPN)), "krbtgt/CORP.TEST"),
        (krb_cred(), None),
        (b"\x05\x04" + bytes(40) + b"krbtgt" + bytes(9), "credential cache"),
        (b"\x05\x03" + bytes(40) + b"krbtgt" + bytes(9), "credential cache"),
        (b"\x05\x04" + bytes(60), None),
        (b"\x05\x02" + bytes(40) + b"krbtgt" + bytes(9), None),  # a key table
        (neg_token_init((NTLM,), NTLM_MESSAGE), None),
        (neg_token_init((KERBEROS,), None) + bytes(40), None),
        (kdc_rep(13, ticket(SPN)), None),
        (tgs_req(ticket("krbtgt/CORP.TEST"), SPN), None),
        (ticket(SPN)[:39], None),
        (b"", None),
    ],
    ids=describe,
)
def test_a_ticket_is_found_in_each_form_that_programs_send(data: bytes, service: str | None) -> None:
    """A token, an AP-REQ, a ticket, a ``.kirbi`` file and a cache; messages to and from a KDC are no tickets."""
    assert read_ticket_service(data) == service
