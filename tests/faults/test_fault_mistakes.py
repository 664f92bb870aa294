"""Faults with values that cannot be: each is refused with its field; and what the line about a fault says."""

from __future__ import annotations

import math

import pytest

from ssosim.dns import put_rrset, zones_of
from ssosim.estate import default_estate
from ssosim.faults import FaultError, fault_from
from ssosim.memory import Engine, MemoryLab

LOGIN, AUTOLOGON = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com"
SPN = f"HTTP/{AUTOLOGON}"
Data = dict[str, object]


def lab() -> MemoryLab:
    """A lab of Contoso in memory."""
    return MemoryLab(Engine(1_740_000_000.0), default_estate())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        # values out of range: a fault that is never seen, or that breaks the lab, would be a test that means nothing
        ({"fault": "delay", "seconds": 0}, "seconds and longest must be above 0"),
        ({"fault": "delay", "seconds": math.nan}, "all of them finite"),
        ({"fault": "delay", "seconds": math.inf}, "all of them finite"),
        ({"fault": "delay", "seconds": 1, "longest": math.nan}, "all of them finite"),
        ({"fault": "delay", "seconds": 1, "spread": -1, "distribution": "uniform"}, "spread not below 0"),
        ({"fault": "delay", "seconds": 100}, "seconds 100 is above longest 60"),
        ({"fault": "delay", "seconds": 1, "spread": 0.5}, 'spread is for distribution = "uniform" only'),
        ({"fault": "http-delay", "seconds": 30}, "seconds must be above 0 and below 30; for longer use http-silent"),
        ({"fault": "http-page", "status": 0}, "status 0 is not between 200 and 599"),
        ({"fault": "http-page", "status": 600}, "status 600 is not between 200 and 599"),
        ({"fault": "http-page", "title": "\ud800"}, "title holds '\\ud800', which is no character"),
        ({"fault": "http-answer", "status": 100}, "status 100 is not between 200 and 599"),
        ({"fault": "http-answer", "headers": {"X Y": "z"}}, "header 'X Y': 'z' cannot be sent"),
        ({"fault": "http-answer", "headers": {"X": "a\r\nb"}}, "cannot be sent"),
        ({"fault": "http-answer", "headers": {"Content-Length": "1"}}, "where an answer ends follows from its body"),
        ({"fault": "http-answer", "body": "\udfff"}, "which is no character"),
        ({"fault": "http-status", "status": 200}, "status 200 is not between 400 and 599"),
        ({"fault": "http-status", "retry_after": -1}, "retry_after -1 is not between 0 and 2147483647"),
        ({"fault": "http-status", "code": 1}, "AADSTS1"),
        ({"fault": "servfail", "probability": 0}, "probability 0.0 is not above 0 and at most 1"),
        ({"fault": "http-status", "probability": 0.0}, "probability 0.0 is not above 0 and at most 1"),
        ({"fault": "http-status", "probability": 1.5}, "probability 1.5 is not above 0 and at most 1"),
        ({"fault": "nxdomain", "probability": -0.1}, "probability -0.1 is not above 0 and at most 1"),
        ({"fault": "managed-identity-status", "status": 399}, "status 399 is not between 400 and 599"),
        ({"fault": "managed-identity-status", "retry_after": 2**31}, f"retry_after {2**31} is not between"),
        ({"fault": "pod-identity-not-ready", "hold": 601}, "hold must be from 0 to 600"),
        ({"fault": "pod-identity-not-ready", "status": 500}, "status 500 is not one that NMI sends: 403, 404 or 503"),
        ({"fault": "pod-identity-not-ready", "retry_after": -1}, "retry_after -1 is not between"),
        ({"fault": "kdc-delay", "seconds": 0}, "seconds 0.0 is not above 0"),
        ({"fault": "kdc-encryption-types", "enctypes": []}, "enctypes must name at least one encryption type"),
        ({"fault": "account-encryption-types", "enctypes": []}, "enctypes must name at least one encryption type"),
        ({"fault": "kdc-replica-lag", "kdcs": []}, "kdcs must name at least one host of a KDC"),
        ({"fault": "key-rolled", "times": 0}, "times 0 is not between 1 and 20"),
        ({"fault": "key-rolled", "times": 21}, "times 21 is not between 1 and 20"),
        ({"fault": "key-rolled", "previous_keys": 21}, "previous_keys 21 is not between 0 and 20"),
        ({"fault": "spn-moved", "spn": "web.corp"}, "web.corp"),
        ({"fault": "spn-moved", "spn": SPN, "account": "a b"}, "a b"),
        ({"fault": "spn-duplicate", "spn": "HTTP/"}, "HTTP/"),
        ({"fault": "certificate-expired", "host": "a b"}, "host 'a b' is not a host name"),
        ({"fault": "certificate-expired", "host": "a." * 130 + "b"}, "is not a host name"),
        ({"fault": "no-such-fault"}, "there is no fault 'no-such-fault'; known: "),
        ({"fault": 7}, "there is no fault 7; known: "),
    ],
)
def test_a_value_that_cannot_be_is_refused(data: Data, words: str) -> None:
    """The message has the field, the value and what is expected; no fault is made."""
    with pytest.raises(FaultError) as caught:
        fault_from(data)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"fault": "ttl-changed", "name": LOGIN, "ttl": -1}, "TTL -1 is out of range"),
        ({"fault": "ttl-changed", "name": LOGIN, "ttl": 5, "type": "TXT"}, "has no TXT record set"),
        ({"fault": "wrong-address", "name": LOGIN, "address": "ten"}, "'ten' is not an IP address"),
        ({"fault": "aaaa-wrong", "name": LOGIN, "address": "192.0.2.1"}, "'192.0.2.1' is not an IPv6 address"),
        ({"fault": "ptr-mismatch", "address": "ten"}, "'ten' is not an IP address"),
        ({"fault": "cname-loop", "name": LOGIN, "length": 0}, "length 0 is out of range: give 1 to 100"),
        ({"fault": "long-chain", "name": LOGIN, "length": 101}, "length 101 is out of range: give 1 to 100"),
        ({"fault": "cname-loop", "name": "microsoftonline.com"}, "microsoftonline.com"),
        ({"fault": "certificate-expired", "host": "{login}"}, "host '{login}' is not a host name"),
        (
            {"fault": "certificate-expired", "host": "nowhere.example"},
            "nothing is served at 'nowhere.example'; there is: ",
        ),
        ({"fault": "http-status", "host": "nowhere.example"}, "nothing is served at 'nowhere.example'; there is: "),
        (
            {"fault": "http-status", "host": "intranet.corp.contoso.com", "code": 50126},
            "sends no AADSTS codes, these do: autologon",
        ),
        ({"fault": "realm-managed", "tenant": "nowhere"}, "there is no tenant 'nowhere' with Seamless SSO"),
        (
            {"fault": "realm-managed", "tenant": "litware.example"},
            "there is no tenant 'litware.example' with Seamless SSO",
        ),
        ({"fault": "kdc-silent", "kdcs": ["dc9"]}, "dc9"),
        ({"fault": "kdc-connection-refused", "kdcs": ["dc9"]}, "dc9"),
        ({"fault": "kdc-replica-lag", "kdcs": ["dc9"]}, "dc9"),
        (
            {"fault": "key-rolled", "account": "nobody$"},
            "no account or service principal name 'nobody$'; the accounts: ",
        ),
        ({"fault": "spn-duplicate", "spn": "HTTP/nobody.example"}, "no account has HTTP/nobody.example"),
        ({"fault": "resolver-poisoned", "name": LOGIN, "resolver": "r9"}, "r9"),
    ],
)
def test_a_fault_that_would_change_nothing_is_refused_when_it_is_applied(data: Data, words: str) -> None:
    """What does not fit the lab is refused: a fault that never has an effect is a test that passes for no reason."""
    place = lab()
    with pytest.raises(FaultError) as caught:
        fault_from(data).apply(place)
    assert words in str(caught.value)
    assert not place.faults.active
    assert place.faults.state.zones == zones_of(default_estate())


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            {"fault": "delay", "seconds": 2, "distribution": "uniform", "spread": 1, "names": [LOGIN]},
            "answers 2.0 ± 1.0 s late (uniform): ",
        ),
        ({"fault": "http-delay", "seconds": 2, "host": LOGIN}, f"answers 2 s late: https://{LOGIN}"),
        ({"fault": "http-silent", "path": "/token", "first": 2}, "no answer: https://*/token, the first 2"),
        (
            {"fault": "http-status", "clients": ["office"], "probability": 0.25},
            "503: https://*, for office, 0.25 of the exchanges",
        ),
        ({"fault": "http-status", "code": 50126}, "400 AADSTS50126: https://*"),
        ({"fault": "http-answer", "status": 204}, "204 with 0 bytes of text/html; charset=utf-8: https://*"),
        ({"fault": "kdc-delay", "seconds": 2}, "the KDC answers after 2 s"),
        ({"fault": "kdc-connection-refused"}, "the KDC refuses connections"),
        ({"fault": "kdc-connection-refused", "kdcs": ["dc1"]}, "the KDC dc1 refuses connections"),
        (
            {"fault": "kdc-replica-lag", "kdcs": ["dc1", "dc2"]},
            "changes of accounts and keys do not reach the KDC dc1, dc2",
        ),
        ({"fault": "kdc-encryption-types"}, "the KDC supports aes256-cts-hmac-sha1-96, aes128-cts-hmac-sha1-96 only"),
        ({"fault": "key-rolled"}, "the key of the cloud's account is rolled once at KDC and service"),
        (
            {"fault": "key-rolled", "at": "kdc", "previous_keys": 0},
            "the key of the cloud's account is rolled once at the KDC only",
        ),
        (
            {"fault": "key-rolled", "times": 3, "previous_keys": 0},
            "rolled 3 times at KDC and service, the service keeps 0 former",
        ),
        ({"fault": "account-encryption-types", "at": "service"}, "has keys of rc4-hmac only in its key tables"),
        (
            {"fault": "account-encryption-types", "aes_session_keys": True},
            "has keys of rc4-hmac only, with AES session keys",
        ),
        ({"fault": "spn-moved", "spn": SPN}, f"{SPN} is registered on the account WEB01$"),
        ({"fault": "spn-duplicate", "spn": SPN}, f"{SPN} is registered on two accounts: KDC_ERR_S_PRINCIPAL_UNKNOWN"),
        ({"fault": "ptr-mismatch", "address": "192.0.2.10"}, "192.0.2.10 has the PTR elsewhere.example."),
        ({"fault": "certificate-wrong-name", "host": LOGIN}, f"the certificate of {LOGIN} is made out to another name"),
        (
            {"fault": "realm-managed", "tenant": "contoso.com"},
            "Seamless SSO is off for contoso.com: its users are answered as managed",
        ),
        (
            {"fault": "pod-identity-not-ready", "hold": 80},
            "the identity is not ready, 404 after 80 s: token endpoints of devices",
        ),
        ({"fault": "workload-identity-not-injected"}, "pods get no workload identity"),
        ({"fault": "pipelines-oidc", "how": "redirect"}, "redirect: https://dev.azure.com/oidctoken"),
        ({"fault": "managed-identity-status", "host": "169.254.169.254"}, "500: https://169.254.169.254"),
    ],
)
def test_the_line_about_a_fault_says_what_it_does(data: Data, line: str) -> None:
    """The line is in the trace, in reports and on the command line: what, where, and for whom."""
    assert line in fault_from(data).describe()


def test_an_overlay_is_a_layer_that_is_removed_once() -> None:
    """A temporary change of the zones is no fault: removed, the zones are as before, whatever happened meanwhile."""
    place = lab()
    before = place.faults.state.zones
    undo = place.faults.overlay(lambda zones: put_rrset(zones, LOGIN, "A", ["192.0.2.99"]))
    fault_from({"fault": "nxdomain", "names": [AUTOLOGON]}).apply(place)
    assert place.faults.state.zones != before
    assert place.faults.unbroken() == before
    undo()
    undo()
    assert place.faults.state.zones == before
    assert len(place.faults.active) == 1
    assert place.faults.undo_all() == 1
    assert not place.faults.active
