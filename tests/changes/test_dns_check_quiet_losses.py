"""Changes after which no model is worse off and real clients lose all the same: each fails ``ssosim dns check``."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.dnssec
import dns.zone
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ssosim.cli import main

HEAD = (
    "$TTL 300\n@ SOA ns1.lab.invalid. host {serial} 3600 900 1209600 60\n@ NS ns1.lab.invalid.\n@ NS ns2.lab.invalid.\n"
)
STS = "sts A 198.51.100.30\n"
DC = "dc1 A 10.10.0.88\nns1 A 10.10.0.53\n"
LOCATORS = "_kerberos._udp SRV 0 100 88 dc1\n_kerberos._tcp SRV 0 100 88 dc1\n"
REALM = '_kerberos TXT "CORP.CONTOSO.COM"\n'


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder and a working folder of its own."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def check(capsys: pytest.CaptureFixture[str], zone: str, before: str, after: str) -> dict[str, object]:
    """The result for one zone with these records before and after; the serial increases."""
    for side, serial, text in (("a", 1, before), ("b", 2, after)):
        Path(side).mkdir()
        Path(side, f"{zone}.zone").write_text(HEAD.format(serial=serial) + text, encoding="utf-8")
    code = main(["dns", "check", "--from", "a", "--to", "b", "--json"])
    result: dict[str, object] = json.loads(capsys.readouterr().out)
    assert code == (result["outcome"] == "fail")
    return result


def reasons(result: dict[str, object]) -> list[str]:
    """The reasons of a high risk."""
    return [each["text"] for each in result["risk"]["reasons"] if each["level"] == "high"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("zone", "before", "after", "reason"),
    [
        ("corp.contoso.com", DC + LOCATORS, DC, "is how devices find their KDC"),
        ("corp.contoso.com", DC + LOCATORS, DC + LOCATORS.replace(" 88 ", " 8888 "), "is how devices find their KDC"),
        ("corp.contoso.com", DC + LOCATORS, DC.replace("88", "99") + LOCATORS, "is the address of a KDC"),
        (
            "corp.contoso.com",
            DC + "_ldap._tcp.dc._msdcs SRV 0 100 389 dc1\n",
            DC,
            "is how devices find their KDC or domain controller",
        ),
        ("corp.contoso.com", DC + REALM, DC, "find the realm of a host, and this one is lost"),
        ("corp.contoso.com", DC + REALM, DC + REALM.replace("CORP", "LAB"), "a host, and this one is lost"),
        (
            "fabrikam.com",
            "enterpriseregistration CNAME enterpriseregistration.windows.net.\n" + STS,
            STS,
            "is how devices find the device registration service of their domain, and it is lost",
        ),
        (
            "fabrikam.com",
            "enterpriseenrollment CNAME enterpriseenrollment.manage.microsoft.com.\n",
            "enterpriseenrollment CNAME enterpriseenrolment.manage.microsoft.com.\n",
            "is how Windows devices find the management service of their domain, and it leads elsewhere",
        ),
        (
            "fabrikam.com",
            "autodiscover A 192.0.2.9\n" + STS,
            STS,
            "is how Outlook and mobile clients find the mailbox server of their domain, and it is lost",
        ),
        ("fabrikam.com", STS, STS + '@ CAA 0 issue "ca.example"\n', "lets ca.example alone issue certificates"),
        (
            "fabrikam.com",
            STS + '@ CAA 0 issue "old.example"\n@ CAA 0 issue "ca.example; x=y"\n',
            STS + '@ CAA 0 issue "ca.example"\n',
            "no longer lets old.example issue certificates, only ca.example",
        ),
        (
            "fabrikam.com",
            STS + '@ CAA 0 issue "ca.example"\n',
            STS + '@ CAA 0 issue ";"\n',
            "no longer lets ca.example issue certificates, only nobody",
        ),
        (
            "fabrikam.com",
            STS + '@ CAA 0 issue "ca.example"\nsts CAA 0 issue "old.example"\n',
            STS + '@ CAA 0 issue "ca.example"\n',
            "sts.fabrikam.com CAA no longer lets old.example issue certificates, only ca.example",
        ),
        (
            "fabrikam.com",
            STS + '@ CAA 0 issue "ca.example"\n',
            STS + '@ CAA 0 issue "ca.example"\n@ CAA 0 issuewild ";"\n',
            "no longer lets ca.example issue certificates for wildcards, only nobody",
        ),
        ("fabrikam.com", STS, STS + "sts HTTPS 1 . ipv4hint=203.0.113.9\n", "hints at 203.0.113.9"),
        ("fabrikam.com", STS, STS + "sts HTTPS 0 gone.fabrikam.com.\n", "HTTPS gone.fabrikam.com has no address"),
        (
            "2.0.192.in-addr.arpa",
            "20 PTR autologon.microsoftazuread-sso.com.\n",
            "",
            "1 of 37 models are worse off at autologon.microsoftazuread-sso.com",
        ),
        ("fabrikam.com", STS, STS + "sts A 203.0.113.9\n", "16 of 73 models are worse off at sts.fabrikam.com"),
    ],
)  # fmt: skip
def test_a_quiet_loss_fails(capsys: pytest.CaptureFixture[str], zone: str, before: str, after: str, reason: str):
    """KDC discovery, renewals of certificates, address hints, one dead address of two, a PTR record (go-spnego)."""
    found = reasons(check(capsys, zone, before, after))
    assert any(reason in each for each in found), found


URI = '_kerberos URI 1 1 "krb5srv:m:{}"\n'


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("", "tcp:dead.example.com", "only dead.example.com:88, and not dc1.corp.contoso.com:88"),
        ("", "udp:dc1.corp.contoso.com:750", "only dc1.corp.contoso.com:750, and not dc1.corp.contoso.com:88"),
        ("", "kkdcp:https://proxy.example/KdcProxy", "only https://proxy.example/kdcproxy, and not dc1"),
        ("udp:dc2.corp.contoso.com", "", "only dc1.corp.contoso.com:88, and not dc2.corp.contoso.com:88"),
        ("udp:dc1.corp.contoso.com", "udp:dc2.corp.contoso.com", "only dc2.corp.contoso.com:88, and not dc1"),
        ("", "udp:dc1.corp.contoso.com", ""),
        ("", "tcp:DC1.corp.contoso.com.:88", ""),
        ("", "http:dead.example.com", ""),
        ("udp:dc1.corp.contoso.com", "", ""),
    ],
)
def test_uri_records_hide_srv_records(capsys: pytest.CaptureFixture[str], before: str, after: str, found: str):
    """MIT krb5 asks for SRV records only where no URI record is usable; one to the same KDC hides nothing."""
    sides = [DC + LOCATORS + (URI.format(each) if each else "") for each in (before, after)]
    result = reasons(check(capsys, "corp.contoso.com", *sides))
    assert [found in each for each in result] == ([True] if found else [])


def sign(text: str, serial: int, valid_for: timedelta = timedelta(days=1)) -> str:
    """The zone fabrikam.com with these records, signed by a key of the test."""
    zone = dns.zone.from_text(HEAD.format(serial=serial) + text, origin="fabrikam.com.", relativize=False)
    key = ec.derive_private_key(2**200 + 1, ec.SECP256R1())
    public = dns.dnssec.make_dnskey(key.public_key(), "ECDSAP256SHA256", flags=257)
    ends = datetime.now(UTC) + valid_for
    with zone.writer() as writer:
        dns.dnssec.sign_zone(
            zone, writer, keys=[(key, public)], inception=ends - timedelta(days=9), expiration=ends, dnskey_ttl=300
        )
    return str(zone.to_text(relativize=False))


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (lambda: sign(STS + "www A 203.0.113.9\n", 2).replace("IN A 203.0.113.9", "IN A 203.0.113.8"), "no valid"),
        (
            lambda: sign(STS + "www 60 A 203.0.113.9\n", 2) + "new.fabrikam.com. 300 IN A 203.0.113.9\n",
            "has no signature",
        ),
        (lambda: sign(STS + "www A 203.0.113.7\n", 2, timedelta(hours=-1)), "no valid"),
        (lambda: sign(STS + "www A 203.0.113.7\nold A 203.0.113.9\n", 2), ""),
        (lambda: sign(STS + "www A 203.0.113.7\nsub NS ns1.lab.invalid.\nx.sub A 203.0.113.9\n", 2), ""),
    ],
    ids=["changed", "added", "expired", "signed", "delegation"],
)
def test_records_of_a_signed_zone_need_a_signature(
    capsys: pytest.CaptureFixture[str], after: Callable[[], str], found: str
):
    """RFC 4035, sections 2.2 and 5.3: what is edited in a signed file without signing it is SERVFAIL for validators."""
    for side, text in (("a", sign(STS + "www A 203.0.113.9\n", 1)), ("b", after())):
        Path(side).mkdir()
        Path(side, "fabrikam.com.zone").write_text(text, encoding="utf-8")
    main(["dns", "check", "--from", "a", "--to", "b", "--json"])
    texts = [each for each in reasons(json.loads(capsys.readouterr().out)) if "signature" in each]
    assert texts if found else not texts
    assert all(f"{found} in a signed zone" in each or f"{found} signature in a signed zone" in each for each in texts)


@pytest.mark.parametrize(("lost", "name"), [("@ SOA ", "SOA"), ("@ NS ", "NS")])
def test_a_zone_file_that_loses_its_apex(capsys: pytest.CaptureFixture[str], lost: str, name: str):
    """Name servers do not load it (RFC 1035, section 5.2); a file that had no such records is a provider's export."""
    whole = HEAD.format(serial=1) + STS
    cut = "".join(line for line in whole.splitlines(keepends=True) if not line.startswith(lost))
    for side, text in (("a", whole), ("b", cut), ("c", cut + "www A 203.0.113.9\n")):
        Path(side).mkdir()
        Path(side, "fabrikam.com.zone").write_text(text, encoding="utf-8")
    for sides, expected in ((("a", "b"), True), (("b", "c"), False)):
        main(["dns", "check", "--from", sides[0], "--to", sides[1], "--json"])
        found = [f"no {name} record any more" in each for each in reasons(json.loads(capsys.readouterr().out))]
        assert any(found) is expected


