"""Tickets that must not sign anybody in: real ones of libkrb5, refused by the real acceptor, over the wire."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import force_setattr, replace

from ssosim.estate import default_estate
from ssosim.kerberos import Kdc, PreparedRealm, prepare_realm, write_krb5_conf
from ssosim.kerberos.gss import Initiator, build_ntlm_negotiate_token
from ssosim.kerberos.kinit import ClientOptions, kinit
from ssosim.kerberos.realm import run_kadmin
from ssosim.trace import HttpExchange, TicketChecked, TokenIssued

PASSWORD = "Alice-lab-password-1"
OPTIONS = ClientOptions(dns_canonicalize_hostname="false", rdns=False)


@dataclass
class Elsewhere:
    """A KDC that is not the lab's."""

    realm: Any
    offset: int = 0
    lifetime: int = 36000

    def token(self, spn: str, *, kadmin_batch: str = "") -> bytes:
        """A token that alice has from there."""

        async def get() -> bytes:
            home: Path = self.realm.directory
            async with Kdc(self.realm, clock_offset=self.offset) as kdc:
                if kadmin_batch:
                    await kdc.run_kadmin(kadmin_batch)
                write_krb5_conf(home / "client.conf", self.realm.name, self.realm.domain, [kdc.address], OPTIONS)
                principal = f"alice@{self.realm.name}"
                await kinit(principal, PASSWORD, home / "client.conf", home / "ccache", lifetime=self.lifetime)
                return await Initiator(home / "client.conf", home / "ccache").request_token(spn)

        return asyncio.run(get())


@pytest.fixture
def copy_of_lab(desk, tmp_path, lab_cache):
    """The lab's realm, keys included, under a KDC of its own."""
    prepared = prepare_realm(desk.site.lab.estate, lab_cache / "realms")
    return lambda **how: Elsewhere(prepared.copy_to(tmp_path / "copy"), **how)


def refused(desk, reply, code, mechanism="kerberos", status=403):
    """Assert that ``reply`` refuses a ticket with ``code`` in a SOAP fault, and that the trace says so; the reason."""
    assert (reply.status, reply.codes) == (status, [code])
    assert reply.fault.startswith(f"AADSTS{code}: ")
    assert b"<S:Value>wst:FailedAuthentication</S:Value>" in reply.body
    assert desk.events(TokenIssued) == []
    exchange = desk.events(HttpExchange)[-1]
    assert (exchange.status, exchange.code) == (status, code)
    if mechanism is None:
        assert desk.events(TicketChecked) == []
        return ""
    checked = desk.events(TicketChecked)[-1]
    assert (checked.accepted, checked.mechanism) == (False, mechanism)
    assert exchange.auth == ("negotiate" if mechanism == "unknown" else mechanism)
    return checked.reason


@pytest.mark.parametrize(
    ("offset", "lifetime", "reason"),
    [(-7200, 600, "expired"), (7200, 600, "not-yet-valid"), (-7200, 36000, "skew")],
)
def test_ticket_of_another_time(desk, copy_of_lab, offset, lifetime, reason):
    """Expired, not yet valid, or made by a clock two hours off: 81010."""
    token = copy_of_lab(offset=offset, lifetime=lifetime).token(desk.SPN)
    assert refused(desk, desk.windows(token), 81010).startswith(f"{reason}: ")


@pytest.mark.parametrize("spn", ["HTTP/intranet.corp.contoso.com", "HTTP/sts.fabrikam.com"])
def test_ticket_for_another_service(desk, spn):
    """A good ticket for another service of the realm: 81002."""
    assert refused(desk, desk.windows(desk.token(spn)), 81002).startswith("wrong-service: ")


def test_ticket_of_a_realm_of_the_same_name(desk, tmp_path):
    """Another company's KDC with the same realm name has other keys: 81008."""
    stranger = Elsewhere(prepare_realm(default_estate(), tmp_path / "realms").copy_to(tmp_path / "realm"))
    assert refused(desk, desk.windows(stranger.token(desk.SPN)), 81008).startswith("wrong-key: ")


def test_ticket_of_another_realm(desk, tmp_path):
    """A realm of another name that registered the very same SPN: refused, 81002."""
    estate = default_estate()
    foreign = replace(estate, realms=(replace(estate.default_realm, name="EVIL.EXAMPLE", domain="evil.example"),))
    stranger = Elsewhere(prepare_realm(foreign, tmp_path / "realms").copy_to(tmp_path / "realm"))
    assert refused(desk, desk.windows(stranger.token(desk.SPN)), 81002).startswith("wrong-service: ")


