"""Plain Python clients in a test: within a block, their sockets are those of a device of the lab."""

import re

import pytest

HEAD = """
import asyncio, os, socket, ssl, threading, time
import http.client
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import httpx
import pytest
import requests
import urllib3

from ssosim.faults import CnameForAlias, Drop, Delay, NameRemoved, NxDomain, Refused, ServFail, WrongAddress
from ssosim.faults import CertificateExpired, CertificateUntrusted, CertificateWrongName
from ssosim.lab.base.socket_policy import OutsideLabError
from ssosim.testing import Outcome

HOST = "login.microsoftonline.com"
URL = f"https://{HOST}/common/userrealm/alice@contoso.com?api-version=1.0"
BEFORE = ThreadPoolExecutor(1)
BEFORE.submit(int).result()
GETADDRINFO = socket.getaddrinfo


def of_urllib3():
    with urllib3.PoolManager() as pool:
        return pool.request("GET", URL).status

def of_urllib():
    with urllib.request.urlopen(URL) as response:
        return response.status

def of_http_client():
    connection = http.client.HTTPSConnection(HOST)
    connection.request("GET", URL)
    status = connection.getresponse().status
    connection.close()
    return status

def of_sockets():
    with socket.create_connection((HOST, 443)) as raw, \\
            ssl.create_default_context().wrap_socket(raw, server_hostname=HOST) as tls:
        tls.sendall(f"GET {URL} HTTP/1.1\\r\\nHost: {HOST}\\r\\nConnection: close\\r\\n\\r\\n".encode())
        return int(tls.recv(4096).split()[1])

def of_requests():
    return requests.get(URL).status_code

def of_httpx():
    return httpx.get(URL).status_code

SYNC = [of_requests, of_httpx, of_urllib3, of_urllib, of_http_client, of_sockets]

async def of_aiohttp():
    async with aiohttp.ClientSession() as session, session.get(URL) as response:
        return response.status

async def of_httpx_async():
    async with httpx.AsyncClient() as session:
        return (await session.get(URL)).status_code

async def of_streams():
    reader, writer = await asyncio.open_connection(HOST, 443, ssl=True)
    writer.write(f"GET {URL} HTTP/1.1\\r\\nHost: {HOST}\\r\\nConnection: close\\r\\n\\r\\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status

ASYNC = [of_aiohttp, of_httpx_async, of_streams]
"""


@pytest.fixture
def passes(project):
    """Return a function that runs tests below the common head, and expects that all of them pass."""

    def run(text, *arguments):
        project.write(HEAD + text)
        session = project.run(*arguments)
        assert session.counts.keys() == {"passed"}, session.output

    return run


def test_every_library_reaches_the_lab(passes):
    """Sync and async libraries get an answer of the lab at its real name and port, over TLS that they verify."""
    passes("""
@pytest.mark.parametrize("get", SYNC)
def test_sync(sso_lab, get):
    with sso_lab.device("desk-1", name="mine") as device:
        assert get() == 200
    assert [r.event.host for r in device.records() if hasattr(r.event, "status")] == [HOST]
    assert {record.client for record in sso_lab.records()} <= {"", "mine"}

@pytest.mark.parametrize("get", ASYNC)
async def test_async(sso_lab, get):
    with sso_lab.device("desk-1", name="mine") as device:
        assert await get() == 200
    assert [r.event.host for r in device.records() if hasattr(r.event, "status")] == [HOST]
""")


