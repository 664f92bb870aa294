"""The limits of Windows' HTTP server in front of a federation service, for the ticket of a user in many groups."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from ssosim.entra.core.messages import Call
from ssosim.entra.http.http_sys import refuse_long_head
from ssosim.estate import Estate, default_estate
from ssosim.scenario.model import Client, Phase, Scenario

from .both import BEGIN, Said, in_memory, over_sockets

ENOUGH = 65_534
FIELD, HEAD = "A request header field is too long", "The size of the request headers is too long"
SERVICE = default_estate().federation_services[0]


def make_estate(octets: int, **limits: int) -> Estate:
    """The default estate, in which frank has so much authorization data, with these limits of his service."""
    estate = default_estate()
    users = tuple(
        replace(user, authorization_data_size=octets) if user.sam_account == "frank" else user for user in estate.users
    )
    services = tuple(replace(each, **limits) for each in estate.federation_services)
    return replace(estate, users=users, federation_services=services)


def make_scenario() -> Scenario:
    """Frank signs in once."""
    return Scenario(
        name="long",
        title="a long header",
        end=BEGIN + timedelta(hours=1),
        phases=(Phase(name="healthy", start=BEGIN),),
        clients=(Client(name="federated-user", model="federated-user", device="desk-3"),),
    )


@pytest.mark.parametrize(
    ("octets", "limits", "text"),
    [
        (8_000, {}, "the ticket was accepted"),
        (20_000, {}, FIELD),
        (20_000, {"max_field_length": ENOUGH, "max_request_bytes": ENOUGH}, "the ticket was accepted"),
        (20_000, {"max_field_length": ENOUGH}, HEAD),
        (20_000, {"max_request_bytes": ENOUGH}, FIELD),
    ],
)
def test_a_ticket_of_many_groups_is_too_long_by_default(octets: int, limits: dict[str, int], text: str) -> None:
    """KB2020943: the field is 4/3 of the ticket. Both limits are 16 KB by default, and are raised together."""
    (said,) = in_memory(make_scenario(), make_estate(octets, **limits)).values()
    assert text in said.reason
    assert (said.outcome == "silent") == (not text.startswith(("A request", "The size")))


def test_both_labs_refuse_it_alike(prepared: Path) -> None:
    """The real ticket of krb5kdc, in a real request, is refused as the one in memory."""
    estate = make_estate(20_000)
    found: dict[tuple[str, str], Said] = in_memory(make_scenario(), estate)
    assert over_sockets(make_scenario(), prepared, estate) == found


@pytest.mark.parametrize(
    ("field", "target", "text"),
    [
        (16_384 - 33, "/", ""),
        (16_384 - 32, "/", HEAD),
        (16_384 - 33, "/a", HEAD),
        (16_384, "/", HEAD),
        (16_385, "/", FIELD),
    ],
)
def test_the_limits_to_the_octet(field: int, target: str, text: str) -> None:
    """KB820129: a field of 16384 octets is not too long, and neither is a head of 16384 with its request line."""
    # GET / HTTP/1.1 and CRLF are 16 octets; colon, blank and CRLF are four, and the name Authorization has 13.
    call = Call.read("GET", "sts", target, headers={"Authorization": "x" * field}, now=0.0, header_bytes=13 + 4 + field)
    reply = refuse_long_head(SERVICE, call)
    assert ("" if reply is None else reply.error_description.rstrip(".")) == text
