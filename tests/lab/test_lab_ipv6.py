"""Programs on devices with IPv6: the same names, other addresses, and what goes wrong with them."""

import shutil
import time
from pathlib import Path

import pytest

from ssosim.trace.export import read_records
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

SSO = "autologon.microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
URL = f"https://{SSO}/contoso.com/winauth/sso"
CURL = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{remote_ip}", "-m", "20"]
NEGOTIATE = [*CURL, "--negotiate", "-u", ":", URL]
HOSTS = {"kdc": "2001:db8:1::88", "dns": "2001:db8:1::53", "login": "2001:db8:1::10", "autologon": "2001:db8:1::20"}


def estate():
    """Contoso with a second address for each host but the federation's, AAAA records, and a device with IPv6."""
    text = (Path(__file__).parents[2] / "ssosim/estate/contoso.toml").read_text(encoding="utf-8")
    hosts = "".join(f'[[hosts]]\nname = "{r}-6"\naddress = "{a}"\nservices = ["{r}"]\n\n' for r, a in HOSTS.items())
    text = text.replace("[[tenants]]", hosts + "[[tenants]]", 1)
    text += '\n[[devices]]\nname = "desk-6"\nuser = "bob@contoso.com"\nipv6 = true\n'
    text += '\n[[devices]]\nname = "laptop-6"\nuser = "bob@contoso.com"\nipv6 = true\ncorporate_network = false\n'
    for zone, name, role in (
        ("microsoftonline.com", "login", "login"),
        ("microsoftazuread-sso.com", "autologon", "autologon"),
    ):
        record = f'[[zones.records]]\nname = "{name}"\ntype = "AAAA"\nvalues = ["{HOSTS[role]}"]\n\n'
        text = text.replace(f'name = "{zone}"\n\n', f'name = "{zone}"\n\n{record}', 1)
    return text


@pytest.fixture(scope="module")
def dual(running, tmp_path_factory, prepared):
    """A lab of that estate."""
    made = type(running)(tmp_path_factory.mktemp("dual"))
    shutil.copytree(prepared, made.home / "cache")
    file = made.home / "estate.toml"
    file.write_text(estate(), encoding="utf-8")
    done = made.run("up", "--detach", "--estate", str(file))
    assert done.returncode == 0, done.stderr
    yield made
    made.close()


def of(bench, label):
    """The records of one client."""
    return [r for r in read_records(bench.run("trace", "--json").stdout.splitlines()) if r.client == label]


def named(records, kind):
    """Events of one kind."""
    return [r.event for r in records if type(r.event).__name__ == kind]


def test_a_program_with_ipv6_signs_in_over_ipv6(dual):
    """AAAA right: curl takes it first, and DNS, ticket, request and verdict are attributed to it."""
    done = dual.run("exec", "--device", "desk-6", "--as", "six", "--", *NEGOTIATE)
    assert done.stdout == f"200 {HOSTS['autologon']}", done.stderr
    records = of(dual, "six")
    assert {(e.type, e.rcode) for e in named(records, "DnsAnswered")} >= {("A", "NOERROR"), ("AAAA", "NOERROR")}
    assert [e.outcome for e in named(records, "KdcExchange")] == ["issued"]
    assert [e.principal for e in named(records, "TicketChecked")] == ["bob@CORP.CONTOSO.COM"]
    assert [e.status for e in named(records, "HttpExchange")][-1] == 200
    assert not named(records, "ConnectionFailed")
    assert judge(records, records[0].at).outcome is Outcome.SILENT