def test_threads_of_the_block_belong_to_it(passes):
    """Threads and executors of the block, and jobs for an executor from before, are in it; other threads are not."""
    passes("""
def test_threads(sso_lab):
    localhost = socket.getaddrinfo("localhost", 80)[0][4][0]  # ::1 comes first on some machines
    seen, stop, go = [], threading.Event(), threading.Event()
    def other():
        go.wait()
        seen.append(socket.getaddrinfo("localhost", 80)[0][4][0])
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
        seen.append("connected")
    outside = threading.Thread(target=other)
    outside.start()
    with sso_lab.device("desk-1", name="mine"):
        assert BEFORE.submit(of_requests).result() == 200
        with ThreadPoolExecutor(2) as inside:
            assert list(inside.map(lambda get: get(), SYNC)) == [200] * len(SYNC)
        results = []
        thread = threading.Thread(target=lambda: results.append(of_requests()))
        thread.start()
        thread.join()
        assert results == [200]
        go.set()
        outside.join()
    assert seen == [localhost, "connected"]
    assert BEFORE.submit(socket.getaddrinfo, "127.0.0.1", 80).result()

async def test_executor_of_the_loop(sso_lab):
    with sso_lab.device("desk-1", name="mine"):
        assert await asyncio.to_thread(of_requests) == 200
        assert await asyncio.get_running_loop().run_in_executor(None, of_requests) == 200
        assert await asyncio.get_running_loop().getaddrinfo(HOST, 443)
    with socket.create_server(("127.0.0.1", 0)) as server:  # its threads are free again
        await asyncio.to_thread(lambda: socket.create_connection(server.getsockname()).close())

async def test_other_tasks_are_not_in_it(sso_lab):
    go, done = asyncio.Event(), asyncio.Event()
    async def other():
        await go.wait()
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.close()
        server.close()
        done.set()
    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    with sso_lab.device("desk-1", name="mine"):
        go.set()
        await done.wait()
    await task
""")


def test_names_fail_as_glibc_reports_it(passes):
    """SERVFAIL and a dropped query are EAI_AGAIN, NXDOMAIN is EAI_NONAME, no record is EAI_NODATA; delays delay."""
    passes("""
NAME = "autologon.microsoftazuread-sso.com"

@pytest.mark.parametrize(("fault", "code"), [
    (ServFail(names=(NAME,)), socket.EAI_AGAIN),
    (Refused(names=(NAME,)), socket.EAI_AGAIN),
    (NxDomain(names=(NAME,)), socket.EAI_NONAME),
    (NameRemoved(name=NAME), socket.EAI_NONAME),
    (Drop(names=(NAME,)), socket.EAI_AGAIN),
])
def test_faults(sso_lab, fault, code):
    with sso_lab.broken(fault), sso_lab.device(name="mine", dns_timeout_s=0.2):
        for call in (lambda: GETADDRINFO(NAME, 443), lambda: socket.gethostbyname(NAME),
                     lambda: socket.create_connection((NAME, 443)), lambda: socket.gethostbyname_ex(NAME)):
            with pytest.raises(socket.gaierror) as error:
                call()
            assert error.value.errno == code
        with pytest.raises(requests.ConnectionError):
            requests.get(f"https://{NAME}/")

def test_one_family_is_enough(sso_lab):
    with sso_lab.broken(ServFail(names=(HOST,), types=("AAAA",))), sso_lab.device(name="mine"):
        assert {info[4][0] for info in socket.getaddrinfo(HOST, 443)} == {"192.0.2.10"}

def test_no_record(sso_lab):
    with sso_lab.device(name="mine"):
        with pytest.raises(socket.gaierror) as error:
            socket.getaddrinfo(HOST, 443, socket.AF_INET6)
        assert error.value.errno == socket.EAI_NODATA

def test_delay(sso_lab):
    with sso_lab.device(name="mine"):
        began = time.monotonic()
        with sso_lab.broken(Delay(names=(HOST,), seconds=1)):
            socket.getaddrinfo(HOST, 443)
        assert time.monotonic() - began >= 1

def test_forms(sso_lab):
    with sso_lab.device(name="mine"):
        assert socket.getaddrinfo("127.0.0.1", "https")[0][4] == ("127.0.0.1", 443)
        assert {info[1] for info in socket.getaddrinfo(HOST, 443, type=socket.SOCK_STREAM)} == {socket.SOCK_STREAM}
        assert socket.getaddrinfo(HOST.encode(), None, flags=socket.AI_CANONNAME)[0][3] == HOST
        assert socket.getaddrinfo("localhost", 80, socket.AF_INET)[0][4][0] == "127.0.0.1"
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("intranet", 443)
        assert "intranet.corp.contoso.com" in str(sso_lab.records())  # by the search domain
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo(HOST, 443, flags=socket.AI_NUMERICHOST)
        with pytest.raises(UnicodeError):
            socket.getaddrinfo("a" * 64 + ".example", 443)
""")


