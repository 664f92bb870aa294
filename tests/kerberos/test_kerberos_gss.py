from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gssapi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssosim.estate import Estate
from ssosim.kerberos import prepare_realm
from ssosim.kerberos.gss import (
    AcceptedToken,
    Acceptor,
    Initiator,
    KeytabError,
    RefusedToken,
    TicketError,
    TicketErrorKind,
    TicketRefusal,
    build_ntlm_negotiate_token,
    read_negotiate_token,
)

AUTOLOGON = "HTTP/autologon.microsoftazuread-sso.com"
INTRANET = "HTTP/intranet.corp.contoso.com"
TARGET = "HTTP/www.tm.a.prd.aadg.trafficmanager.net"


def acceptor(site: Any, keytab: Path | None = None) -> Acceptor:
    """The acceptor of the site."""
    return Acceptor(keytab or site.realm.keytab, site.realm.directory / "rcache")


def initiator(site: Any) -> Initiator:
    """The initiator of the site."""
    return Initiator(site.krb5_conf, site.ccache)


def refused(verdict: AcceptedToken | RefusedToken) -> RefusedToken:
    """The refusal that ``verdict`` must be."""
    assert isinstance(verdict, RefusedToken)
    return verdict


@pytest.mark.parametrize("mechanism", ["spnego", "kerberos"])
@pytest.mark.parametrize("mutual", [True, False])
async def test_ticket_for_the_service_is_accepted(site: Any, mechanism: Any, mutual: bool) -> None:
    """A ticket for the registered SPN is accepted, with its principal, service and end time."""
    began = time.time()
    await site.sign_on(lifetime=3600)
    verdict = acceptor(site).accept(await initiator(site).request_token(AUTOLOGON, mechanism=mechanism, mutual=mutual))
    assert isinstance(verdict, AcceptedToken)
    assert verdict.principal == "alice@CORP.CONTOSO.COM"
    assert verdict.service == f"{AUTOLOGON}@CORP.CONTOSO.COM"
    assert began - 2 <= verdict.expires_at - 3600 <= time.time() + 2, "in whole seconds"
    assert (verdict.reply is not None) == (mutual or mechanism == "spnego")


async def test_unknown_service_has_no_ticket(site: Any) -> None:
    """TMS9-082: the SPN of a CNAME's target is not in the realm; the client gets an error, the trace has the SPN."""
    await site.sign_on()
    with pytest.raises(TicketError, match="not found in Kerberos database") as caught:
        await initiator(site).request_token(TARGET)
    assert caught.value.kind is TicketErrorKind.SERVER_UNKNOWN
    asked = [(e.service, e.outcome) for e in site.exchanges() if e.request == "TGS"]
    assert asked
    assert set(asked) == {(TARGET, "KDC_ERR_S_PRINCIPAL_UNKNOWN")}


async def test_name_is_taken_as_it_stands(site: Any) -> None:
    """libkrb5 does not canonicalise the name of a client model, with MIT's defaults in krb5.conf."""
    await site.sign_on()
    with pytest.raises(TicketError):
        await initiator(site).request_token("HTTP/localhost")
    assert {e.service for e in site.exchanges() if e.request == "TGS"} == {"HTTP/localhost"}


@pytest.mark.parametrize("mutual", [True, False])
async def test_ticket_for_another_service_is_refused(site: Any, mutual: bool) -> None:
    """Autologon refuses a valid ticket for the intranet."""
    await site.sign_on()
    verdict = refused(acceptor(site).accept(await initiator(site).request_token(INTRANET, mutual=mutual)))
    assert verdict.reason is TicketRefusal.NOT_FOR_THIS_SERVICE
    assert (verdict.mechanism, verdict.service) == ("kerberos", INTRANET)
    assert "KRB_AP_ERR_NOT_US" in verdict.text


