"""Estate files with ``ssosim up``."""

import json
from importlib import resources

import pytest

TEXT = (resources.files("ssosim.estate") / "contoso.toml").read_text()
NAMES = {
    "CORP.CONTOSO.COM": "AD.TAILSPIN.TEST",
    "corp.contoso.com": "ad.tailspin.test",
    "contoso.onmicrosoft.com": "tailspin.onmicrosoft.com",
    "contoso.com": "tailspin.test",
    "microsoftazuread-sso.com": "seamless.test",
    "login.microsoftonline.com": "login.idp.test",
    '"microsoftonline.com"': '"idp.test"',
    "10.10.": "172.20.",
    '"10.10.in-addr.arpa"': '"20.172.in-addr.arpa"',
    "192.0.2.": "203.0.113.",
    "2.0.192.in-addr": "113.0.203.in-addr",
    "alice": "tina",
    "desk-1": "tin-desk",
    'name = "contoso"': 'name = "tailspin"',
}


def test_a_custom_estate_starts_and_signs_in(bench, tmp_path):
    """With another realm, other domains, hosts, addresses and users, curl signs in at the names of this estate."""
    text = TEXT
    for old, new in NAMES.items():
        text = text.replace(old, new)
    text = text.replace('"10.172.in-addr.arpa"', '"20.172.in-addr.arpa"').replace("172.20.in-addr", "20.172.in-addr")
    file = tmp_path / "tailspin.toml"
    file.write_text(text)
    up = bench.run("up", "-d", "--json", "--estate", str(file))
    assert up.returncode == 0, up.stderr
    assert json.loads(up.stdout)["estate"] == "tailspin"
    url = "https://autologon.seamless.test/tailspin.test/winauth/sso"
    words = ["curl", "-sS", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}", url]
    done = bench.run("exec", "--device", "tin-desk", "--as", "curl", "--", *words)
    assert (done.returncode, done.stdout) == (0, "200"), done.stderr
    [checked] = [record for record in bench.records() if record["event"] == "TicketChecked"]
    assert checked["principal"] == "tina@AD.TAILSPIN.TEST"
    realm = "https://login.idp.test/common/userrealm/tina@tailspin.test?api-version=1.0"
    assert "Managed" in bench.run("exec", "--", "curl", "-sS", realm).stdout
    assert bench.run("exec", "--", "getent", "hosts", "login.microsoftonline.com").returncode == 2
    assert bench.run("exec", "--", "dig", "+short", "-x", "172.20.0.88").stdout == "dc1.ad.tailspin.test.\n"


@pytest.mark.parametrize(
    ("old", "new", "position"),
    [
        ('services = ["kdc"]', 'services = ["kcd"]', ":26: hosts[0].services[0]: "),
        ('user = "bob@contoso.com"', 'user = "x"', ": devices[1].user: "),
        ('values = ["10.10.0.53"]', 'values = ["ten"]', ": zones[6].records[1]: 'ten' is not a value of type A"),
        ('values = ["10.10.0.53"]', 'values = ["10.10.0.53"]\nttl = -1', ": zones[6].records[1]"),
        ('name = "ns1"', 'name = "dc1"', ": zones[6]: record set dc1.corp.contoso.com A is defined twice"),
    ],
)
def test_a_mistake_keeps_the_lab_from_starting(bench, tmp_path, old, new, position):
    """A mistake is reported with file, line and key path, exit code 2, no traceback, and no files or processes left."""
    file = tmp_path / "mine.toml"
    assert old in TEXT
    file.write_text(TEXT.replace(old, new, 1))
    done = bench.run("up", "-d", "--estate", str(file))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"ssosim: {file}:")
    assert position in done.stderr
    assert "Traceback" not in done.stderr
    bench.assert_nothing_left(timeout_s=2)


@pytest.mark.parametrize(
    ("file", "words"), [("/", "Is a directory"), ("/no/such", "No such file"), ("/dev/zero", "MiB")]
)
def test_a_path_that_is_no_file_is_reported(bench, file, words):
    """A directory, a missing file and an endless device give exit code 2 and one line."""
    done = bench.run("up", "-d", "--estate", file)
    assert (done.returncode, words in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
