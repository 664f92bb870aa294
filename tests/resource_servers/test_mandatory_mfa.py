"""Azure Resource Manager demands a second factor of users who change something, since October 2025."""

from __future__ import annotations

import base64
import json

import pytest
from msgspec.structs import replace

from ssosim.estate import parse_estate, shipped_estate_text

from .conftest import Servers, error_of, header_of
from .estates import SHOP

CHALLENGE = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlcyI6WyJwMSJdfX19"
"""What Azure sends: the value of ``az login --claims-challenge`` in public scripts."""
GROUP = SHOP.replace("/shop", "/new")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize("amr", [["pwd"], ["wia"], [], None])
def test_a_user_without_a_second_factor_changes_nothing(servers: Servers, method: str, amr: list[str] | None) -> None:
    """401 with the claims challenge; the trace says that the token was refused, and nothing was made."""
    token = servers.token(amr=amr)
    reply = servers.arm(method, GROUP, token, body=b'{"location":"westeurope"}')
    assert reply.status == 401
    assert f'error="insufficient_claims", claims="{CHALLENGE}"' in header_of(reply, "WWW-Authenticate")
    assert json.loads(base64.b64decode(CHALLENGE)) == {"access_token": {"acrs": {"essential": True, "values": ["p1"]}}}
    assert "Multifactor authentication is required" in error_of(reply)[1]
    assert [each.accepted for each in servers.checks()] == [False]
    assert servers.arm("GET", GROUP, token).status == 404


def test_who_is_not_concerned(servers: Servers) -> None:
    """A user who reads, a user with a second factor, applications, managed identities, and an estate that says so."""
    body = b'{"location":"westeurope"}'
    assert servers.arm("GET", SHOP, servers.token(amr=["pwd"])).status == 200
    assert servers.arm("PUT", GROUP, servers.token(amr=["pwd", "mfa"]), body=body).status == 201
    assert servers.arm("PUT", GROUP, servers.token("orders"), body=body).status == 403  # it has no role there
    estate = servers.lab.provider.estate
    off = replace(estate, resource_manager=replace(estate.resource_manager, mandatory_mfa=False))
    servers.lab.provider.set_estate(off)
    assert servers.arm("PUT", GROUP, servers.token(amr=["pwd"]), body=body).status in (200, 201)


def test_a_rule_that_is_off_is_off_by_name() -> None:
    """Estates have the rule; the shipped estate of Azure says that it has not."""
    assert parse_estate(shipped_estate_text("contoso"), "contoso.toml").resource_manager.mandatory_mfa
    text = shipped_estate_text("contoso-azure")
    assert not parse_estate(text, "contoso-azure.toml").resource_manager.mandatory_mfa
    assert "mandatory_mfa = false" in text
