"""The unmodified curl of users who may not sign on, inside and outside the network, from the start of the lab."""

from __future__ import annotations

from tests.realm_estates import with_proxy

from .test_finding_a_kdc import CURL, SPN, Start, play, start

__all__ = ["start"]

ALICE, BOB, DESK = 'upn = "alice@contoso.com"', 'upn = "bob@contoso.com"', 'name = "desk-2"'
RC4 = 'permitted_enctypes = ["rc4-hmac"]'
ESTATE = with_proxy().replace(ALICE, f"{ALICE}\nenabled = false", 1).replace(DESK, f"{DESK}\n{RC4}", 1)
PASSWORD = "printf 'Alice-lab-password-1\\n' | kinit alice 2>&1"


def test_curl_of_a_disabled_user_in_the_network_and_behind_the_proxy(start: Start) -> None:
    """MS-KILE 3.3.5.6.3: the lab starts, and the KDC refuses the sign-on, directly and over a KDC proxy."""
    bench = start(ESTATE)
    for device, transport in (("desk-1", "udp"), ("laptop-1", "https")):
        said, events = play(bench, f"curl-{device}", f"{PASSWORD}; {CURL}", device=device)
        assert "credentials have been revoked" in said
        assert said.endswith("401")
        exchanges = [each for each in events if each["event"] == "KdcExchange"]
        assert {(each["request"], each["outcome"]) for each in exchanges} == {("AS", "KDC_ERR_CLIENT_REVOKED")}
        assert exchanges[-1]["transport"] == transport


def test_curl_on_a_device_that_permits_rc4_alone(start: Start) -> None:
    """RFC 4120, 3.1.3: no ticket without a common type, whichever file a program reads its settings from."""
    bench = start(ESTATE)
    script = f"grep -h permitted_enctypes /etc/krb5.conf $KRB5_CONFIG; kvno {SPN}; {CURL}"
    said, events = play(bench, "curl-rc4", script, device="desk-2")
    assert said.count("permitted_enctypes = rc4-hmac") == 2, said
    assert said.endswith("401") or "\n401" in said
    exchanges = [each for each in events if each["event"] == "KdcExchange"]
    assert [(each["request"], each["outcome"]) for each in exchanges] == [("AS", "KDC_ERR_ETYPE_NOSUPP")]
    said, _ = play(bench, "curl-ok", CURL, device="desk-3")
    assert said == "200", said