def test_ticket_after_the_key_was_rolled_at_the_domain_controller_alone(desk, copy_of_lab):
    """The key is rolled in the realm and not uploaded: new tickets are 81008."""
    token = copy_of_lab().token(desk.SPN, kadmin_batch=f"cpw -randkey {desk.SPN}\n")
    assert "KRB_AP_ERR_BADKEYVER" in refused(desk, desk.windows(token), 81008)


def test_rolling_the_key_once_and_twice(start_lab, desk_of):
    """Rolled once, old tickets go on; rolled twice (the first key forgotten), they are 81008 and new ones are good."""
    site = start_lab()
    desk = desk_of(site)
    assert desk.windows(desk.token()).status == 200
    estate = site.lab.estate.default_realm
    realm = PreparedRealm(site.home / "kdc", estate.name, estate.domain, "", 36000, 36000)
    run_kadmin(realm, f"cpw -randkey {desk.SPN}\nktadd -q -k FILE:{realm.keytab} -norandkey {desk.SPN}\n")
    assert desk.windows(desk.token()).status == 200
    realm.keytab.unlink()
    run_kadmin(realm, f"cpw -randkey {desk.SPN}\nktadd -q -k FILE:{realm.keytab} -norandkey {desk.SPN}\n")
    reply = desk.windows(desk.token())
    assert (reply.status, reply.codes) == (403, [81008])
    assert [event.accepted for event in desk.events(TicketChecked)] == [True, True, False]
    (desk.home / "alice.ccache").unlink()
    assert desk.windows(desk.token()).status == 200


def test_replayed_ap_req(desk):
    """The same Authorization header twice, also at another page and on another connection: 81003 the second time."""
    token = desk.token()
    assert desk.windows(token).status == 200
    reply = desk.windows(token)
    assert (reply.status, reply.codes) == (403, [81003])
    page = desk.ask("GET", f"https://{desk.AUTOLOGON}/contoso.com/winauth/sso", desk.negotiate(token))
    assert (page.status, page.codes) == (403, [81003])
    assert [event.accepted for event in desk.events(TicketChecked)] == [True, False, False]


@pytest.mark.parametrize("spnego", [False, True])
def test_ntlm_inside_negotiate(desk, spnego):
    """NTLM, raw or in SPNEGO: recognised, 81005."""
    refused(desk, desk.windows(build_ntlm_negotiate_token(spnego=spnego)), 81005, "ntlm")


def test_ntlm_scheme(desk):
    """Authorization: NTLM, which nobody offered: 81005."""
    url = f"https://{desk.AUTOLOGON}/contoso.com/winauth/trust/2005/windowstransport"
    value = base64.b64encode(build_ntlm_negotiate_token()).decode()
    refused(desk, desk.ask("POST", url, {"Authorization": f"NTLM {value}"}, desk.rst(url)), 81005, None)


def test_user_who_is_not_synced(desk):
    """Nora's ticket is good, but directory sync has not copied her SID: 81011."""
    reply = desk.windows(desk.token(user="nora"))
    assert (reply.status, reply.codes) == (403, [81011])
    assert [(event.accepted, event.principal) for event in desk.events(TicketChecked)] == [
        (True, "nora@CORP.CONTOSO.COM")
    ]
    assert desk.events(TokenIssued) == []


def test_tenant_that_has_not_opted_in(desk):
    """Litware has Seamless SSO off: 81007, before any ticket is looked at; 81016 for a password."""
    refused(desk, desk.windows(None, "litware.example"), 81007, None, status=400)
    refused(desk, desk.windows(desk.token(), "litware.example"), 81007, None, status=400)
    url = f"https://{desk.AUTOLOGON}/litware.example/winauth/trust/2005/usernamemixed"
    refused(desk, desk.trust(url, user="lena@litware.example", password="x"), 81016, None, status=400)


