"""The lab's certificate authority by every way that real programs look for one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ssosim.files.owned_folder import create_private_folder
from ssosim.lab.trust.browsers import merge_firefox_policies

HOST = "login.microsoftonline.com"
URL = f"https://{HOST}/common/oauth2/deviceauth"
FIREFOX = "/etc/firefox/policies/policies.json"
VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "JAVA_TOOL_OPTIONS",
)
PYTHON = [sys.executable, "-c", f"import urllib.request as u; print(u.urlopen({URL!r}).status)"]
NODE = ["node", "-e", f"fetch('{URL}').then(r => console.log(r.status), () => process.exit(1))"]
CURL = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\n", URL]
OPENSSL = ["openssl", "s_client", "-connect", f"{HOST}:443", "-verify_return_error", "-brief"]
JAVA = """
import java.net.URI;
import java.security.KeyStore;
import javax.net.ssl.*;

public class Get {
    public static void main(String[] arguments) throws Exception {
        var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init((KeyStore) null);
        int authorities = ((X509TrustManager) factory.getTrustManagers()[0]).getAcceptedIssuers().length;
        var connection = (HttpsURLConnection) URI.create(arguments[0]).toURL().openConnection();
        System.out.println(connection.getResponseCode() + " " + (authorities > 1));
    }
}
"""


def on_device(running, command, *, without=(), etc=None, **env):
    """Run a command on a device, without some of its variables and with others changed."""
    words = ["--etc", etc] if etc else []
    settings = [*(part for name in without for part in ("-u", name)), *(f"{n}={v}" for n, v in env.items())]
    return running.run("exec", *words, "--", "env", *settings, *command)


@pytest.fixture(scope="module")
def untrusting(running, tmp_path_factory):
    """A folder for a device's /etc where another authority stands in the place of the lab's."""
    another = Path(__file__).with_name("another-ca.pem").read_text()
    certs = tmp_path_factory.mktemp("etc") / "ssl" / "certs"
    certs.mkdir(parents=True)
    ca = str(running.home / "labs/default/ca.pem")
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", ca], capture_output=True, text=True, check=True)
    for each in ("ca-certificates.crt", f"{name.stdout.strip()}.0"):
        (certs / each).write_text(another)
    return str(certs.parents[1])


@pytest.mark.parametrize(
    ("command", "variable"),
    [(PYTHON, "SSL_CERT_FILE"), (CURL, "CURL_CA_BUNDLE"), (NODE, "NODE_EXTRA_CA_CERTS")],
    ids=["python", "curl", "node"],
)
def test_a_variable_names_the_authority(running, untrusting, command, variable):
    """On a device whose /etc does not know it, a program trusts the lab's authority by this variable alone."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    others = [name for name in VARIABLES if name != variable]
    assert on_device(running, command, etc=untrusting, without=others).stdout == "200\n"
    assert on_device(running, command, etc=untrusting, without=VARIABLES).returncode != 0


@pytest.mark.parametrize("command", [CURL, OPENSSL], ids=["curl", "openssl"])
def test_the_system_bundle_holds_the_authority(running, command):
    """A program that is told nothing finds it in Debian's bundle."""
    assert on_device(running, command, without=VARIABLES).returncode == 0


def test_requests_is_told_of_the_bundle(running):
    """REQUESTS_CA_BUNDLE names a bundle with the lab's authority and the machine's own."""
    bundle = Path(on_device(running, ["printenv", "REQUESTS_CA_BUNDLE"]).stdout.strip()).read_text()
    lab = (running.home / "labs/default/ca.pem").read_text().strip()
    assert lab in bundle
    assert Path("/etc/ssl/certs/ca-certificates.crt").read_text().strip() in bundle


def test_other_systems_bundle_is_there_as_well(running):
    """A program made for RHEL looks in /etc/pki."""
    command = ["curl", "-sS", "--cacert", "/etc/pki/tls/certs/ca-bundle.crt", "-o", "/dev/null", URL]
    assert on_device(running, command).returncode == 0


def test_a_folder_of_certificates_holds_the_authority(running, untrusting):
    """SSL_CERT_DIR, and OpenSSL's own folder, find it by the hash of its name."""
    alone = {"SSL_CERT_DIR": "/etc/ssl/certs", "SSL_CERT_FILE": "/dev/null"}
    assert on_device(running, OPENSSL, **alone).returncode == 0
    assert on_device(running, OPENSSL, etc=untrusting, **alone).returncode != 0


@pytest.mark.parametrize("without", [(), ("JAVA_TOOL_OPTIONS",)], ids=["option", "machine"])
def test_the_jvm_trusts_the_authority_and_the_public_ones(running, tmp_path, without):
    """By JAVA_TOOL_OPTIONS, and by the trust store of the machine's JDK where it has one in /etc."""
    if shutil.which("java") is None:
        pytest.skip("java is not installed")
    if without and not Path("/etc/ssl/certs/java/cacerts").exists():
        pytest.skip("this machine's JDK has its trust store elsewhere")
    (tmp_path / "Get.java").write_text(JAVA)
    done = on_device(running, ["java", str(tmp_path / "Get.java"), URL], without=without)
    assert done.stdout == "200 true\n", done.stderr