def test_only_the_machines_trust_is_replaced(passes):
    """Default trust means the lab's CA, whenever the context was made; bad certificates and own CAs are refused."""
    passes("""
EARLY = ssl.create_default_context()
EARLY_CLIENT = httpx.Client()

def handshake(context):
    with socket.create_connection((HOST, 443)) as raw, context.wrap_socket(raw, server_hostname=HOST) as tls:
        return tls.version()

def test_contexts(sso_lab, tmp_path):
    other = ssl.create_default_context(cafile=sso_lab.ca_file)  # the lab's, given by hand
    held = EARLY.get_ca_certs(binary_form=True)
    with sso_lab.device(name="mine"):
        assert handshake(EARLY) and handshake(ssl.create_default_context()) and handshake(other)
        assert EARLY_CLIENT.get(URL).status_code == 200
        for trusts_nobody in (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), own_ca(tmp_path)):
            with pytest.raises(ssl.SSLCertVerificationError):
                handshake(trusts_nobody)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            with socket.create_connection((HOST, 443)) as raw:
                EARLY.wrap_socket(raw, server_hostname="autologon.microsoftazuread-sso.com")
    assert EARLY.get_ca_certs(binary_form=True) == held
    EARLY_CLIENT.close()

def test_own_ca_from_before(sso_lab, tmp_path):
    context = own_ca(tmp_path)
    with sso_lab.device(name="mine"), pytest.raises(ssl.SSLCertVerificationError):
        handshake(context)

def own_ca(folder):
    import trustme
    file = folder / "own.pem"
    trustme.CA().cert_pem.write_to_path(file)
    return ssl.create_default_context(cafile=file)

@pytest.mark.parametrize("fault", [CertificateExpired, CertificateUntrusted, CertificateWrongName])
@pytest.mark.parametrize("get", [of_requests, of_httpx, of_urllib, of_sockets])
def test_bad_certificates(sso_lab, fault, get):
    with sso_lab.broken(fault(host=HOST)), sso_lab.device(name="mine") as device:
        with pytest.raises((requests.exceptions.SSLError, httpx.ConnectError, OSError)):
            get()
    assert device.verdict().outcome is Outcome.FAILED
    assert "certificate" in device.verdict().reason
""")


def test_nothing_else_is_reached(passes):
    """Any address outside of the lab raises an error that says what; one that the code caught is raised again."""
    passes("""
@pytest.mark.parametrize("address", ["8.8.8.8", "127.0.0.1", "10.99.0.1", "::1", "169.254.169.254", "127.1"])
def test_addresses(sso_lab, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with sso_lab.device(name="mine"):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as sock, pytest.raises(OutsideLabError, match="not of the lab"):
                sock.connect((address, 80))
            with socket.socket(family, kind) as sock, pytest.raises(OutsideLabError, match="allow="):
                sock.connect_ex((address, 80))
        with socket.socket(family, socket.SOCK_DGRAM) as sock, pytest.raises(OutsideLabError):
            sock.sendto(b"x", (address, 53))
        with socket.socket(family, socket.SOCK_DGRAM) as sock, pytest.raises(OutsideLabError):
            sock.sendmsg([b"x"], [], 0, (address, 53))

@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://127.0.0.1:1/"])
async def test_libraries(sso_lab, url):
    with sso_lab.device(name="mine"):
        for get in (requests.get, httpx.get, urllib.request.urlopen):
            with pytest.raises(OutsideLabError):
                get(url)
        with pytest.raises(OutsideLabError):
            async with aiohttp.ClientSession() as session:
                await session.get(url)
    with pytest.raises(OutsideLabError), sso_lab.device(name="mine"):  # anyio raises it in a group
        async with httpx.AsyncClient() as session:
            await session.get(url)

def careless(device):
    try:
        requests.get("http://8.8.8.8")
    except Exception:
        return "fallback"

def test_a_caught_error_is_raised_again(sso_lab):
    with pytest.raises(OutsideLabError, match="8.8.8.8 port 80"), sso_lab.device(name="mine") as device:
        assert careless(device) == "fallback"
    with pytest.raises(OutsideLabError), sso_lab.device(name="mine") as device:
        careless(device)
        device.verdict()

def test_in_a_thread_that_nobody_asks(sso_lab):
    with pytest.raises(OutsideLabError), sso_lab.device(name="mine") as device:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(requests.get, "http://8.8.8.8")

def test_what_outlives_the_block(sso_lab):
    go, errors = threading.Event(), []
    def late():
        go.wait()
        try:
            requests.get(URL)
        except OutsideLabError as error:
            errors.append(str(error))
    with sso_lab.device(name="mine"):
        thread = threading.Thread(target=late)
        thread.start()
    go.set()
    thread.join()
    assert "after the end of its block" in errors[0]

def test_servers_of_the_test(sso_lab):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with sso_lab.device(name="mine", allow=[f"127.0.0.1:{port}"]):
            socket.create_connection(("127.0.0.1", port)).close()
            socket.create_connection(("localhost", port)).close()
            with pytest.raises(OutsideLabError):
                socket.create_connection(("127.0.0.1", port + 1))

def test_a_wrong_answer_leads_to_a_stranger(sso_lab):
    fault = WrongAddress(name="autologon.microsoftazuread-sso.com", address="203.0.113.7")
    with sso_lab.broken(fault), sso_lab.device(name="mine") as device:
        with pytest.raises(requests.exceptions.SSLError):
            requests.get("https://autologon.microsoftazuread-sso.com/")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, 8443))
    assert "bad-certificate" in str(device.records())

def test_nothing_is_left(sso_lab):
    assert "KRB5CCNAME" not in os.environ
    with sso_lab.device(name="mine"):
        assert "models" in os.environ["KRB5CCNAME"]
    assert "KRB5CCNAME" not in os.environ
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()

@pytest.fixture(scope="module", autouse=True)
def functions():
    names = "connect", "connect_ex", "sendto", "sendmsg"
    before = [socket.getaddrinfo, socket.gethostbyname, threading.Thread.start, ThreadPoolExecutor.submit]
    before += [ssl.SSLSocket.do_handshake, ssl.SSLContext.__new__, *(getattr(socket.socket, name) for name in names)]
    yield
    after = [socket.getaddrinfo, socket.gethostbyname, threading.Thread.start, ThreadPoolExecutor.submit]
    after += [ssl.SSLSocket.do_handshake, ssl.SSLContext.__new__, *(getattr(socket.socket, name) for name in names)]
    assert after == before
""")


