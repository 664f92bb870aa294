"""Services that another package brings: in an estate file, over sockets for a model, and for curl under exec."""

import json
from base64 import b64encode

import pytest
from conftest_services import HOSTS, with_hosts
from ssosim_clients.ports import NetworkFailure

from ssosim.estate import default_estate, parse_estate
from ssosim.faults.core.registry import fault_from
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.estate_option import read_estate
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import WallClock, model_device
from ssosim.services import ServiceError, complete_estate, http_host_names, services_at, services_of
from ssosim.trace import HttpExchange, KdcExchange, TicketChecked

HELLO, VAULT = "hello.corp.contoso.com", "vault.corp.contoso.com"


class Visitor:
    """A model-style client: it needs the ports of a device, and nothing else."""

    name = "visitor"

    async def negotiate(self, device, url, spn):
        """The answer to the challenge of ``url``."""
        first = await device.http.request("GET", url, {}, b"")
        assert (first.status, first.headers["WWW-Authenticate"]) == (401, "Negotiate")
        token = await device.kerberos.negotiate_token(spn)
        return await device.http.request("GET", url, {"Authorization": f"Negotiate {b64encode(token).decode()}"}, b"")


@pytest.mark.usefixtures("package")
def test_a_service_brings_its_name_and_its_principals():
    """Records at the addresses of all its hosts, and SPNs in the realm, come from the value; twice changes nothing."""
    estate = complete_estate(parse_estate(with_hosts(), "f"))
    records = {(zone.name, record.name): record.values for zone in estate.zones for record in zone.records}
    assert set(records["corp.contoso.com", "hello"]) == {"198.51.100.80", "198.51.100.82"}
    assert records["corp.contoso.com", "vault"] == ("198.51.100.81",)
    assert records["vault.tailspin.example", "@"] == ("198.51.100.81",)
    assert estate.default_realm.services[-2:] == (f"HTTP/{VAULT}", "HTTP/vault.tailspin.example")
    assert complete_estate(estate) == estate
    assert HELLO in http_host_names(estate, tls=False)
    assert HELLO not in http_host_names(estate, tls=True)
    here = services_at(services_of(estate), "198.51.100.82", 8080)
    assert [(each.name, each.url("/x")) for each in here] == [("hello", f"http://{HELLO}:8080/x")]


@pytest.mark.usefixtures("package")
def test_records_of_the_file_win():
    """A name that the file gives an address of its own keeps it: a test of a wrong record is possible."""
    wrong = '[[zones.records]]\nname = "hello"\ntype = "A"\nvalues = ["203.0.113.9"]\n\n[[zones.records]]\nname = "dc1"'
    estate = complete_estate(parse_estate(with_hosts().replace('[[zones.records]]\nname = "dc1"', wrong, 1), "f"))
    found = [
        r.values for zone in estate.zones for r in zone.records if (zone.name, r.name) == ("corp.contoso.com", "hello")
    ]
    assert found == [("203.0.113.9",)]


@pytest.mark.usefixtures("package")
def test_a_host_with_ipv6_has_the_other_kind_of_record():
    """Addresses of both kinds become an A and an AAAA record set."""
    more = '[[hosts]]\nname = "six"\naddress = "2001:db8:1::80"\nservices = ["hello"]\n\n'
    estate = complete_estate(parse_estate(with_hosts(HOSTS + more), "f"))
    found = {(r.type, *r.values) for zone in estate.zones for r in zone.records if r.name == "hello"}
    assert found == {("A", "198.51.100.80", "198.51.100.82"), ("AAAA", "2001:db8:1::80")}