async def test_same_names_other_keys(new_site: Any, estate: Estate, tmp_path: Path) -> None:
    """A ticket of a realm with the same name and other keys is refused as wrong key."""
    ours = await new_site()
    theirs = await new_site(prepare_realm(estate, tmp_path / "elsewhere").copy_to(tmp_path / "theirs"))
    await theirs.sign_on()
    verdict = refused(acceptor(ours).accept(await initiator(theirs).request_token(AUTOLOGON)))
    assert verdict.reason is TicketRefusal.WRONG_KEY


@pytest.mark.parametrize("mutual", [True, False])
async def test_rolled_key_is_wrong_key(site: Any, mutual: bool) -> None:
    """After the key is rolled at the KDC, a service with the old keytab refuses new tickets (81002 family)."""
    await site.kdc.run_kadmin(f"cpw -randkey {AUTOLOGON}\n")
    await site.sign_on()
    verdict = refused(acceptor(site).accept(await initiator(site).request_token(AUTOLOGON, mutual=mutual)))
    assert verdict.reason is TicketRefusal.WRONG_KEY
    assert "KRB_AP_ERR_BADKEYVER" in verdict.text


async def test_keytab_is_read_at_every_token(site: Any) -> None:
    """An existing acceptor uses a key that is added to the keytab."""
    service = acceptor(site)
    await site.kdc.run_kadmin(
        f"cpw -randkey {AUTOLOGON}\nktadd -q -k FILE:{site.realm.keytab} -norandkey {AUTOLOGON}\n"
    )
    await site.sign_on()
    assert isinstance(service.accept(await initiator(site).request_token(AUTOLOGON)), AcceptedToken)


@pytest.mark.parametrize("mutual", [True, False])
async def test_replay_is_refused(site: Any, mutual: bool) -> None:
    """The same token a second time is refused, also by another acceptor on the same cache."""
    await site.sign_on()
    token = await initiator(site).request_token(AUTOLOGON, mutual=mutual)
    assert isinstance(acceptor(site).accept(token), AcceptedToken)
    assert refused(acceptor(site).accept(token)).reason is TicketRefusal.REPLAYED


async def test_fresh_tokens_from_one_ticket(site: Any) -> None:
    """Tokens made one after another from one cached ticket are no replays, and need one KDC request."""
    await site.sign_on()
    service = acceptor(site)
    for _ in range(20):
        assert isinstance(service.accept(await initiator(site).request_token(AUTOLOGON)), AcceptedToken)
    assert len([e for e in site.exchanges() if e.request == "TGS"]) == 1


@pytest.mark.parametrize(
    ("offset", "lifetime", "reason"),
    [
        (-3600, 600, TicketRefusal.EXPIRED),
        (3600, 600, TicketRefusal.NOT_YET_VALID),
        (-3600, 36000, TicketRefusal.CLOCK_SKEW),
    ],
)
async def test_time_is_checked(new_site: Any, offset: int, lifetime: int, reason: TicketRefusal) -> None:
    """Tickets of a KDC whose clock is an hour off: expired, not yet valid, or skewed (AADSTS81010)."""
    site = await new_site(clock_offset=offset)
    await site.sign_on(lifetime=lifetime)
    verdict = acceptor(site).accept(await initiator(site).request_token(AUTOLOGON))
    assert refused(verdict).reason is reason


@pytest.mark.parametrize("spnego", [True, False])
async def test_ntlm_is_refused_as_ntlm(site: Any, spnego: bool) -> None:
    """NTLM inside Negotiate is recognised, raw or in SPNEGO (AADSTS81005)."""
    verdict = refused(acceptor(site).accept(build_ntlm_negotiate_token(spnego=spnego)))
    assert (verdict.mechanism, verdict.reason) == ("ntlm", TicketRefusal.NTLM)