def test_proxies_of_the_machine_are_not_used(project):
    """A proxy in the environment belongs to the machine; a device has none."""
    project.write(
        HEAD
        + """
@pytest.mark.parametrize("get", [of_requests, of_httpx, of_urllib])
def test_it(sso_lab, get):
    with sso_lab.device(name="mine"):
        assert get() == 200
    assert os.environ["HTTPS_PROXY"] == "http://127.0.0.1:1"
"""
    )
    session = project.run(HTTPS_PROXY="http://127.0.0.1:1", https_proxy="http://127.0.0.1:1")
    assert session.counts.keys() == {"passed"}, session.output


def test_kerberos_is_the_labs(passes):
    """A ticket is requested for the name that libkrb5 would form from the lab's DNS; the KDC knows the client."""
    passes("""
import gssapi
from requests_gssapi import HTTPSPNEGOAuth

NAME = "autologon.microsoftazuread-sso.com"
SSO = f"https://{NAME}/contoso.com/winauth/sso"

def test_healthy(sso_lab):
    with sso_lab.device("desk-1", name="mine") as device:
        requests.get(SSO, auth=HTTPSPNEGOAuth())
    assert any(getattr(r.event, "accepted", False) for r in device.records())
    assert {r.client for r in sso_lab.records() if type(r.event).__name__ == "KdcExchange"} <= {"", "mine"}

def test_the_incident(sso_lab):
    fault = CnameForAlias(name=NAME, profile="autologon")
    with sso_lab.broken(*faults(sso_lab)), sso_lab.device("desk-1", name="mine") as device:
        context = gssapi.SecurityContext(name=gssapi.Name(f"HTTP@{NAME}", gssapi.NameType.hostbased_service))
        with pytest.raises(gssapi.exceptions.GSSError):
            context.step()
    assert "trafficmanager" in device.verdict().spn

def faults(lab):
    from ssosim.scenario.loader import load_scenario
    return [f for p in load_scenario("feb-2025").phases if p.name == "cname" for f in p.faults]
""")


def test_blocks_that_need_other_kerberos_settings_are_refused(passes):
    """KRB5_CONFIG is one for the process: a second block with another device is refused, the same one is not."""
    passes("""
def test_two(sso_lab):
    one, two = sso_lab.device("desk-1", name="one"), sso_lab.device("desk-2", name="two")
    with one:
        with pytest.raises(Exception, match="'one' is open.*'two' needs another Kerberos environment"):
            two.__enter__()
        with one:
            assert of_requests() == 200
        assert of_requests() == 200
    with two:
        assert of_requests() == 200
    assert {r.client for r in sso_lab.records()} == {"", "one", "two"}
""")