def test_an_older_serial(capsys: pytest.CaptureFixture[str]):
    """RFC 1982, section 3.2: secondary servers load nothing; a step over the end of the range is none."""
    for now, text in ((5, "older serial"), (10, "keeps its serial"), (11, ""), (2**31 + 11, "older serial")):
        for side, serial, more in (("a", 10, ""), ("b", now, "www A 203.0.113.9\n")):
            Path(side).mkdir(exist_ok=True)
            Path(side, "fabrikam.com.zone").write_text(HEAD.format(serial=serial) + STS + more, encoding="utf-8")
        main(["dns", "check", "--from", "a", "--to", "b", "--json"])
        texts = [each["text"] for each in json.loads(capsys.readouterr().out)["risk"]["reasons"]]
        assert [each for each in texts if " serial:" in each] == [each for each in texts if text and text in each]
        assert any(text in each for each in texts) or not text


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("corp.contoso.com", DC + LOCATORS, DC + LOCATORS + "_kerberos._tcp SRV 0 50 88 ns1\n"),
        ("corp.contoso.com", DC + LOCATORS, DC + LOCATORS.replace("0 100", "0 10")),
        ("corp.contoso.com", DC + LOCATORS, DC + "dc1 A 10.10.0.89\n" + LOCATORS),
        ("corp.contoso.com", DC + "_sip._tcp SRV 0 1 5060 dc1\n", DC),
        ("fabrikam.com", STS + '@ CAA 0 issue "ca.example"\n', STS),
        (
            "fabrikam.com",
            STS + '@ CAA 0 issue "a.example"\n',
            STS + '@ CAA 0 issue "a.example"\n@ CAA 0 issue "b.example"\n',
        ),
        ("fabrikam.com", STS, STS + '@ CAA 0 iodef "mailto:a@example.com"\n'),
        ("fabrikam.com", STS, STS + "sts HTTPS 1 . alpn=h2 ipv4hint=198.51.100.30\n"),
        ("fabrikam.com", STS, STS + "sts HTTPS 1 edge.cdn.example. ipv4hint=203.0.113.9\n"),
        ("fabrikam.com", STS, STS + "www A 203.0.113.9\n"),
    ],
)
def test_what_takes_nothing_away_passes(capsys: pytest.CaptureFixture[str], zone: str, before: str, after: str):
    """More servers, other weights, more authorities, hints that are true, and names outside."""
    result = check(capsys, zone, before, after)
    assert (reasons(result), result["outcome"]) == ([], "pass")


