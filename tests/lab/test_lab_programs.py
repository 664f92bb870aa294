"""Real programs, unmodified, inside a lab."""

import re
import time
from ipaddress import ip_address

import pytest

from ssosim.lab.base.errors import LabError
from ssosim.lab.network.networks import DEVICE_GATEWAY, PrivateNetwork
from ssosim.trace.export import read_records
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

HOST = "autologon.microsoftazuread-sso.com"
URL = f"https://{HOST}/contoso.com/winauth/sso"
CURL = ["curl", "-sS", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}", URL]


def test_curl_signs_in_silently_at_the_real_name(running):
    """With an address record at the real name, curl's ticket is for that name and is accepted (TMS9-043)."""
    done = running.run("exec", "--as", "curl-real", "--", *CURL)
    assert (done.returncode, done.stdout) == (0, "200"), done.stderr
    seen = [record for record in running.records() if record["client"] == "curl-real"]
    [ticket] = [r for r in seen if r["event"] == "KdcExchange"]
    assert (ticket["request"], ticket["service"], ticket["outcome"]) == (
        "TGS",
        "HTTP/autologon.microsoftazuread-sso.com",
        "issued",
    )
    [checked] = [r for r in seen if r["event"] == "TicketChecked"]
    assert (checked["accepted"], checked["principal"]) == (True, "alice@CORP.CONTOSO.COM")


def test_klist_shows_the_ticket_of_the_signed_on_user(running):
    """The user has signed on to the device already: a ticket-granting ticket is in the cache."""
    shown = running.run("exec", "--", "klist").stdout
    assert "Default principal: alice@CORP.CONTOSO.COM" in shown
    assert "krbtgt/CORP.CONTOSO.COM@CORP.CONTOSO.COM" in shown


def test_kinit_with_a_password_works_as_at_any_kdc(running):
    """Another user can sign on by password, with the machine's own kinit and no options."""
    script = "printf 'Bob-lab-password-1\\n' | kinit bob >/dev/null && klist | grep -o 'bob@.*'"
    assert running.run("exec", "--", "sh", "-c", script).stdout.strip() == "bob@CORP.CONTOSO.COM"
    wrong = running.run("exec", "--", "sh", "-c", "printf 'nonsense\\n' | kinit bob")
    assert "Password incorrect" in wrong.stderr


def test_dig_gets_the_same_answer_over_udp_and_tcp(running):
    """Forward, reverse, empty and missing names, by both transports."""
    questions = [
        "autologon.microsoftazuread-sso.com",
        "-x 10.10.0.88",
        "autologon.microsoftazuread-sso.com AAAA",
        "no.example",
    ]
    script = "; ".join(f"dig +noall +comments +answer {how} {q}" for how in ("+notcp", "+tcp") for q in questions)
    shown = running.run("exec", "--as", "dig", "--", "sh", "-c", script).stdout
    assert re.findall(r"status: (\w+)", shown) == ["NOERROR", "NOERROR", "NOERROR", "NXDOMAIN"] * 2
    assert len(re.findall(r"IN\s+A\s+192\.0\.2\.20\b", shown)) == 2
    assert len(re.findall(r"IN\s+PTR\s+dc1\.corp\.contoso\.com\.", shown)) == 2
    answered = [r for r in running.records() if r["client"] == "dig" and r["event"] == "DnsAnswered"]
    assert [r["transport"] for r in answered] == ["udp"] * 4 + ["tcp"] * 4
    assert [r["rcode"] for r in answered] == ["NOERROR", "NOERROR", "NODATA", "NXDOMAIN"] * 2


def test_getent_finds_hosts_through_the_labs_dns(running):
    """The C library's resolver asks the lab, with the company's search domain."""
    done = running.run(
        "exec", "--", "sh", "-c", "getent hosts dc1; getent hosts login.microsoftonline.com; getent hosts x"
    )
    assert done.stdout.split() == ["10.10.0.88", "dc1.corp.contoso.com", "192.0.2.10", "login.microsoftonline.com"]
    assert done.returncode == 2


def test_the_certificate_is_trusted_only_inside(running):
    """Curl needs no option to trust the lab's authority, and another name is refused."""
    assert running.run("exec", "--", *CURL).returncode == 0
    elsewhere = [*CURL[:-1], "--connect-to", "wrong.example:443:192.0.2.10:443", "https://wrong.example/"]
    assert running.run("exec", "--", *elsewhere).returncode == 60