def test_the_jvm_is_told_of_paths_with_blanks(bench):
    """A state folder with a blank in its name is one option to the JVM."""
    cache = bench.home / "cache"
    bench.home = bench.home / "my home"
    create_private_folder(bench.home)
    shutil.copytree(cache, bench.home / "cache")
    bench.up()
    done = bench.run("exec", "--", "sh", "-c", 'eval set -- "$JAVA_TOOL_OPTIONS"; for o; do echo "$o"; done')
    names = [line.partition("=")[2] for line in done.stdout.splitlines()]
    assert names[:2] == [str(bench.home / "labs/default" / name) for name in ("krb5.conf", "ca.jks")]


@pytest.mark.parametrize("place", [".pki/nssdb", "data/pki/nssdb"])
def test_a_users_nss_database_is_covered_by_the_labs(running, tmp_path, place):
    """Programs that use NSS trust the authority; the user's own database stays as it was."""
    if shutil.which("certutil") is None:
        pytest.skip("certutil is not installed (Debian package libnss3-tools)")
    own = tmp_path / place
    own.mkdir(parents=True)
    (own / "mine").write_text("kept")
    env = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    done = running.run("exec", "--", "certutil", "-V", "-u", "L", "-n", "ssosim lab", "-d", f"sql:{own}", env=env)
    assert (done.returncode, done.stdout.strip()) == (0, "certutil: certificate is valid"), done.stderr
    assert [path.name for path in own.iterdir()] == ["mine"]


def test_without_an_nss_database_the_home_stays_as_it_is(running, tmp_path):
    """Nothing is made in the user's home."""
    assert running.run("exec", "--", "true", env={"HOME": str(tmp_path)}).returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", ["policy", "nss"])
def test_chromium_trusts_the_authority(running, tmp_path, way):
    """By a policy of the machine, and by the NSS database of the user (``/etc`` is covered with no policies then)."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed")
    words = []
    if way == "nss":
        (tmp_path / "home/.pki/nssdb").mkdir(parents=True)
        none = tmp_path / "etc/chromium/policies/managed"
        none.mkdir(parents=True)
        (none / "ssosim.json").write_text("{}")
        words = ["--etc", str(tmp_path / "etc")]
    (tmp_path / "home").mkdir(exist_ok=True)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"]
    env = {"HOME": str(tmp_path / "home")}
    done = running.run("exec", *words, "--", browser, *options, URL, env=env)
    assert "<title>Enter code</title>" in done.stdout, done.stderr


def test_policies_tell_browsers_of_the_authority(running):
    """Chromium's relatives and Firefox by their policies' files, which hold that one thing."""
    files = ["chromium/policies/managed/ssosim.json", "opt/chrome/policies/managed/ssosim.json"]
    shown = running.run("exec", "--", "cat", *(f"/etc/{name}" for name in files)).stdout
    authority = str(running.home / "labs/default/ca.pem")
    pem = Path(authority).read_text()
    one = "".join(line for line in pem.splitlines() if "-----" not in line)
    assert shown == json.dumps({"CACertificates": [one]}) * 2
    firefox = json.loads(running.run("exec", "--", "cat", FIREFOX).stdout)
    assert authority in firefox["policies"]["Certificates"]["Install"]


def test_firefox_has_the_policies_of_a_folder_and_the_labs(running, tmp_path):
    """``--etc`` with policies of Firefox: each of its settings, and the lab's CA beside the certificates it names."""
    own = {"policies": {"Authentication": {"SPNEGO": ["a.example"]}, "Certificates": {"Install": ["mine.pem"]}}}
    file = tmp_path / "etc/firefox/policies/policies.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(own))
    done = running.run("exec", "--etc", str(tmp_path / "etc"), "--", "cat", FIREFOX)
    policies = json.loads(done.stdout)["policies"]
    authority = str(running.home / "labs/default/ca.pem")
    assert policies["Authentication"] == {"SPNEGO": ["a.example"]}
    assert {"mine.pem", authority} <= set(policies["Certificates"]["Install"])
    assert json.loads(file.read_text()) == own, "the user's folder is not written to"
    for wrong in ("policies", "[]", '{"policies": []}'):
        file.write_text(wrong)
        done = running.run("exec", "--etc", str(tmp_path / "etc"), "--", "true")
        assert done.returncode == 125
        assert f"{file}: " in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("own", "added", "merged"),
    [
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 1, "b": 3}),
        ({"a": {"x": [1]}}, {"a": {"x": [1, 2], "y": 0}}, {"a": {"x": [1, 2], "y": 0}}),
        ({"a": {"x": 1}}, {"a": [2]}, {"a": {"x": 1}}),
        ({}, {"a": [2]}, {"a": [2]}),
    ],
)
def test_policies_of_firefox_are_merged_setting_by_setting(own, added, merged):
    """Lists are joined, entries once; where both have a value of another kind or another value, the user's counts."""
    found = json.loads(merge_firefox_policies(json.dumps({"policies": own}), json.dumps({"policies": added})))
    assert found == {"policies": merged}


def test_an_ordinary_users_programs_trust_the_authority_as_well(as_user):
    """Without any privilege: the JVM, Node, and Chromium in a home with nothing in it."""
    assert as_user("up", "--detach").returncode == 0
    (as_user.home / "Get.java").write_text(JAVA)
    browser = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom", URL]
    for command, said in (
        (["java", "Get.java", URL], "200 true"),
        (NODE, "200"),
        (["chromium", *browser], "<title>Enter code</title>"),
    ):
        if shutil.which(command[0]) is not None:
            done = as_user("exec", "--", *command)
            assert said in done.stdout, done.stderr