def test_without_ipv6_a_program_takes_ipv4(dual):
    """On a device with IPv4 only the same names lead to the other addresses; the IPv6 ones are out of reach at once."""
    done = dual.run("exec", "--device", "desk-1", "--", *NEGOTIATE)
    assert done.stdout.startswith("200 192.0.2."), done.stderr
    refused = dual.run("exec", "--device", "desk-1", "--", *CURL, "-6", f"https://{LOGIN}/")
    assert refused.stdout.split()[0] == "000"
    assert refused.returncode == 7, "curl cannot connect (7); a packet that is lost would be a time-out (28)"
    resolv = "cat /etc/resolv.conf"
    assert ":" not in dual.run("exec", "--device", "desk-1", "--", "sh", "-c", resolv).stdout
    assert HOSTS["dns"] in dual.run("exec", "--device", "desk-6", "--", "sh", "-c", resolv).stdout


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_queries_over_ipv6_are_attributed_to_the_program(dual, transport):
    """The name server's IPv6 address answers, and the trace has the client of the query."""
    label = f"dig{transport}"
    done = dual.run("exec", "--device", "desk-6", "--as", label, "--", "dig", transport, f"@{HOSTS['dns']}", LOGIN)
    assert "status: NOERROR" in done.stdout
    assert [(e.name, e.transport) for e in named(of(dual, label), "DnsAnswered")] == [
        (LOGIN, "tcp" if transport == "+tcp" else "udp")
    ]


def test_tickets_over_ipv6_are_attributed_to_the_program(dual, tmp_path):
    """With a krb5.conf that knows the KDC's IPv6 address only, tickets come over UDP and TCP."""
    for limit, transport in ((1465, "udp"), (1, "tcp")):
        own = tmp_path / transport
        own.mkdir()
        text = (dual.home / "labs/default/krb5.conf").read_text()
        kept = [line for line in text.splitlines() if "kdc = 1" not in line and "udp_preference_limit" not in line]
        text = "\n".join(kept).replace("[libdefaults]", f"[libdefaults]\n    udp_preference_limit = {limit}")
        (own / "krb5.conf").write_text(text)
        assert f"[{HOSTS['kdc']}]:88" in text
        words = ["exec", "--device", "desk-6", "--as", f"kvno-{transport}", "--etc", str(own)]
        done = dual.run(*words, "--", "kvno", f"HTTP/{SSO}")
        assert done.returncode == 0, done.stderr
        assert {(e.outcome, e.transport) for e in named(of(dual, f"kvno-{transport}"), "KdcExchange")} == {
            ("issued", transport)
        }


def test_off_the_corporate_network_there_is_no_kdc_over_ipv6_either(dual):
    """No ticket, no way to the KDC by either family; the cloud answers."""
    done = dual.run("exec", "--device", "laptop-6", "--", *NEGOTIATE)
    assert done.stdout == f"401 {HOSTS['autologon']}", done.stderr
    kinit = dual.run("exec", "--device", "laptop-6", "--", "kinit", "bob@CORP.CONTOSO.COM")
    assert "Cannot contact any KDC" in kinit.stderr


def test_a_dead_aaaa_costs_a_moment_with_happy_eyeballs(dual):
    """crm-online-2014: nobody answers at the IPv6 address; curl goes to IPv4 after 200 ms (RFC 8305) and signs in."""
    apply = ["fault", "apply", "aaaa-dead", f"name={SSO}"]
    assert dual.run(*apply).returncode == 0
    try:
        began = time.monotonic()
        done = dual.run("exec", "--device", "desk-6", "--as", "dead", "--", *NEGOTIATE)
        assert done.stdout.startswith("200 192.0.2."), done.stderr
        assert time.monotonic() - began > 0.2
        four = dual.run("exec", "--device", "desk-1", "--as", "dead-4", "--", *NEGOTIATE)
        assert four.stdout.startswith("200 192.0.2.")
    finally:
        dual.run("fault", "undo", "all")
    records = of(dual, "dead")
    (failed,) = named(records, "ConnectionFailed")
    assert (failed.host, failed.address, failed.stage, failed.reason) == (SSO, "100::1", "connect", "unreachable")
    assert failed.step == "mex"
    kinds = [type(r.event).__name__ for r in records]
    assert kinds.index("ConnectionFailed") < kinds.index("HttpExchange")
    assert judge(records, records[0].at).outcome is Outcome.SILENT
    assert not named(of(dual, "dead-4"), "ConnectionFailed")