def test_ten_sign_ins_at_once_are_told_apart(running):
    """Each of ten programs at the same moment has its own ticket request, accepted ticket and answer in the trace."""
    names = [f"c{number}" for number in range(10)]
    devices = ["desk-1" if number % 2 else "desk-2" for number in range(10)]
    started = [
        running.popen("exec", "--as", name, "--device", device, "--", *CURL)
        for name, device in zip(names, devices, strict=True)
    ]
    assert [(p.wait(60), p.stdout.read()) for p in started] == [(0, b"200")] * 10
    records = running.records()
    for name, device in zip(names, devices, strict=True):
        mine = [record for record in records if record["client"] == name]
        kinds = [record["event"] for record in mine]
        assert (kinds.count("KdcExchange"), kinds.count("TicketChecked"), kinds.count("ClientFinished")) == (1, 1, 1)
        [checked] = [record for record in mine if record["event"] == "TicketChecked"]
        user = "alice" if device == "desk-1" else "bob"
        assert (checked["accepted"], checked["principal"]) == (True, f"{user}@CORP.CONTOSO.COM")
        assert [r["status"] for r in mine if r["event"] == "HttpExchange"][-1] == 200
        assert mine[0]["event"] == "LabEvent"
        assert kinds[-1] == "ClientFinished"


def test_ten_different_ends_at_once_are_told_apart(running):
    """Ten programs at the same moment, of three users, with and without ticket, KDC and IPv6: each its own verdict.

    Started together behind one gate, so that their packets mix; every record of a client is of its own user and kind.
    """
    gate = running.home / "gate"
    wait = f"while [ ! -e {gate} ]; do sleep 0.01; done; "
    curl = " ".join(f"'{word}'" for word in CURL)
    kinds = {
        "alice": (["--device", "desk-1"], "", "200", Outcome.SILENT),
        "bob": (["--device", "desk-2"], "", "200", Outcome.SILENT),
        "bob-six": (["--device", "desk-2", "--ipv6"], "", "200", Outcome.SILENT),
        "no-ticket": (["--device", "desk-2"], "kdestroy; ", "401", Outcome.REFUSED),
        "away": (["--device", "laptop-1"], "", "401", Outcome.REFUSED),
    }
    names = [(kind, f"mix-{kind}-{number}") for number in range(2) for kind in kinds]
    started = {
        name: running.popen("exec", "--as", name, *kinds[kind][0], "--", "sh", "-c", f"{wait}{kinds[kind][1]}{curl}")
        for kind, name in names
    }
    end = time.monotonic() + 60
    while len({r["client"] for r in running.records() if r["client"].startswith("mix-")}) < 10:
        assert time.monotonic() < end
    gate.touch()
    said = {name: process.communicate(timeout=50)[0].decode() for name, process in started.items()}
    assert said == {name: kinds[kind][2] for kind, name in names}
    records = list(read_records(running.run("trace", "--json").stdout.splitlines()))
    questions = {kind: [] for kind in kinds}
    for kind, name in names:
        mine = [record for record in records if record.client == name]
        verdict = judge(mine, mine[0].at)
        assert verdict.outcome is kinds[kind][3], (name, verdict)
        events = [record.event for record in mine]
        tickets = [event for event in events if type(event).__name__ == "KdcExchange"]
        accepted = [event.principal for event in events if type(event).__name__ == "TicketChecked"]
        signs_in = kinds[kind][3] is Outcome.SILENT
        assert len(tickets) == signs_in, name
        assert accepted == ([f"{kind.partition('-')[0]}@CORP.CONTOSO.COM"] if signs_in else []), name
        exchanges = [(event.status, event.auth) for event in events if type(event).__name__ == "HttpExchange"]
        assert exchanges == ([(200, "kerberos")] if signs_in else [(401, "none")]), name
        questions[kind].append(sorted((e.name, e.type) for e in events if type(e).__name__ == "DnsAnswered"))
    assert all(one == other and (HOST, "A") in one for one, other in questions.values()), questions


def test_a_wrong_address_leads_to_another_host(running):
    """azure-ad-preview: the name has another host's address; curl refuses its certificate, the trace names it."""
    assert running.run("fault", "apply", "wrong-address", f"name={HOST}").returncode == 0
    try:
        for _ in range(2):
            done = running.run("exec", "--as", "astray", "--", *CURL)
            assert (done.returncode, done.stdout) == (60, "000"), done.stderr
    finally:
        running.run("fault", "undo", "all")
    records = [r for r in read_records(running.run("trace", "--json").stdout.splitlines()) if r.client == "astray"]
    failed = [record.event for record in records if type(record.event).__name__ == "ConnectionFailed"]
    assert {(e.host, e.address, e.stage, e.by, e.step) for e in failed} == {
        (HOST, "203.0.113.254", "tls", "wire", "mex")
    }
    assert len(failed) == 2
    verdict = judge(records, records[0].at)
    assert (verdict.outcome, "bad-certificate" in verdict.reason) == (Outcome.FAILED, True)
    assert running.run("exec", "--", *CURL).stdout == "200"


def test_no_two_programs_of_a_lab_have_one_address():
    """Sixty-five thousand run one after another, none at the gateway's address; then the error says what to do."""
    network = PrivateNetwork()
    given = [network.allocate_program_address() for _ in range(0xFFFE - 0x100)]
    with pytest.raises(LabError, match="restart the lab"):
        network.allocate_program_address()
    assert len(set(given)) == len(given)
    assert DEVICE_GATEWAY not in given
    assert {ip_address(address).packed[:2] for address in given} == {bytes((100, 64))}
