"""How MIT's own programs find a KDC: DNS, the next KDC, a KDC proxy; and the trace, the verdict and its cause."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bench
from tests.realm_estates import DC1, DC2, EUROPE, TEXT, found_by_dns, other_realm, two_kdcs, with_proxy

HOST = "autologon.microsoftazuread-sso.com"
SPN = f"HTTP/{HOST}"
CURL = f"curl -sS --negotiate -u : -o /dev/null -w %{{http_code}} https://{HOST}/contoso.com/winauth/sso"
BOB = "printf 'Bob-lab-password-1\\n' | kinit bob > /dev/null"
Start = Callable[[str], Bench]


@pytest.fixture(scope="module")
def start(prepared: Path) -> Iterator[Start]:
    """Start the lab of an estate; the tests of the module share it."""
    made: dict[str, Bench] = {}

    def lab(text: str) -> Bench:
        if text not in made:
            home = Path(tempfile.mkdtemp(prefix="ssosim-"))
            bench = made[text] = Bench(home)
            shutil.copytree(prepared, bench.home / "cache")
            (home / "estate.toml").write_text(text, encoding="utf-8")
            done = bench.run("up", "--detach", "--estate", str(home / "estate.toml"))
            assert done.returncode == 0, done.stderr
        return made[text]

    yield lab
    for bench in made.values():
        bench.close()
        shutil.rmtree(bench.home, ignore_errors=True)


def play(
    bench: Bench, client: str, script: str, *faults: str, device: str = "desk-1"
) -> tuple[str, list[dict[str, Any]]]:
    """Run a script on a device while ``faults`` are in force; its output, and its events."""
    for fault in faults:
        done = bench.run("fault", "apply", *fault.split())
        assert done.returncode == 0, done.stderr
    try:
        done = bench.run("exec", "--as", client, "--device", device, "--", "sh", "-c", script)
    finally:
        if faults:
            bench.run("fault", "undo", "all")
    return (done.stdout + done.stderr).strip(), [each for each in bench.records() if each["client"] == client]


def asked(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The requests to KDCs: type, KDC and outcome."""
    return [(each["request"], each["kdc"], each["outcome"]) for each in events if each["event"] == "KdcExchange"]


@pytest.mark.parametrize(
    ("name", "fault", "before"),
    [
        ("refuses", f"kdc-connection-refused kdcs={DC1}", []),
        ("hangs", f"kdc-silent kdcs={DC1}", [("TGS", DC1, "no answer")]),
        ("slow", f"kdc-delay seconds=3 kdcs={DC1}", []),
    ],
)
def test_curl_goes_on_to_the_second_kdc(
    start: Start, name: str, fault: str, before: list[tuple[str, str, str]]
) -> None:
    """With one of two KDCs dead or slow, the unmodified curl signs in with a ticket of the other one."""
    said, events = play(start(two_kdcs()), f"curl-{name}", CURL, fault)
    assert said == "200"
    first = [each for each in asked(events) if each[2] == "issued" or each in before]
    assert first == [*before, ("TGS", DC2, "issued")]


def test_a_lagging_replica_does_not_know_the_new_key(start: Start) -> None:
    """The KDC that curl asks first has the former key, which the service has no more: 403, and the lag is the cause."""
    bench = start(two_kdcs())
    said, events = play(bench, "curl-lag", CURL, f"kdc-replica-lag kdcs={DC1}", "key-rolled previous_keys=0")
    assert said == "403"
    assert asked(events) == [("TGS", DC1, "issued")]
    said, events = play(bench, "curl-other", CURL, f"kdc-replica-lag kdcs={DC2}", "key-rolled previous_keys=0")
    assert (said, asked(events)) == ("200", [("TGS", DC1, "issued")])


def test_all_kdcs_refuse_connections(start: Start) -> None:
    """The cause of the missing ticket is the refused connection, not that none was asked for."""
    bench = start(two_kdcs())
    said, events = play(bench, "curl-none", CURL, "kdc-connection-refused")
    assert (said, asked(events)) == ("401", [])
    explained = bench.run("explain", "--client", "curl-none").stdout
    assert "it reached no KDC" in explained
    assert "kdc-connection-refused" in explained


