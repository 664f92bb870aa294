"""What several faults of the KDC together do to one request."""

from __future__ import annotations

import pytest

from ssosim.faults.core.kdc_effect import KDC_TIMEOUT_S, KdcEffect, KdcRule, decide_kdc_request
from ssosim.kerberos.messages import KdcReply, KdcRequest, KrbError, Unreadable, build_tgs_reply, read_message

REQUEST = KdcRequest("TGS", "CORP.CONTOSO.COM", "HTTP/app", "")


def rule(effect: KdcEffect | None, counted: list[str] | None = None, name: str = "") -> KdcRule:
    """A rule with the same effect on every request."""
    return KdcRule(lambda _message, _client: effect, lambda: None if counted is None else counted.append(name))


def test_delays_add_up_and_the_newest_decides() -> None:
    """Two delays and two errors: the sum of the delays, the error of the newest; only the rules used are counted."""
    counted: list[str] = []
    rules = [
        rule(KdcEffect(error=12), counted, "old error"),
        rule(KdcEffect(delay=2), counted, "delay"),
        rule(KdcEffect(delay=1, error=14), counted, "new error"),
        rule(None, counted, "other service"),
    ]
    decision = decide_kdc_request(rules, REQUEST, "c")
    assert decision is not None
    assert decision.effect == KdcEffect(delay=3, error=14)
    decision.count_hits()
    assert sorted(counted) == ["delay", "new error"]
    assert decide_kdc_request([rule(None)], REQUEST, "c") is None


def test_a_model_stops_waiting() -> None:
    """A reply after the timeout of libkrb5 is not sent to a client model; a program gets it late."""
    rules = [rule(KdcEffect(delay=KDC_TIMEOUT_S / 2)), rule(KdcEffect(delay=KDC_TIMEOUT_S / 2))]
    for is_model, silent in ((True, True), (False, False)):
        decision = decide_kdc_request(rules, REQUEST, "c", is_model=is_model)
        assert decision is not None
        assert decision.effect.silent is silent


@pytest.mark.parametrize(
    ("effect", "forwarded", "reply"),
    [
        (KdcEffect(silent=True), False, None),
        (KdcEffect(reply=b"x"), False, b"x"),
        (KdcEffect(delay=1), True, b"ticket"),
        (KdcEffect(change=lambda reply: (reply or b"")[::-1]), True, b"tekcit"),
        (KdcEffect(change=lambda _reply: None), True, None),
    ],
)
def test_the_reply(effect: KdcEffect, forwarded: bool, reply: bytes | None) -> None:
    """Each effect says whether the KDC gets the request, and gives the reply for the client."""
    assert effect.is_forwarded is forwarded
    assert effect.reply_to(REQUEST, b"ticket" if forwarded else None, 0) == reply


def test_an_error_answers_requests_for_tickets_only() -> None:
    """The KRB-ERROR has realm, service and code of the request; an unreadable message gets none."""
    effect = KdcEffect(error=12)
    error = read_message(effect.reply_to(REQUEST, None, 0) or b"")
    assert isinstance(error, KrbError)
    assert (error.code, error.realm, error.service) == (12, "CORP.CONTOSO.COM", "HTTP/app")
    assert effect.reply_to(Unreadable("no"), None, 0) is None


def test_the_memory_kdcs_reply_can_be_read() -> None:
    """The TGS-REP of the KDC in memory has realm, principal, service and etype where RFC 4120 has them."""
    reply = read_message(build_tgs_reply("R", "alice", "HTTP/app", b"sealed"))
    assert reply == KdcReply("TGS", "R", "alice", "HTTP/app", enctype=18)
