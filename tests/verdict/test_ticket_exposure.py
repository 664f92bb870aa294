"""A ticket for another name than the client spoke to, or tried to: what is an exposure, and what is none."""

from __future__ import annotations

import pytest

from ssosim.trace import ConnectionFailed, Event, HttpExchange, KdcExchange, Record
from ssosim.verdict import judge, measure
from tests.verdict.builders import at_login, at_web, tgs

NAME = "web.corp"


def exposed(*events: Event) -> list[str]:
    """The hosts whose tickets are exposed."""
    records = [Record(number, 100.0 + number, "c", event) for number, event in enumerate(events, 1)]
    return [each.where for each in measure(records, judge(records, 100.0), 100.0, 100.0).exposures]


def failed(host: str, stage: str = "connect") -> ConnectionFailed:
    """A connection to ``host`` that failed."""
    return ConnectionFailed(host=host, address="192.0.2.1", stage=stage)  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", ["connect", "tls", "read"])
@pytest.mark.parametrize("host", [NAME, "WEB.corp"])
def test_a_host_that_a_client_tried_to_reach_is_no_other_name(host: str, stage: str) -> None:
    """The ticket is for the host that it connects to; that the connection failed exposes nothing."""
    assert exposed(at_login(200), tgs("issued"), failed(host, stage)) == []
    assert exposed(at_login(200), failed(host, stage), tgs("issued")) == []


def test_a_connection_to_another_host_excuses_nothing() -> None:
    """Neither a failed connection to a third host, nor one whose name is not known, makes the ticket right."""
    assert exposed(at_login(200), tgs("issued"), failed("other.corp")) == [NAME]
    assert exposed(at_login(200), tgs("issued"), failed("")) == [NAME]
    assert exposed(at_web(200), tgs("issued", "HTTP/other.corp"), failed(NAME)) == ["other.corp"]


def test_without_an_exchange_nothing_is_said() -> None:
    """A client that has spoken to nobody has sent its ticket to nobody."""
    assert exposed(tgs("issued")) == exposed(tgs("issued"), failed("other.corp")) == []


@pytest.mark.parametrize("outcome", ["KDC_ERR_S_PRINCIPAL_UNKNOWN", "no answer"])
def test_a_ticket_that_was_not_issued_is_none(outcome: str) -> None:
    """Only a ticket that the client has can be sent to somebody."""
    assert exposed(at_login(200), tgs(outcome)) == []
    realm = KdcExchange(request="TGS", service="krbtgt/OTHER", outcome="issued")
    plain = HttpExchange(host="h", method="GET", path="/", status=200)
    assert exposed(plain, realm) == []