NEG_TOKEN_RESP = "a1073005a0030a0101"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", TicketRefusal.MALFORMED),
        ("00", TicketRefusal.MALFORMED),
        (base64.b64encode(b"not base64 of a token").hex(), TicketRefusal.MALFORMED),
        ("60" * 2000, TicketRefusal.MALFORMED),
        ("00" * 200_000, TicketRefusal.MALFORMED),
        (NEG_TOKEN_RESP, TicketRefusal.NEEDS_MORE),
        ("600906072a030405060700", TicketRefusal.UNKNOWN_MECHANISM),
        ("602306062b0601050502a0193017a00d300b06092a864886f712010202a2060404deadbeef", TicketRefusal.MALFORMED),
        ("601b06062b0601050502a011300fa00d300b06092a864886f712010202", TicketRefusal.NEEDS_MORE),
    ],
)
async def test_rubbish_has_a_reason(site: Any, data: str, reason: TicketRefusal) -> None:
    """Bytes that are no ticket are refused with the right reason."""
    assert refused(acceptor(site).accept(bytes.fromhex(data))).reason is reason


async def test_a_refusal_never_says_success(site: Any) -> None:
    """An AP-REQ without the frame of GSS-API (RFC 4121, 4.1), and one that wants a third message (DCE style)."""
    await site.sign_on()
    service = acceptor(site)
    framed = await initiator(site).request_token(AUTOLOGON, mechanism="kerberos")
    bare = refused(service.accept(read_negotiate_token(framed).ap_request))
    assert bare.reason is TicketRefusal.MALFORMED
    assert "Success" not in bare.text
    # The ticket is in the cache now, so this waits for no KDC.
    os.environ["KRB5_CONFIG"], before = str(site.krb5_conf), os.environ["KRB5_CONFIG"]
    try:
        store: dict[bytes | str, bytes | str] = {b"ccache": f"FILE:{site.ccache}".encode()}
        flags = gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.dce_style
        target = gssapi.raw.import_name(AUTOLOGON.encode(), gssapi.NameType.kerberos_principal)
        credentials = gssapi.raw.acquire_cred_from(store, usage="initiate").creds
        token = gssapi.raw.init_sec_context(target, credentials, mech=gssapi.MechType.kerberos, flags=flags).token
    finally:
        os.environ["KRB5_CONFIG"] = before
    third = refused(service.accept(token or b""))
    assert (third.reason, third.service) == (TicketRefusal.NEEDS_MORE, AUTOLOGON)
    assert "third message" in third.text


async def test_damage_never_raises(site: Any) -> None:
    """Cut and bit-flipped tokens are refused (or accepted if the bit is not protected); nothing raises."""
    await site.sign_on()
    service = acceptor(site)
    token = await initiator(site).request_token(AUTOLOGON)
    for size in range(0, len(token), 7):
        assert isinstance(service.accept(token[:size]), RefusedToken)
    reasons = set()
    for at in range(0, len(token), 3):
        damaged = bytearray(token)
        damaged[at] ^= 1 << (at % 8)
        verdict = service.accept(bytes(damaged))
        if isinstance(verdict, RefusedToken):
            reasons.add(verdict.reason)
    assert {TicketRefusal.WRONG_KEY, TicketRefusal.MALFORMED} <= reasons

    @settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=300))
    def anything(data: bytes) -> None:
        assert isinstance(service.accept(data), RefusedToken)

    anything()


async def test_two_labs_with_one_realm_name(new_site: Any, estate: Estate, tmp_path: Path) -> None:
    """Two labs with the same realm name and other keys sign in side by side in one process."""
    first = await new_site()
    second = await new_site(prepare_realm(estate, tmp_path / "elsewhere").copy_to(tmp_path / "second"))
    await asyncio.gather(first.sign_on("alice"), second.sign_on("bob"))
    sides = [(acceptor(site), initiator(site)) for site in (first, second)]
    for _ in range(5):
        tokens = await asyncio.gather(*(client.request_token(AUTOLOGON) for _, client in sides))
        for (service, _), token, user in zip(sides, tokens, ("alice", "bob"), strict=True):
            verdict = service.accept(token)
            assert isinstance(verdict, AcceptedToken)
            assert verdict.principal == f"{user}@CORP.CONTOSO.COM"
    assert all(len([e for e in site.exchanges() if e.request == "TGS"]) == 1 for site in (first, second))