def test_an_estate_without_such_services_stays_as_it_is():
    """Nothing is added, and no application is loaded, where only shipped services run."""
    estate = default_estate()
    assert complete_estate(estate) is estate
    assert [each.name for each in services_of(estate)] == [
        "kdc",
        "dns",
        "login",
        "autologon",
        "autologon",
        "federation",
    ]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            '["helo"]',
            "hosts[6].services[0]: there is no service 'helo'; did you mean 'hello'? known: dns, kdc, kdc-proxy",
        ),
        ('["number"]', "(acme_services:number) is neither a Service nor a function"),
        ('["absent"]', "(acme_services:absent) cannot be loaded: AttributeError"),
        ('["failing"]', "'failing' fails: RuntimeError: no luck"),
        ('["nameless"]', "'nameless' has no DNS name"),
        (
            '["hello", { name = "vault", port = 8080 }]',
            "needs port 8080 of 192.0.2.99, where 'hello' listens without TLS",
        ),
        ('["kdc", { name = "hello", port = 88 }]', "needs port 88 of 192.0.2.99, where 'kdc'"),
        ('[{ name = "dns", port = 5353 }]', "the service 'dns' must have port 53: clients use no other port"),
        ('[{ name = "login", port = 8443 }]', "'login' must have port 443: clients use no other port"),
    ],
)
def test_a_service_that_cannot_run_is_refused_with_its_position(tmp_path, entry, words):
    """The error has file, line and key path, the problem, and all known names with those of installed packages."""
    file = tmp_path / "mine.toml"
    text = with_hosts(f'[[hosts]]\nname = "x"\naddress = "192.0.2.99"\nservices = {entry}\n\n')
    file.write_text(text)
    line = text[: text.index(f"services = {entry}")].count("\n") + 1
    with pytest.raises(LabInputError) as caught:
        read_estate(file)
    assert str(caught.value).startswith(f"{file}:{line}: hosts[6].services[")
    assert words in str(caught.value)
    if "helo" in entry:
        assert str(caught.value).endswith(
            "federation, oidc-issuer, pipelines-oidc, arm, graph, key-vault, blob-storage, outlook, "
            "absent, broken, failing, hello, metadata, nameless, number, vault"
        )


def test_a_shipped_service_with_another_port_is_refused_without_a_file():
    """An estate that was created in Python is refused too, so a lab does not start with it."""
    text = with_hosts("").replace('["kdc"]', '[{ name = "kdc", port = 750 }]')
    with pytest.raises(ServiceError, match=r"hosts\[0\].services\[0\]: .*: clients use no other port"):
        complete_estate(parse_estate(text, "f"))


@pytest.mark.usefixtures("package")
async def test_a_model_reaches_both_over_sockets(tmp_path, caplog):
    """Plain HTTP on its own port, and HTTPS with a ticket that GSSAPI checks; both are in the trace."""
    async with Lab(parse_estate(with_hosts(), "f"), tmp_path / "lab", tmp_path / "cache") as lab:
        device = lab.device_of("desk-1")
        async with model_device(lab, "visitor", device, WallClock(lab.clock)) as ports:
            plain = await ports.http.request("GET", f"http://{HELLO}:8080/a/b", {}, b"")
            assert (plain.status, plain.body) == (200, b"hello at http 8080 a/b\n")
            assert "x-ms-request-id" not in plain.headers
            kept = await Visitor().negotiate(ports, f"https://{VAULT}/keys", f"HTTP/{VAULT}")
            expected = f"alice@CORP.CONTOSO.COM for HTTP/{VAULT}@CORP.CONTOSO.COM\n"
            assert (kept.status, kept.body.decode()) == (200, expected)
            other = await Visitor().negotiate(ports, f"https://{VAULT}/keys", "HTTP/vault.tailspin.example")
            assert other.status == 200  # one key table holds both names
            foreign = await Visitor().negotiate(ports, f"https://{VAULT}/keys", "HTTP/intranet.corp.contoso.com")
            assert (foreign.status, foreign.body) == (403, b"wrong-service")
            broken = await ports.http.request("GET", "https://broken.corp.contoso.com/", {}, b"")
            assert broken.status == 500
            assert [record.message for record in caplog.records if record.exc_info] == [
                "the service broken failed: GET https://broken.corp.contoso.com/"
            ]
            literal = await ports.http.request("GET", "http://169.254.169.254/", {}, b"")
            assert literal.body == b"hello at http 80 \n"
            assert (await ports.http.request("GET", "https://login.microsoftonline.com/x", {}, b"")).status == 404
            with pytest.raises(NetworkFailure) as refused:  # nobody listens there, and nothing leaves the machine
                await ports.http.request("GET", f"https://{HELLO}/", {}, b"")
            assert (refused.value.stage, refused.value.kind) == ("connect", "refused")
        events = [record.event for record in lab.trace.since() if record.client == "visitor"]
        web = [event for event in events if isinstance(event, HttpExchange)]
        assert (web[0].host, web[0].scheme, web[0].port, web[0].path) == (HELLO, "http", 8080, "/a/b")
        assert [(event.status, event.auth) for event in web[1:3]] == [(401, "none"), (200, "kerberos")]
        checked = [event for event in events if isinstance(event, TicketChecked)]
        assert [event.accepted for event in checked] == [True, True, False]
        asked = [event.service for event in events if isinstance(event, KdcExchange)]
        assert f"HTTP/{VAULT}" in asked


