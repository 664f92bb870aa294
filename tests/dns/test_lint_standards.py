"""Lint rules of standards, on both sides: what each finds, and what it leaves alone. named-checkzone runs beside."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import dns.dnssec
import dns.rdata
import pytest

from ssosim.cli.main import main
from ssosim.dns.imports import ImportMistakeError, read_tree
from ssosim.dns.zones.lint import LintFinding, lint
from ssosim.dns.zones.lint_codes import CODES
from ssosim.dns.zones.lint_standards import load_suffixes
from ssosim.sources import load_sources

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "zone_corpus"
HEAD = "$ORIGIN example.com.\n$TTL 3600\n@ SOA ns1 host 1 7200 900 1209600 300\n"
SERVERS = "@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.53\n"
GOOD = HEAD + SERVERS


def findings(tmp_path: Path, text: str, name: str = "example.com.zone") -> list[LintFinding]:
    """The findings in a zone file."""
    (tmp_path / name).write_text(text)
    return list(lint(read_tree(tmp_path)))


CASES = [
    ("mx-is-cname", "warning", GOOD + "@ MX 10 mail\nmail CNAME host\nhost A 192.0.2.1\n"),
    ("mx-is-cname", "warning", GOOD + "@ MX 10 mail\n* CNAME host\nhost A 192.0.2.1\n"),
    ("ns-is-cname", "error", HEAD + "@ NS ns1\n@ NS ns2.example.net.\nns1 CNAME host\nhost A 192.0.2.1\n"),
    ("srv-is-cname", "warning", GOOD + "_ldap._tcp SRV 0 0 389 dc\ndc CNAME host\nhost A 192.0.2.1\n"),
    ("no-ns", "warning", HEAD + "www A 192.0.2.1\n"),
    ("no-soa", "warning", "$ORIGIN example.com.\n$TTL 60\n" + SERVERS),
    ("soa-expire", "error", HEAD.replace("1209600", "7200") + SERVERS),
    ("soa-expire", "warning", HEAD.replace("1209600", "8100") + SERVERS),
    ("glue-missing", "error", GOOD + "sub NS ns.sub\nsub NS ns2.example.net.\n"),
    ("target-without-address", "error", HEAD + "@ NS ns1\n@ NS ns2.example.net.\n"),
    ("spf-duplicate", "error", GOOD + '@ TXT "v=spf1 mx -all"\n@ TXT "v=spf1 a -all"\n'),
    ("spf-type", "warning", GOOD + '@ SPF "v=spf1 mx -all"\n'),
    ("takeover", "info", GOOD + "www CNAME shop.azurewebsites.net.\n"),
    ("takeover", "info", GOOD + "cdn CNAME files.blob.core.windows.net.\n"),
    ("delegation-takeover", "info", GOOD + "dev NS ns1-01.azure-dns.com.\ndev NS ns2-01.azure-dns.net.\n"),
    ("dangling-cname", "error", GOOD + "www CNAME gone\n"),
    ("ttl-long", "warning", GOOD + "www 604800 A 192.0.2.1\n"),
    ("ttl-long", "warning", GOOD + "sub 604800 NS ns2.example.net.\n"),
    ("ttl-short", "warning", GOOD + "www 0 A 192.0.2.1\n"),
    ("name-repeats-zone", "warning", GOOD + "www.example.com A 192.0.2.1\n"),
    ("name-repeats-zone", "warning", GOOD + "www.EXAMPLE.com TXT x\n"),
    ("name-repeats-zone", "warning", GOOD + "@ MX 10 mail.example.com\n* A 192.0.2.1\n"),
    ("target-is-address", "error", GOOD + "@ MX 10 192.0.2.9.\n"),
    ("target-is-address", "error", GOOD + "www CNAME 192.0.2.9.\n"),
    ("target-is-address", "error", GOOD + "www CNAME 192.0.2.9\n* A 192.0.2.1\n"),
    ("dmarc-duplicate", "error", GOOD + '_dmarc TXT "v=DMARC1; p=none"\n_dmarc TXT "v=DMARC1;p=reject"\n'),
    ("not-a-host-name", "warning", GOOD + "my_host A 192.0.2.1\n"),
    ("not-a-host-name", "warning", GOOD + "-x AAAA 2001:db8::1\n"),
    ("not-a-host-name", "warning", GOOD + "@ MX 10 a_b.example.net.\n"),
    ("not-a-host-name", "warning", GOOD + "_sip._tcp SRV 0 0 5060 a_b.example.net.\n"),
    ("address-of-no-host", "error", GOOD + "www A 0.0.0.0\n"),
    ("address-of-no-host", "error", GOOD + "www A 0.1.2.3\n"),
    ("address-of-no-host", "error", GOOD + "www A 224.0.0.1\n"),
    ("address-of-no-host", "error", GOOD + "www A 255.255.255.255\n"),
    ("address-of-no-host", "error", GOOD + "www A 169.254.1.1\n"),
    ("address-of-no-host", "error", GOOD + "www AAAA ::\n"),
    ("address-of-no-host", "error", GOOD + "www AAAA FE80::1\n"),
    ("address-of-no-host", "error", GOOD + "www AAAA ff02::1\n"),
    ("address-of-no-host", "error", GOOD + "www AAAA ::ffff:192.0.2.1\n"),
    ("address-of-no-host", "warning", GOOD + "www A 127.0.0.1\n"),
    ("address-of-no-host", "warning", GOOD + "www AAAA 0:0::1\n"),
    ("at-in-name", "error", GOOD + "_sip._tls.@ SRV 0 0 443 ns1\n"),
    ("null-mx", "error", GOOD + "@ MX 0 .\n@ MX 10 ns1\n"),
    ("spf-lookups", "error", GOOD + '@ TXT "v=spf1 a mx ptr' + " ?include:a.test" * 8 + ' -all"\n'),
    ("occluded", "warning", GOOD + "sub NS ns2.example.net.\nsub NS ns3.example.net.\nwww.sub A 192.0.2.1\n"),
    ("occluded", "warning", GOOD + "sub NS ns2.example.net.\nsub NS ns3.example.net.\nsub TXT x\n"),
    ("occluded", "warning", GOOD + "old DNAME new.example.net.\nwww.old A 192.0.2.1\n"),
]


@pytest.mark.parametrize(("code", "severity", "text"), CASES)
def test_each_rule_finds_its_mistake(tmp_path: Path, code: str, severity: str, text: str) -> None:
    """One finding of that code and severity, and no other in a small zone."""
    found = findings(tmp_path, text)
    assert [(each.code, each.severity) for each in found] == [(code, severity)]
    assert not lint(read_tree(tmp_path), skip={code})


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD + "sub NS ns.sub\nsub NS ns2.example.net.\nns.sub A 192.0.2.1\n",  # glue is no mistake
        GOOD + "sub NS a.ns.sub\nsub NS ns2.example.net.\na.ns.sub A 192.0.2.1\n",  # glue below an empty name
        GOOD + "@ MX 10 mail\n* A 192.0.2.1\n",  # a wildcard answers for the mail server
        GOOD + "www CNAME host.example.org.\n",  # in no zone that is read
        GOOD + "@ MX 0 .\n",  # RFC 7505
        GOOD + '@ TXT "v=spf1 mx -all"\n@ TXT "v=spf10"\n@ TXT "google-site-verification=1"\n',
        GOOD + '@ SPF "v=spf1 mx -all"\n@ TXT "v=spf1" " mx -all"\n',
        GOOD + "@ 172800 NS ns3.example.net.\nsub 172800 NS ns1.example.net.\n",  # TTLs of providers
        GOOD + "www CNAME azurewebsites.net.\n",  # the provider's own name
        GOOD + "www CNAME notazurewebsites.net.\n",
        GOOD + "sub NS ns1.example.net.\nsub NS ns2.example.net.\nx CNAME host.sub\n",  # below a delegation
        GOOD + "_x TXT y\n_y CNAME _x\n*.w A 192.0.2.1\ngc._msdcs A 192.0.2.1\n_p PTR _q.example.net.\n",
        GOOD + "example A 192.0.2.1\ncom.example A 192.0.2.1\n1.2.3.4 A 192.0.2.1\nnotexample.com TXT x\n",
        GOOD + '_dmarc TXT "v=DMARC1; p=none"\n_dmarc TXT "v=DMARC10"\n@ TXT "v=DMARC1"\n',
        GOOD + "localhost A 127.0.0.1\nlocalhost AAAA ::1\n2.0.0.127 A 127.0.0.2\n*.list A 127.0.0.2\n",
        GOOD + "www A 223.255.255.1\nwww AAAA fec0::1\nz AAAA 0064:ff9b::1\nx A 10.0.0.1\nx AAAA fd00::1\n",
        GOOD + '@ TXT "v=spf1 ip4:192.0.2.1 a mx' + " include:a.test" * 8 + ' -all"\n',
        GOOD + "old DNAME new.example.net.\nold A 192.0.2.1\nold TXT x\n",  # RFC 6672: beside it is well
    ],
)
def test_good_zones_have_no_findings(tmp_path: Path, text: str) -> None:
    """False alarms of other checkers: glue (PowerDNS 5948, 6622), wildcards, names outside (netbox-plugin-dns 441)."""
    assert findings(tmp_path, text) == []


CHILD = "$ORIGIN sub.example.com.\n$TTL 3600\n@ SOA ns host 1 7200 900 1209600 300\n@ NS ns\n@ NS ns2.example.net.\n"
CUT = GOOD + "sub NS ns.sub\nsub NS ns2.example.net.\nns.sub A 192.0.2.7\n"
KEY = "256 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
TWO_ZONES = [
    ([], CUT, "ns A 192.0.2.7\n"),
    ([], CUT, "ns A 192.0.2.7\nns A 192.0.2.8\nns AAAA 2001:db8::7\n"),
    (["glue-differs"], CUT, "ns A 192.0.2.8\n"),
    (["glue-differs"], CUT + "ns.sub AAAA 2001:db8::7\n", "ns A 192.0.2.7\n"),
    (["ns-differs"], CUT, "ns A 192.0.2.7\n@ NS ns3.example.net.\n"),
    (["ns-differs"], CUT + "sub NS ns3.example.net.\n", "ns A 192.0.2.7\n"),
    (["occluded"], CUT + "www.sub A 192.0.2.1\n", "ns A 192.0.2.7\nwww A 192.0.2.1\n"),
    (["occluded"], GOOD + "www.sub A 192.0.2.1\n", "ns A 192.0.2.7\nwww A 192.0.2.1\n"),
    ([], CUT + "sub DS 55648 13 2 " + "ab" * 32 + "\n", "ns A 192.0.2.7\n"),  # signed by its name server
    (["ds-without-key"], CUT + "sub DS 55648 13 2 " + "ab" * 32 + "\n", f"ns A 192.0.2.7\n@ DNSKEY {KEY}\n"),
    ([], CUT + "sub DS 55648 13 200 abab\n", f"ns A 192.0.2.7\n@ DNSKEY {KEY}\n"),  # a digest that is not known
]


@pytest.mark.parametrize(("codes", "parent", "child"), TWO_ZONES)
def test_both_sides_of_a_delegation_are_compared(tmp_path: Path, codes: list[str], parent: str, child: str) -> None:
    """Name servers, glue and keys of a parent zone and of its child in one tree; records that the child has instead."""
    (tmp_path / "sub.example.com.zone").write_text(CHILD + child)
    assert [each.code for each in findings(tmp_path, parent)] == codes


def test_a_ds_record_of_a_key_is_right(tmp_path: Path) -> None:
    """The other side: the digest of the key (RFC 4034 section 5.1.4), made by dnspython."""
    key = dns.rdata.from_text("IN", "DNSKEY", KEY)
    made = dns.dnssec.make_ds("sub.example.com.", key, "SHA256")
    (tmp_path / "sub.example.com.zone").write_text(f"{CHILD}ns A 192.0.2.7\n@ DNSKEY {KEY}\n")
    wrong = "sub DS 1 13 2 " + "ab" * 32
    assert findings(tmp_path, f"{CUT}{wrong}\nsub DS {made.to_text()}\n") == []


def profile(routing: str, *endpoints: str) -> str:
    """A traffic manager profile with these endpoints, as in ``ssosim.toml``."""
    listed = ", ".join(f'{{ name = "e{n}", address = "192.0.2.{n}", {each} }}' for n, each in enumerate(endpoints, 1))
    head = '[[traffic_managers]]\nname = "p"\ndns_name = "p.example.com"\nowner = "team"\n'
    return f'{head}routing = "{routing}"\nendpoints = [{listed}]\n'


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (profile("geographic", 'regions = ["GEO-EU"]', 'regions = ["US"]'), ["routing-gap"]),
        (profile("geographic", 'regions = ["GEO-EU"]', 'regions = ["WORLD"], enabled = false'), ["routing-gap"]),
        (profile("geographic", 'regions = ["GEO-EU"]', 'regions = ["WORLD"]'), []),
        (profile("subnet", 'subnets = ["10.0.0.0/8"]'), ["routing-gap"]),
        (profile("subnet", 'subnets = ["10.0.0.0/8"]', "enabled = true"), []),
        (profile("priority", "priority = 1"), []),
    ],
)
def test_a_profile_answers_all_clients(tmp_path: Path, text: str, codes: list[str]) -> None:
    """A client of no region or subnet gets NODATA (Traffic Manager documentation, routing methods)."""
    (tmp_path / "ssosim.toml").write_text(text)
    assert [each.code for each in findings(tmp_path, GOOD)] == codes


DAY = 86_400
NOW = 1_790_000_000
SIGNED = GOOD + f"@ DNSKEY {KEY}\n"


def signature(covered: str, since: int, until: int) -> str:
    """An RRSIG record of the apex with this period, in seconds after ``NOW``."""
    return f"@ RRSIG {covered} 13 2 3600 {NOW + until} {NOW + since} 55648 example.com. AAAA\n"


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        (signature("SOA", -DAY, 9 * DAY), []),
        (signature("SOA", -DAY, 2 * DAY), ["warning"]),
        (signature("SOA", -9 * DAY, -1), ["error"]),
        (signature("SOA", 1, 9 * DAY), ["error"]),
        (signature("SOA", -9 * DAY, -1) + signature("SOA", -DAY, 9 * DAY), []),
        (signature("SOA", -DAY, 9 * DAY) + signature("NS", -9 * DAY, -1), ["error"]),
    ],
    ids=["valid", "ends soon", "expired", "not valid yet", "signed again", "one of two"],
)
def test_signatures_have_a_time(tmp_path: Path, records: str, wanted: list[str]) -> None:
    """A record set needs one signature that is valid now (RFC 4035 5.3.1); without a time nothing is judged."""
    (tmp_path / "example.com.zone").write_text(SIGNED + records)
    zones = read_tree(tmp_path)
    assert [each.severity for each in lint(zones, now=NOW)] == wanted
    assert not lint(zones)
    assert not lint(zones, {"signature-expired"}, NOW)


def test_the_command_judges_signatures_by_the_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``ssosim dns lint`` of a zone whose signatures ended long ago exits with 1 and says since when."""
    old = (
        signature("SOA", -9 * DAY, -1)
        .replace(str(NOW - 1), "20240102000000")
        .replace(str(NOW - 9 * DAY), "20240101000000")
    )
    (tmp_path / "example.com.zone").write_text(SIGNED + old)
    assert main(["dns", "lint", "--zones", str(tmp_path)]) == 1
    assert "first example.com SOA (until 2024-01-02 00:00 UTC)" in capsys.readouterr().out