@pytest.mark.parametrize("size", [51_200, 60_000, 100_000])
def test_ticket_too_large(desk, size):
    """Headers over 50 KB: 81001."""
    refused(desk, desk.windows(b"\x60" * (size * 3 // 4)), 81001, None)
    assert desk.windows(desk.token()).status == 200


@pytest.mark.parametrize("value", ["!!!", "YII", "YII=YII=", "", "\xff\xfe", "Zm9v Zm9v"], ids=range(6))
def test_broken_base64(desk, value):
    """A header that carries no base64: 81009, never shown to GSS-API."""
    url = f"https://{desk.AUTOLOGON}/contoso.com/winauth/trust/2005/windowstransport"
    reply = desk.ask("POST", url, {"Authorization": f"Negotiate {value}"}, desk.rst(url))
    refused(desk, reply, 81009, None)


@pytest.mark.parametrize(
    "token", [b"x", b"\x60\x82\xff\xff", b"\x6e" * 3000, b"YIIabc", b"\x00" * 30_000], ids=range(5)
)
def test_base64_of_rubbish(desk, token):
    """Base64 of bytes that are no GSS-API token: 81009."""
    reply = desk.windows(token)
    assert (reply.status, reply.codes) == (403, [81009])


def test_damaged_tickets(desk):
    """A real token cut short or with a bit flipped is refused with a code, and a good one is accepted afterwards."""
    token = desk.token()
    codes = set()
    for at in range(3, len(token), 40):
        flipped = bytearray(token)
        flipped[at] ^= 4
        for damaged in (token[:at], bytes(flipped)):
            reply = desk.windows(damaged)
            if reply.status != 200:  # a bit of SPNEGO's optional parts may change nothing
                assert reply.status == 403
                codes |= set(reply.codes)
    assert codes <= {81002, 81003, 81004, 81005, 81008, 81009, 81010}
    assert {81008, 81009} <= codes
    assert desk.windows(desk.token()).status == 200


def test_refusals_at_the_federated_sts(desk, copy_of_lab):
    """AD FS challenges again whatever is wrong; it issues to its own domain's people only."""
    url = f"https://{desk.STS}/adfs/services/trust/2005/windowstransport"
    for token in (desk.token(), copy_of_lab(offset=-7200, lifetime=600).token("HTTP/sts.fabrikam.com"), b"rubbish"):
        reply = desk.trust(url, token=token)
        assert (reply.status, reply.headers.get_all("WWW-Authenticate"), reply.body) == (
            401,
            ["Negotiate", "NTLM"],
            b"",
        )
    reply = desk.trust(url, token=desk.token("HTTP/sts.fabrikam.com"))
    assert (reply.status, b"FailedAuthentication" in reply.body) == (500, True)
    assert [event.accepted for event in desk.events(TicketChecked)] == [False, False, False, True]
    assert desk.events(TokenIssued) == []


OTHER = b"tls-server-end-point:" + bytes(32)


@pytest.mark.parametrize(
    ("check", "bindings", "accepted"),
    [
        ("Allow", "own", True),
        ("Allow", "none", True),
        ("Allow", "other", False),
        ("Require", "own", True),
        ("Require", "none", False),
        ("Require", "other", False),
        ("None", "own", True),
        ("None", "none", True),
        ("None", "other", True),
    ],
)
def test_channel_bindings_at_the_federated_sts(desk, check, bindings, accepted):
    """ExtendedProtectionTokenCheck: bindings to another certificate are refused, and with Require none at all too.

    They are those that a client makes itself: the hash of the certificate that it has got (RFC 5929, section 4.1).
    """
    with desk.tls(desk.STS) as connection:
        certificate = connection.getpeercert(binary_form=True)
    own = b"tls-server-end-point:" + hashlib.sha256(certificate).digest()
    token = desk.token(
        "HTTP/sts.fabrikam.com",
        "frank",
        channel_bindings={"own": own, "none": b"", "other": OTHER}[bindings],
    )
    (service,) = desk.site.lab.estate.federation_services
    usual = service.extended_protection_token_check
    force_setattr(service, "extended_protection_token_check", check)
    try:
        reply = desk.trust(f"https://{desk.STS}/adfs/services/trust/2005/windowstransport", token=token)
    finally:
        force_setattr(service, "extended_protection_token_check", usual)
    assert reply.status == (200 if accepted else 401)
    (checked,) = desk.events(TicketChecked)
    assert (checked.accepted, "channel bindings" in checked.reason) == (accepted, not accepted)


@pytest.mark.parametrize(("problem", "status"), [("untrusted", 401), ("expired", 200), ("wrong-name", 200)])
def test_a_client_that_verifies_nothing_is_bound_to_what_it_got(desk, monkeypatch, problem, status):
    """KB2461628: behind a box that ends TLS a ticket is bound to the box, and the service has another certificate.

    A bad certificate of its own the service knows. The client ignores that it is bad, and binds its ticket to it.
    """
    lab = desk.site.lab
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    monkeypatch.setattr(lab, "client_tls", careless)
    lab.ca.present_bad_certificates({desk.STS: problem})
    try:
        with desk.tls(desk.STS) as connection:
            certificate = connection.getpeercert(binary_form=True)
        bound = b"tls-server-end-point:" + hashlib.sha256(certificate).digest()
        token = desk.token("HTTP/sts.fabrikam.com", "frank", channel_bindings=bound)
        reply = desk.trust(f"https://{desk.STS}/adfs/services/trust/2005/windowstransport", token=token)
    finally:
        lab.ca.present_bad_certificates({})
    assert reply.status == status