@pytest.mark.usefixtures("package")
async def test_faults_strike_services_of_another_package(tmp_path):
    """A status by host name at a plain service; a certificate's fault is refused where there is no TLS."""
    async with Lab(parse_estate(with_hosts(), "f"), tmp_path / "lab", tmp_path / "cache") as lab:
        async with model_device(lab, "visitor", lab.device_of(None), WallClock(lab.clock)) as ports:
            undo = fault_from({"fault": "http-status", "host": HELLO, "status": 503}).apply(lab)
            assert (await ports.http.request("GET", f"http://{HELLO}:8080/", {}, b"")).status == 503
            undo()
            assert (await ports.http.request("GET", f"http://{HELLO}:8080/", {}, b"")).status == 200
        with pytest.raises(ValueError, match="nothing is served at"):
            fault_from({"fault": "certificate-expired", "host": HELLO}).apply(lab)
        fault_from({"fault": "certificate-expired", "host": VAULT}).apply(lab)()


@pytest.mark.usefixtures("package")
async def test_a_host_answers_for_its_own_services_only(tmp_path):
    """A name that leads to another host of the lab meets that host's certificate, as it would outside."""
    async with Lab(parse_estate(with_hosts(), "f"), tmp_path / "lab", tmp_path / "cache") as lab:
        wrong = {"fault": "wrong-address", "name": VAULT, "address": "192.0.2.10"}
        fault_from(wrong).apply(lab)
        async with model_device(lab, "visitor", lab.device_of(None), WallClock(lab.clock)) as ports:
            with pytest.raises(NetworkFailure) as caught:
                await ports.http.request("GET", f"https://{VAULT}/", {}, b"")
        assert (caught.value.stage, caught.value.kind) == ("tls", "bad-certificate")


def test_curl_reaches_both_in_a_private_network(package, bench, tmp_path):
    """The same for an unmodified program: its resolver, its TLS and its libkrb5, at standard addresses and ports."""
    file = tmp_path / "mine.toml"
    file.write_text(with_hosts())
    python = {"PYTHONPATH": str(package)}
    up = bench.run("up", "-d", "--json", "--estate", str(file), env=python)
    assert up.returncode == 0, up.stderr
    parts = {part["part"]: part for part in json.loads(up.stdout)["parts"]}
    assert parts["hello"] == {
        "part": "hello",
        "what": f"http://{HELLO}:8080",
        "where": "198.51.100.80:8080, 198.51.100.82:8080",
    }

    def curl(label, *words, options=()):
        return bench.run("exec", "--device", "desk-1", "--as", label, *options, "--", "curl", "-sS", *words)

    assert curl("plain", f"http://{HELLO}:8080/a").stdout == "hello at http 8080 a\n"
    signed_in = ("--expect", "silent", "--no-exposure")
    kept = curl("kept", "--negotiate", "-u", ":", f"https://{VAULT}/keys", options=signed_in)
    assert kept.returncode == 0, "the page with an accepted ticket is the last step of this service"
    assert curl("stranger", f"https://{VAULT}/keys", options=signed_in).returncode == 121
    assert kept.stdout == f"alice@CORP.CONTOSO.COM for HTTP/{VAULT}@CORP.CONTOSO.COM\n", kept.stderr
    assert curl("metadata", "http://169.254.169.254/metadata/identity").stdout == "hello at http 80 metadata/identity\n"
    assert curl("refused", f"https://{HELLO}/").returncode == 7
    web = [r for r in bench.records() if r["event"] == "HttpExchange"]
    found = {(r["client"], r["host"], r["scheme"], r["port"], r["status"]) for r in web}
    assert ("plain", HELLO, "http", 8080, 200) in found
    assert ("kept", VAULT, "https", 443, 200) in found
    assert ("metadata", "169.254.169.254", "http", 80, 200) in found
    assert [(r["principal"], r["accepted"]) for r in bench.records() if r["event"] == "TicketChecked"] == [
        ("alice@CORP.CONTOSO.COM", True)
    ]
    wrong = ("wrong-address", f"name={HELLO}", "address=203.0.113.9")
    assert bench.run("fault", "apply", *wrong).returncode == 0
    assert curl("astray", f"http://{HELLO}:8080/").returncode in (52, 56)  # closed without an answer, or reset
    [met] = [r for r in bench.records() if r["event"] == "ConnectionFailed" and r["client"] == "astray"]
    assert (met["host"], met["stage"], met["reason"]) == (HELLO, "read", "closed")
    lines = bench.run("trace").stdout
    assert f"GET http://{HELLO}:8080/a → 200" in lines
    assert f"GET https://{VAULT}/keys [kerberos] → 200" in lines
