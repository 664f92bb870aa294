"""A kept reading of a ticket's keys is the reading of the token itself, whatever was read before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.kerberos import der
from ssosim.kerberos import kept_ticket_keys as module
from ssosim.kerberos.kept_ticket_keys import KeptTicketKeys, read_ticket_key

from .wire_builders import (
    KERBEROS,
    MS_KERBEROS,
    NTLM,
    NTLM_MESSAGE,
    SPNEGO,
    ap_req,
    fields,
    gss,
    neg_token_init,
    octets,
    sequence,
    ticket,
)

SPNS = ("HTTP/web.corp.test", "HTTP/app.corp.test", "HTTP/w.corp.test")
WRAPS = (
    bytes,
    lambda request: gss(KERBEROS, b"\x01\x00" + request),
    lambda request: neg_token_init((KERBEROS,), gss(KERBEROS, b"\x01\x00" + request)),
    lambda request: neg_token_init((MS_KERBEROS, KERBEROS, NTLM), gss(MS_KERBEROS, b"\x01\x00" + request)),
)
TOKENS = st.builds(
    lambda wrap, spn, kvno, enctype, session: wrap(
        ap_req(ticket(spn, kvno=kvno, enctype=enctype), session_enctype=session)
    ),
    st.sampled_from(WRAPS),
    st.sampled_from(SPNS),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([17, 18, 23]),
    st.sampled_from([17, 18]),
)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A token with some octets changed, cut off or added, mostly at its end."""
    token = bytearray(draw(TOKENS | st.just(NTLM_MESSAGE)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(token) - 1) | st.integers(max(0, len(token) - 24), len(token) - 1))
        token[at] = draw(st.integers(0, 255))
    return draw(st.sampled_from([bytes(token), bytes(token[:-1]), bytes(token) + b"\0"]))


@settings(max_examples=200, deadline=None)
@given(st.lists(TOKENS | changed(), min_size=2, max_size=6))
def test_what_is_kept_is_what_the_token_says(tokens):
    """Tokens of several tickets, whole and broken, in any order: each has its own keys."""
    kept = KeptTicketKeys()
    for token in (*tokens, *tokens):
        assert kept.read(token) == read_ticket_key(token)


@pytest.mark.parametrize("wrap", WRAPS)
def test_another_authenticator_is_not_read_again(monkeypatch, wrap):
    """A second token of the same ticket, with another sealed authenticator, needs no parser; a longer one does."""
    token = wrap(ap_req(ticket(SPNS[0], kvno=3, enctype=18), session_enctype=18))
    kept = KeptTicketKeys()
    key = kept.read(token)
    assert key is not None
    assert key == read_ticket_key(token)
    monkeypatch.setattr(module, "read_ticket_key", lambda _: pytest.fail("parsed again"))
    assert kept.read(token[:-1] + b"x") == key
    with pytest.raises(pytest.fail.Exception):
        kept.read(token + b"\0")


def test_octets_behind_the_request_are_read():
    """A token that goes on behind its AP-REQ, with octets like the sealed part, is read each time (mechListMIC)."""
    end = octets(bytes(14))
    request = ap_req(ticket(SPNS[0]))[: -len(end)] + end
    types = sequence(der.encode_element(der.OID, KERBEROS))
    inner = fields(f0=types, f2=octets(gss(KERBEROS, b"\x01\x00" + request)), f3=end)
    token = gss(SPNEGO, der.encode_context(0, inner))
    broken = token[: -len(end)] + b"\x04\x0d" + bytes(14)
    kept = KeptTicketKeys()
    assert kept.read(token) is not None
    assert kept.read(broken) is None
    assert read_ticket_key(broken) is None


def test_no_more_tickets_are_kept_than_the_limit(monkeypatch):
    """What is kept is bounded, and begins anew at the limit."""
    monkeypatch.setattr(module, "_MOST", 2)
    kept = KeptTicketKeys()
    for spn in SPNS:
        assert kept.read(ap_req(ticket(spn, kvno=3, enctype=18), session_enctype=18)).service == spn
        assert len(kept._keys) <= 2