def test_a_wrong_aaaa_fails_those_who_have_ipv6_only(dual):
    """crm-online-2014: another host answers with its own certificate; curl does not go on to IPv4. IPv4 is well."""
    assert dual.run("fault", "apply", "aaaa-wrong", f"name={SSO}").returncode == 0
    try:
        done = dual.run("exec", "--device", "desk-6", "--as", "wrong", "--", *NEGOTIATE)
        assert done.returncode == 60, done.stderr
        assert dual.run("exec", "--device", "desk-1", "--", *NEGOTIATE).stdout.startswith("200 ")
    finally:
        dual.run("fault", "undo", "all")
    records = of(dual, "wrong")
    (failed,) = named(records, "ConnectionFailed")
    assert (failed.host, failed.address, failed.stage, failed.step) == (SSO, "2001:db8:bad::1", "tls", "mex")
    verdict = judge(records, records[0].at)
    assert (verdict.outcome, "bad-certificate" in verdict.reason) == (Outcome.FAILED, True)


def test_models_in_a_private_network_use_ipv6(dual):
    """A model on a device with IPv6 signs in where AAAA is right, in a lab whose hosts have IPv6 addresses."""
    file = dual.home / "estate.toml"
    words = ["--estate", str(file), "--client", "office-ipv6", "--client", "native-prompt-ipv6"]
    done = dual.run("run", "ipv6-cleanup", *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_scenarios_program_can_have_ipv6(bench, tmp_path):
    """crm-online-2014: ``ipv6 = true`` of a client that is a program; the wrong record fails it, and IPv4 signs in."""
    file = tmp_path / "six.toml"
    run = str(NEGOTIATE).replace("'", '"')
    file.write_text(
        'name = "six"\ntitle = "t"\nend = 2025-01-01T02:00:00Z\n'
        f'[[clients]]\nname = "four"\nrun = {run}\n[[clients]]\nname = "six"\nipv6 = true\nrun = {run}\n'
        '[[phases]]\nname = "wrong"\nstart = 2025-01-01T00:00:00Z\n'
        f'faults = [{{ fault = "aaaa-wrong", name = "{SSO}" }}]\nexpect = {{ four = "silent", six = "failed" }}\n'
        '[[phases]]\nname = "dead"\nstart = 2025-01-01T01:00:00Z\n'
        f'faults = [{{ fault = "aaaa-dead", name = "{SSO}" }}]\nexpect = {{ four = "silent", six = "silent" }}\n'
    )
    done = bench.run("run", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_any_device_can_be_given_ipv6(running):
    """``--ipv6``, in a lab of IPv4 hosts; a public address is out of reach, and nothing leaves the lab."""
    done = running.run("exec", "--ipv6", "--", "ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global")
    assert "2001:db8:64::1:" in done.stdout
    assert running.run("exec", "--ipv6", "--", *NEGOTIATE).stdout.startswith("200 192.0.2.")
    out = running.run("exec", "--ipv6", "--", *CURL, "https://[2606:4700:4700::1111]/")
    assert out.returncode == 7, out.stderr
    assert "2001:db8" not in running.run("exec", "--", "ip", "-6", "-o", "addr").stdout


def test_an_ordinary_users_programs_have_ipv6_as_well(as_user):
    """crm-online-2014, without privilege: a dead record costs a moment, a wrong one the sign-in; both are traced."""
    assert as_user("up", "--detach").returncode == 0
    ends = {
        "aaaa-dead": "200 192.0.2.20",
        "aaaa-wrong": "000",
    }  # newer curl prints no address after a refused certificate
    for fault, end in ends.items():
        assert as_user("fault", "apply", fault, f"name={SSO}").returncode == 0
        done = as_user("exec", "--as", fault, "--ipv6", "--", *NEGOTIATE)
        assert done.stdout.startswith(end), done.stderr
        as_user("fault", "undo", "all")
    records = [r for r in read_records(as_user("trace", "--json").stdout.splitlines()) if r.client in ends]
    assert [(r.client, e.stage, e.address) for r in records for e in named([r], "ConnectionFailed")] == [
        ("aaaa-dead", "connect", "100::1"),
        ("aaaa-wrong", "tls", "2001:db8:bad::1"),
    ]