def test_classless_reverse_zones_are_allowed(tmp_path: Path) -> None:
    """RFC 2317: CNAMEs into a delegated part of a reverse zone, with a slash or hyphen in its name."""
    (tmp_path / "2.0.192.in-addr.arpa.zone").write_text(
        "$ORIGIN 2.0.192.in-addr.arpa.\n$TTL 3600\n@ SOA ns1.example.net. host.example.net. 1 7200 900 1209600 300\n"
        "@ NS ns1.example.net.\n@ NS ns2.example.net.\n0/25 NS ns.a.example.org.\n0/25 NS ns.b.example.org.\n"
        "$GENERATE 1-20 $ CNAME $.0/25.2.0.192.in-addr.arpa.\n"
    )
    assert lint(read_tree(tmp_path)) == ()


def test_a_wildcard_has_the_address_of_a_ptr(tmp_path: Path) -> None:
    """A reverse record whose target is covered by a wildcard with that address is right."""
    (tmp_path / "2.0.192.in-addr.arpa.zone").write_text(
        "$ORIGIN 2.0.192.in-addr.arpa.\n$TTL 3600\n@ SOA ns1.example.net. host.example.net. 1 7200 900 1209600 300\n"
        "@ NS ns1.example.net.\n@ NS ns2.example.net.\n7 PTR any.example.com.\n"
    )
    assert findings(tmp_path, GOOD + "* A 192.0.2.7\n") == []
    assert [each.code for each in findings(tmp_path, GOOD + "* A 192.0.2.8\n")] == ["ptr-without-address"]