@pytest.mark.parametrize(
    ("zone", "before", "after", "why"),
    [
        (
            "example.org",
            "www A 203.0.113.8\n",
            "www A 203.0.113.9\n",
            "no zone here holds a host of the identity provider",
        ),
        ("fabrikam.com", STS, STS + "www A 203.0.113.9\n", "the change affects no host of the identity provider"),
        ("fabrikam.com", STS, STS + "sts A 203.0.113.9\n", ""),
    ],
)
def test_a_check_says_that_no_client_was_played(
    capsys: pytest.CaptureFixture[str], zone: str, before: str, after: str, why: str
):
    """That no model is worse off was then not found out: sentence, JSON and JUnit say so, and skip the criterion."""
    result = check(capsys, zone, before, after)
    assert str(result["unplayed"]).startswith(why)
    assert bool(result["unplayed"]) is bool(why)
    main(["dns", "check", "--from", "a", "--to", "b", "--junit", "found.xml"])
    said = capsys.readouterr().out
    assert ("no client model was played" in said) is bool(why)
    assert "no client model is worse off" not in said
    junit = Path("found.xml").read_text(encoding="utf-8")
    assert ('skipped="1"' in junit, "<skipped message=" in junit) == (bool(why), bool(why))


def test_one_dead_address_of_three_hurts_a_third(capsys: pytest.CaptureFixture[str]):
    """The order of addresses is rotated: the share of sign-ins that get worse is that of the dead address."""
    result = check(capsys, "fabrikam.com", STS, STS + "sts A 203.0.113.9\nsts A 203.0.113.10\n")
    models = result["forecast"][0]["models"]  # type: ignore[index]
    assert {each["worse_share"] for each in models if each["worse"]} == {0.6667}


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (DC + LOCATORS, DC + LOCATORS + "_kerberos._tcp SRV 0 100 88 ns1\n", "query the new one as well"),
        (DC, DC + LOCATORS, "query the new one as well"),
        (DC, DC + REALM, "it may be another one now"),
    ],
)
def test_a_new_way_to_a_kdc_is_of_medium_risk(
    capsys: pytest.CaptureFixture[str], before: str, after: str, reason: str
) -> None:
    """Devices use what is added, whether it works or not: the plan says it, and ``risk=high`` lets it pass."""
    result = check(capsys, "corp.contoso.com", before, after)
    assert any(reason in each["text"] for each in result["risk"]["reasons"])  # type: ignore[index]
    assert result["risk"]["level"] == "medium"  # type: ignore[index]


def test_another_ttl_of_a_realm_is_no_loss(capsys: pytest.CaptureFixture[str]) -> None:
    """Devices find the same realm."""
    result = check(capsys, "corp.contoso.com", DC + REALM, DC + REALM.replace("TXT", "600 TXT"))
    assert result["risk"]["level"] == "low"  # type: ignore[index]
