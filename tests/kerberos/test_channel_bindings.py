"""Channel bindings at the acceptor, by libkrb5 itself (RFC 4121, section 4.1.1.2; RFC 5929)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest

from ssosim.kerberos.clocked_acceptor import ClockedAcceptor
from ssosim.kerberos.gss import Acceptor, Initiator
from ssosim.kerberos.tickets import AcceptedToken, ChannelBindings, RefusedToken, TicketRefusal

AUTOLOGON = "HTTP/autologon.microsoftazuread-sso.com"
OWN, OTHER = b"tls-server-end-point:" + bytes(32), b"tls-server-end-point:" + bytes(31) + b"1"


@pytest.mark.parametrize("mechanism", ["spnego", "kerberos"])
async def test_what_a_service_makes_of_channel_bindings(
    new_site: Callable[[], Awaitable[Any]], mechanism: Literal["spnego", "kerberos"]
) -> None:
    """Its own are good; none are good unless it requires them; others are never, unless it looks at none."""
    site = await new_site()
    await site.sign_on()
    client = Initiator(site.krb5_conf, site.ccache)
    service = Acceptor(site.realm.keytab, site.realm.directory / "rcache")
    refused = set()
    for sent in (b"", OWN, OTHER):
        for own in (None, ChannelBindings(OWN), ChannelBindings(OWN, required=True)):
            token = await client.request_token(AUTOLOGON, mechanism=mechanism, channel_bindings=sent)
            result = service.accept(token, own)
            if isinstance(result, RefusedToken):
                assert (result.reason, result.service) == (TicketRefusal.BAD_BINDINGS, AUTOLOGON)
                assert result.key is not None
                refused.add((sent, own))
            else:
                assert isinstance(result, AcceptedToken)
    allowed, required = ChannelBindings(OWN), ChannelBindings(OWN, required=True)
    assert refused == {(b"", required), (OTHER, allowed), (OTHER, required)}


async def test_a_service_with_another_clock_checks_them_too(new_site: Callable[[], Awaitable[Any]]) -> None:
    """The process that checks tickets by another clock gets the channel bindings with the token."""
    site = await new_site()
    await site.sign_on()
    client = Initiator(site.krb5_conf, site.ccache)
    keytab, rcache = site.realm.keytab, site.realm.directory / "rcache"
    service = ClockedAcceptor(Acceptor(keytab, rcache), keytab, rcache, site.krb5_conf, lambda: 60)
    try:
        results = [
            service.accept(await client.request_token(AUTOLOGON, channel_bindings=sent), ChannelBindings(OWN, required))
            for sent, required in ((OWN, True), (OTHER, False), (b"", True), (b"", False))
        ]
    finally:
        service.close()
    reasons = [result.reason if isinstance(result, RefusedToken) else None for result in results]
    assert reasons == [None, TicketRefusal.BAD_BINDINGS, TicketRefusal.BAD_BINDINGS, None]
