"""The HTTP server over real sockets: behaviour that needs real HTTP."""

import asyncio
import contextlib
import gzip
import json

import aiohttp
import pytest
from aiohttp import web

from ssosim.entra.http.app import create_server
from ssosim.trace import HttpExchange

pytestmark = pytest.mark.usefixtures("both_ways")


@pytest.fixture
async def server(site):
    """The application on a loopback port; yields its base URL."""
    site.provider.client_of = lambda remote, local: f"{remote}>{local}"
    runner = web.ServerRunner(create_server(site.provider))
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
async def http(server):
    """A client session for that server."""
    async with aiohttp.ClientSession(server, max_field_size=200_000, max_line_size=200_000) as session:
        yield session


async def test_routes_by_host_header(site, http):
    """One port serves all hosts; the Host header decides (and the port in it does not matter)."""
    path = "/common/userrealm/alice%40contoso.com?api-version=1.0"
    async with http.get(path, headers={"Host": f"{site.LOGIN}:8443", "X-CLIENT-sku": "x"}) as reply:
        body = await reply.json()
        assert (reply.status, body["account_type"]) == (200, "Federated")
        assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
        assert reply.headers["x-ms-request-id"].endswith("00")
    async with http.get(path, headers={"Host": "evil.example"}) as reply:
        assert reply.status == 421


async def test_challenge_and_ticket_over_http(site, http):
    """The Negotiate exchange on one connection; the trace has its client."""
    path = "/contoso.com/winauth/trust/2005/windowstransport"
    headers = {"Host": site.AUTOLOGON}
    async with http.post(path, headers=headers, data=site.rst()) as reply:
        assert (reply.status, reply.headers["WWW-Authenticate"], await reply.read()) == (401, "Negotiate", b"")
    async with http.post(path, headers=headers | site.negotiate(site.ALICE), data=site.rst()) as reply:
        assert reply.status == 200
        assert b"<DesktopSsoToken>" in await reply.read()
    clients = {record.client for record in site.provider.trace if isinstance(record.event, HttpExchange)}
    assert clients == {"127.0.0.1>127.0.0.1"}


async def test_client_request_id_is_echoed_on_request(site, http):
    """With return-client-request-id: true the id comes back, without it it does not (GO-007)."""
    own = "5a0e9d29-13a5-4c8a-8cf0-4ce6a01f4a11"
    base = {"Host": site.LOGIN, "client-request-id": own}
    async with http.get("/common/discovery/keys", headers=base | {"return-client-request-id": "true"}) as reply:
        assert reply.headers["client-request-id"] == own
    async with http.get("/common/discovery/keys", headers=base | {"return-client-request-id": "false"}) as reply:
        assert "client-request-id" not in reply.headers


@pytest.mark.parametrize("size", [52_000, 60_000, 100_000])
async def test_large_ticket_is_81001(site, http, size):
    """A Negotiate header over 50 KB is read and answered with 81001."""
    headers = {"Host": site.AUTOLOGON, "Authorization": "Negotiate " + "A" * size}
    async with http.post("/contoso.com/winauth/trust/2005/windowstransport", headers=headers) as reply:
        assert reply.status == 403
        assert b"AADSTS81001" in await reply.read()


async def test_large_headers_elsewhere(site, http):
    """60 KB of headers at another endpoint is that endpoint's protocol error; 200 KB is a plain 400."""
    headers = {"Host": site.LOGIN, "Cookie": "a" * 60_000}
    async with http.get("/common/discovery/keys", headers=headers) as reply:
        assert (reply.status, (await reply.json())["error_codes"]) == (400, [9002313])
    async with http.get("/common/discovery/keys", headers=headers | {"Cookie": "a" * 200_000}) as reply:
        assert reply.status == 400


@pytest.mark.parametrize(
    ("host", "path", "marker"),
    [
        ("LOGIN", "/common/oauth2/v2.0/token", b"AADSTS9002313"),
        ("AUTOLOGON", "/contoso.com/winauth/trust/2005/usernamemixed", b"AADSTS81016"),
        ("AUTOLOGON", "/contoso.com/winauth/trust/2005/windowstransport", b"AADSTS81016"),
        ("STS", "/adfs/services/trust/13/usernamemixed", b"InvalidRequest"),
    ],
)
async def test_ten_megabytes(site, server, host, path, marker):
    """A body of 10 MB gets the endpoint's protocol error, and the server goes on serving."""
    address, port = server.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    head = f"POST {path} HTTP/1.1\r\nHost: {getattr(site, host)}\r\nContent-Length: 10485760\r\n\r\n"
    writer.write(head.encode())
    with contextlib.suppress(ConnectionError):
        for _ in range(160):
            writer.write(b"x" * 65536)
            await writer.drain()
    reply = await reader.read(65536)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    assert marker in reply
    async with aiohttp.request("GET", server + "/common/discovery/keys", headers={"Host": site.LOGIN}) as after:
        assert after.status == 200


async def test_compressed_bodies_are_not_inflated(site, http):
    """A gzip body is bytes like any other: the form inside it is not read (inflated, it would be 700016)."""
    headers = site.FORM | {"Host": site.LOGIN, "Content-Encoding": "gzip"}
    body = gzip.compress(b"grant_type=magic&client_id=x")
    async with http.post("/common/oauth2/token", headers=headers, data=body) as reply:
        assert (reply.status, (await reply.json())["error_codes"]) == (400, [9002313])


async def test_keep_alive_survives_errors(site, server):
    """A connection that got an error answer serves the next request."""
    address, port = server.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    for _ in range(2):
        path = "/nowhere.example/v2.0/.well-known/openid-configuration"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {site.LOGIN}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert json.loads(await reader.readexactly(length))["error_codes"] == [90002]
    writer.close()
    await writer.wait_closed()


async def test_head_and_rubbish(site, http):
    """HEAD is answered as GET without a body; a target that is no path is a 4xx."""
    async with http.head("/common/discovery/keys", headers={"Host": site.LOGIN}) as reply:
        assert (reply.status, await reply.read()) == (200, b"")
    async with http.request("OPTIONS", "/%ff%00/winauth/sso", headers={"Host": site.AUTOLOGON}) as reply:
        assert reply.status == 400