def test_a_signed_cname_is_alone(tmp_path: Path) -> None:
    """RRSIG and NSEC may stand beside a CNAME (RFC 4034)."""
    signature = "CNAME 13 3 3600 20300101000000 20200101000000 1 example.com. AAAA"
    found = findings(tmp_path, f"{GOOD}www CNAME ns1\nwww RRSIG {signature}\nwww NSEC example.com. CNAME RRSIG NSEC\n")
    assert [each for each in found if each.code == "cname-other-data"] == []


def test_a_small_tree_has_no_single_kind(tmp_path: Path) -> None:
    """In a large tree the only CAA record is worth a word; in a small one everything is there once."""
    assert findings(tmp_path, GOOD + '@ CAA 0 issue "ca.example"\n') == []
    hosts = "".join(f"h{n} A 192.0.2.{n}\nh{n} TXT h\n" for n in range(1, 20))
    found = findings(tmp_path, GOOD + hosts + '@ CAA 0 issue "ca.example"\n')
    assert [each.code for each in found] == ["single-kind"]


def test_every_code_is_listed() -> None:
    """The codes in the rules are those of the list; each source of a suffix is in the table of sources."""
    used = set()
    for name in ("lint", "lint_delegations", "lint_signatures", "lint_standards", "lint_values", "lint_written_names"):
        tree = ast.parse((ROOT / "ssosim/dns/zones" / f"{name}.py").read_text(encoding="utf-8"))
        used |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in CODES}
    assert used == set(CODES)
    sources = load_sources()
    for kind in ("suffixes", "name_servers"):
        assert {sources.title_of(each.source) for each in load_suffixes(kind)}.isdisjoint(
            {each.source for each in load_suffixes(kind)}
        )