def test_fixtures_and_other_loops(passes):
    """A block in a synchronous fixture holds for an async test, whose loop may be older; uvloop is covered too."""
    passes("""
@pytest.fixture
def mine(sso_lab):
    with sso_lab.device("desk-1", name="mine") as device:
        yield device

def test_sync(mine):
    assert of_requests() == 200

async def test_async(mine):
    assert await of_aiohttp() == 200
    assert {record.client for record in mine.records()} == {"mine"}

def test_older_loop(sso_lab):
    with asyncio.Runner() as runner:
        runner.run(asyncio.sleep(0))
        with sso_lab.device("desk-1", name="mine") as device:
            assert runner.run(of_streams()) == 200
    assert device.records()

@pytest.mark.parametrize("get", ASYNC)
def test_uvloop(sso_lab, get):
    import uvloop
    with sso_lab.device("desk-1", name="mine") as device, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(get()) == 200
    assert {r.event.host for r in device.records() if hasattr(r.event, "status")} == {HOST}

def test_uvloop_refused(sso_lab):
    import uvloop
    with sso_lab.device("desk-1", name="mine"), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        with pytest.raises(OutsideLabError):
            runner.run(asyncio.open_connection("8.8.8.8", 53))
""")


def test_with_xdist(project):
    """Devices of two processes do not disturb each other."""
    project.write(
        HEAD
        + """
@pytest.mark.parametrize("number", range(6))
def test_it(sso_lab, number):
    with sso_lab.device("desk-1", name=f"mine-{number}") as device:
        assert of_requests() == 200
    assert {record.client for record in sso_lab.records()} == {"", f"mine-{number}"}
"""
    )
    session = project.run("-n", "2")
    assert session.counts == {"passed": 6}, session.output


def test_the_verdict_is_of_the_wire(passes):
    """Silent, asked, refused and failed are told apart; a prompt of the code is recorded."""
    passes("""
def test_nothing(sso_lab):
    with sso_lab.device(name="mine") as device:
        pass
    assert device.verdict().reason == "it did nothing that reached the wire"

def test_failed(sso_lab):
    with sso_lab.broken(NameRemoved(name=HOST)), sso_lab.device(name="mine") as device:
        with pytest.raises(requests.ConnectionError):
            of_requests()
    assert device.verdict().outcome is Outcome.FAILED
    assert f"{HOST} has no address (NXDOMAIN)" in device.verdict().reason

def test_interactive(sso_lab):
    with sso_lab.device("desk-1", name="mine") as device:
        password = device.prompt_password("no ticket")
        token = requests.post(f"https://{HOST}/common/oauth2/token", data={
            "grant_type": "password", "username": device.upn, "password": password, "resource": "https://graph.microsoft.com",
            "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46"})
        assert token.status_code == 200, token.text
    assert device.verdict().outcome is Outcome.INTERACTIVE

def test_mistakes(sso_lab):
    with pytest.raises(Exception, match="no device 'desk-99'"):
        sso_lab.device("desk-99")
""")


@pytest.mark.parametrize(
    "body",
    [
        "requests.get(URL)",
        "await asyncio.open_connection(HOST, 443)",
        "socket.create_connection(('192.0.2.10', 443))",
        "swallow()",
        "await retry(device)",
        "await asyncio.to_thread(requests.get, URL)",
    ],
)
def test_a_model_may_not_open_sockets_of_its_own(project, body):
    """A ``sign_in(device)`` that uses a socket beside its device is refused, also if it catches the error."""
    project.write(
        HEAD
        + f"""
from ssosim.testing import check_client
from ssosim.scenario.in_memory import play_in_memory

def swallow():
    try:
        requests.get(URL)
    except Exception:
        pass

async def retry(device):
    while True:
        swallow()
        await device.clock.sleep(60)

class Own:
    name, description, sources = "own", "opens a socket", ("test",)

    async def sign_in(self, device):
        {body}

def test_play(sso_play_sync):
    with pytest.raises(OutsideLabError, match="'own' .* with a socket of its own"):
        sso_play_sync("feb-2025", Own())

def test_sign_in(sso_lab):
    with pytest.raises(OutsideLabError, match="with sso_lab.device"):
        sso_lab.sign_in(Own(), patience_s=0.5)
"""
    )
    session = project.run()
    assert session.counts == {"passed": 2}, session.output
    assert not re.search("WARN", session.output)