async def test_environment_is_put_back(site: Any) -> None:
    """KRB5_CONFIG is what it was after a ticket, and after a failure."""
    await site.sign_on()
    await initiator(site).request_token(AUTOLOGON)
    before = os.environ["KRB5_CONFIG"]
    with pytest.raises(TicketError):
        await initiator(site).request_token(TARGET)
    assert os.environ["KRB5_CONFIG"] == before != str(site.krb5_conf)
    assert [t.name for t in threading.enumerate() if t.name.startswith("gssapi")] == ["gssapi_0"]


async def test_without_signing_on(site: Any) -> None:
    """Without a credential cache: no credentials, and no KDC request."""
    with pytest.raises(TicketError) as caught:
        await initiator(site).request_token(AUTOLOGON)
    assert caught.value.kind is TicketErrorKind.NO_CREDENTIALS
    assert site.exchanges() == []


async def test_kdc_gone(site: Any) -> None:
    """No KDC at the address: unreachable; a cached service ticket still works."""
    await site.sign_on()
    await initiator(site).request_token(AUTOLOGON)
    await site.gateway.stop()
    await initiator(site).request_token(AUTOLOGON)
    with pytest.raises(TicketError) as caught:
        await initiator(site).request_token(INTRANET)
    assert caught.value.kind is TicketErrorKind.KDC_UNREACHABLE


def test_missing_keytab_is_named(tmp_path: Path) -> None:
    """A missing keytab is a KeytabError at once."""
    with pytest.raises(KeytabError, match=r"none\.keytab"):
        Acceptor(tmp_path / "none.keytab", tmp_path / "rcache")


async def test_no_file_outside(site: Any) -> None:
    """The replay cache is in its own directory and nowhere else."""
    places = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108 - where libkrb5 would put it

    def caches() -> set[Path]:
        return {p for place in places for p in place.glob("krb5*")}

    before = caches()
    await site.sign_on()
    assert isinstance(acceptor(site).accept(await initiator(site).request_token(AUTOLOGON)), AcceptedToken)
    assert (site.realm.directory / "rcache").stat().st_size > 0
    assert caches() == before


def test_package_does_not_load_gssapi() -> None:
    """The package does not load libgssapi; only ssosim.kerberos.gss does."""
    code = "import sys, ssosim.kerberos; sys.exit('gssapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("token", "text"), [(b"", "a token of 0 bytes"), (b"\x60", "not a GSS-API token")])
async def test_the_smallest_tokens_are_told_apart(site: Any, token: bytes, text: str) -> None:
    """A token without a byte is none; one of a single byte is read, and is no GSS-API token."""
    verdict = refused(acceptor(site).accept(token))
    assert (verdict.reason, verdict.text) == (TicketRefusal.MALFORMED, text)


async def test_an_unknown_encryption_type_inside_is_malformed(site: Any) -> None:
    """An error of libkrb5's own, and not of the protocol, is no reason by its number: the token is malformed."""
    await site.sign_on()
    token = await initiator(site).request_token(AUTOLOGON, mechanism="kerberos")
    etype = b"\xa0\x03\x02\x01\x12"  # [0] INTEGER 18: aes256-cts-hmac-sha1-96, in ticket and authenticator
    assert token.count(etype) == 2
    before, _, after = token.rpartition(etype)
    verdict = refused(acceptor(site).accept(before + b"\xa0\x03\x02\x01\x63" + after))
    assert verdict.reason is TicketRefusal.MALFORMED
    assert verdict.text


@pytest.mark.parametrize("mechanism", ["spnego", "kerberos"])
async def test_a_replay_cache_that_cannot_be_written_is_no_replay(site: Any, mechanism: Any) -> None:
    """Without its cache the service refuses a good token, and does not say that it came before."""
    await site.sign_on()
    token = await initiator(site).request_token(AUTOLOGON, mechanism=mechanism)
    without = Acceptor(site.realm.keytab, site.realm.directory / "missing" / "rcache")
    verdict = refused(without.accept(token))
    assert verdict.reason is TicketRefusal.MALFORMED
    assert verdict.text