def test_a_kdc_is_found_by_srv_records(start: Start) -> None:
    """With dns_lookup_kdc the records of the zone lead to the KDC; their removal is the cause of a missing ticket."""
    bench = start(found_by_dns())
    said, events = play(bench, "srv", f"{BOB}; {CURL}")
    assert said == "200"
    assert asked(events) == [
        ("AS", DC1, "KDC_ERR_PREAUTH_REQUIRED"), ("AS", DC1, "issued"), ("TGS", DC1, "issued")
    ]  # fmt: skip
    gone = [f"name-removed name=_kerberos.{transport}.corp.contoso.com" for transport in ("_udp", "_tcp")]
    said, events = play(bench, "srv-gone", f"{BOB}; {CURL}", *gone)
    assert "Cannot find KDC for realm" in said
    assert "401" in said
    assert asked(events) == []
    assert "it found no KDC in DNS" in (explained := bench.run("explain", "--client", "srv-gone").stdout)
    assert "name-removed" in explained or "removed" in explained


RECORDS = """[[zones.records]]
name = "_kerberos"
type = "URI"
values = ['10 1 "krb5srv::udp:dc2.corp.contoso.com"', '20 1 "krb5srv::udp:dc1.corp.contoso.com"']

"""


def test_a_kdc_is_found_by_uri_records_and_its_realm_by_txt(start: Start) -> None:
    """URI records (RFC 7553) come before SRV records, in their own order; TXT records give the realm of a host."""
    bench = start(found_by_dns(RECORDS, realm=True))
    script = f"{BOB}; kvno -S HTTP intranet.corp.contoso.com; kvno -S HTTP gone.corp.contoso.com"
    said, events = play(bench, "uri", script)
    assert "HTTP/intranet.corp.contoso.com@: kvno = 1" in said, said
    assert {kdc for _, kdc, _ in asked(events)} == {DC2}
    looked_up = {(each["type"], each["name"]) for each in events if each["event"] == "DnsAnswered"}
    assert ("URI", "_kerberos.corp.contoso.com") in looked_up
    assert ("TXT", "_kerberos.gone.corp.contoso.com") in looked_up


def test_a_kdc_proxy_serves_a_device_outside_the_network(start: Start) -> None:
    """MS-KKDCP: kinit and curl get their tickets over HTTPS, and none if the KDC behind the proxy is silent."""
    bench = start(with_proxy())
    said, events = play(bench, "away", f"klist -s && {BOB}; {CURL}", device="laptop-1")
    assert said == "200"
    exchanges = [each for each in events if each["event"] == "KdcExchange"]
    assert [(each["request"], each["outcome"]) for each in exchanges][-2:] == [("AS", "issued"), ("TGS", "issued")]
    assert {each["transport"] for each in exchanges} == {"https"}
    said, events = play(bench, "away-silent", f"{CURL}", "kdc-silent", device="laptop-1")
    assert said == "401"
    assert {each["outcome"] for each in events if each["event"] == "KdcExchange"} == {"no answer"}


def test_curl_signs_in_with_an_account_of_a_child_domain(start: Start) -> None:
    """The KDC of the child domain refers to that of the root, whose ticket autologon accepts: real referrals."""
    bench = start(other_realm(EUROPE, user="erik", more='parent = "CORP.CONTOSO.COM"'))
    said, events = play(bench, "erik", CURL, device="desk-erik")
    assert said == "200"
    assert [kdc for _, kdc, _ in asked(events)] == ["dc1.europe.corp.contoso.com", DC1]
    [checked] = [each for each in events if each["event"] == "TicketChecked"]
    assert checked["principal"] == f"erik@{EUROPE}"


def test_curl_with_a_ticket_that_is_too_large(start: Start) -> None:
    """The unmodified curl sends a ticket of 40 KB, which is more than 50 KB of header, and is refused: AADSTS81001."""
    line = 'sam_account = "alice"\n'
    bench = start(TEXT.replace(line, f"{line}authorization_data_size = 40000\n", 1))
    said, events = play(bench, "curl-large", CURL)
    assert said == "403"
    assert [each["code"] for each in events if each["event"] == "HttpExchange"] == [81001]
    [ticket] = [each for each in events if each["event"] == "KdcExchange"]
    assert (ticket["transport"], ticket["outcome"]) == ("tcp", "issued")