@pytest.mark.skipif(shutil.which("named-checkzone") is None, reason="bind9utils is not installed")
def test_named_checkzone_agrees(tmp_path: Path) -> None:
    """Zones that named refuses have an error here or are refused; those with an error here are refused by named.

    Differences are intended: named looks at no provider, SPF and DMARC text and CNAME target. It only warns of missing
    glue and of an address in the place of a name. It refuses a zone without SOA or NS, which are a warning here since
    many providers add them.
    """
    beyond_named = {
        "address-of-no-host",
        "at-in-name",
        "null-mx",
        "spf-lookups",
        "spf-duplicate",
        "dmarc-duplicate",
        "dangling-cname",
        "glue-missing",
        "no-soa",
        "no-ns",
        "soa-expire",
        "target-is-address",
    }
    for number, (code, severity, text) in enumerate([*CASES, ("", "", GOOD)]):
        file = tmp_path / str(number) / "example.com.zone"
        file.parent.mkdir()
        file.write_text(text)
        command = ["named-checkzone", "-i", "local", "example.com", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        try:
            has_error = any(each.severity == "error" for each in lint(read_tree(file.parent)))
        except ImportMistakeError:
            has_error = True
        assert has_error == (severity == "error"), code
        if code in ("no-soa", "no-ns"):
            assert done.returncode != 0
        if code == "glue-missing":
            assert "has no REQUIRED GLUE address records" in done.stdout
        if code not in beyond_named:
            assert (done.returncode != 0) == has_error, f"{code}: {done.stdout}"


HOST_NAME_LINES = """\
a_b A 192.0.2.1
-a A 192.0.2.1
a- AAAA 2001:db8::1
a\\.b A 192.0.2.1
*.a A 192.0.2.1
_a.b A 192.0.2.1
gc._msdcs A 192.0.2.1
0 A 192.0.2.1
a_b TXT x
a_b MX 10 ns1
@ MX 10 a_b.example.net.
sub NS a_b.example.net.
_x._tcp SRV 0 0 1 a_b.example.net.
_x._tcp SRV 0 0 1 ns1
p PTR a_b.example.net.
c CNAME a_b.example.net.
""".splitlines()


@pytest.mark.skipif(shutil.which("named-checkzone") is None, reason="bind9utils is not installed")
@pytest.mark.parametrize("line", HOST_NAME_LINES)
def test_named_calls_the_same_names_bad(tmp_path: Path, line: str) -> None:
    """``named-checkzone -k fail`` refuses the zone with this line if, and only if, lint has not-a-host-name for it."""
    file = tmp_path / "example.com.zone"
    file.write_text(GOOD + line + "\n")
    command = ["named-checkzone", "-k", "fail", "-i", "none", "example.com", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = [each for each in lint(read_tree(tmp_path)) if each.code == "not-a-host-name"]
    assert (done.returncode != 0) == bool(found), done.stdout


@pytest.mark.parametrize("form", ["plain", "windows", "azure", "octodns", "route53"])
def test_the_corpus_has_no_errors(form: str) -> None:
    """Good zones of every source have no error, whatever their form."""
    assert [each for each in lint(read_tree(CORPUS / form)) if each.severity == "error"] == []


def run(*words: str) -> int:
    """Run the command line, and return its exit code."""
    try:
        return main(["dns", "lint", *words]) or 0
    except SystemExit as ended:
        return int(ended.code or 0)


def test_switches_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--skip and --only by code, --json with codes and sources, --junit with a case for each code."""
    zones = tmp_path / "zones"
    zones.mkdir()
    (zones / "example.com.zone").write_text(GOOD + "www CNAME gone\nold 0 A 192.0.2.1\n")
    report = tmp_path / "lint.xml"
    assert run("--zones", str(zones), "--json", "--junit", str(report)) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(each["code"], each["severity"]) for each in found] == [
        ("dangling-cname", "error"),
        ("ttl-short", "warning"),
    ]
    assert all(each["source"] for each in found)
    suite = ET.parse(report).getroot()  # noqa: S314 - our own file
    assert (suite.get("tests"), suite.get("failures")) == (str(len(CODES)), "1")
    assert suite.find(".//testcase[@name='dangling-cname']/failure") is not None
    assert suite.find(".//testcase[@name='ttl-short']/system-out") is not None
    assert run("--zones", str(zones), "--skip", "dangling-cname") == 0
    assert run("--zones", str(zones), "--only", "ttl-short") == 0
    assert run("--zones", str(zones), "--only", "ttl-short", "--fail-on", "lint=warning") == 1
    capsys.readouterr()
    assert run("--zones", str(zones), "--skip", "ttl-shrt") == 2
    assert "did you mean ttl-short?" in capsys.readouterr().err
    assert run("--codes") == 0
    assert "dangling-cname" in capsys.readouterr().out
