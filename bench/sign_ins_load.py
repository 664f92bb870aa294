"""The load of ``sign_ins.py``: it runs inside the lab and reads commands from standard input, one line of JSON each.

It sends plain HTTP/1.1 over persistent TLS connections, two for each worker (login host, autologon host). Tokens are
made before the measurement from one cached service ticket, each with a new authenticator, since a replay cache refuses
repetitions. The status and the content of every response are checked.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import gssapi
import uvloop
from gssapi import raw
from ssosim_clients.flows.wstrust import V2005, build_rst

LOGIN, AUTOLOGON = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com"
UPN, AUDIENCE = "alice@contoso.com", "urn:federation:MicrosoftOnline"
OFFICE = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
SKU = "x-client-SKU: MSAL.Desktop\r\nx-client-Ver: 4.87.0.0\r\nx-client-OS: Windows 10\r\n"
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
_ASSERTION = re.compile(rb"<wst:RequestedSecurityToken>(.+?)</wst:RequestedSecurityToken>", re.DOTALL)
_ENDPOINT = re.compile(rb"<wsa10:Address>(https://[^<]+/windowstransport[^<]*)</wsa10:Address>")


class Connection:
    """One persistent TLS connection."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self, tls: ssl.SSLContext) -> None:
        """Connect, and do the TLS handshake."""
        self._reader, self._writer = await asyncio.open_connection(self._host, 443, ssl=tls)

    async def request(self, method: str, path: str, headers: str = "", body: bytes = b"") -> tuple[int, bytes]:
        """Send one request; returns status and body of the response."""
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{SKU}{headers}{length}\r\n"
        self._writer.write(head.encode("ascii") + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(answer)
        content = await self._reader.readexactly(int(found[1])) if found else b""
        return int(answer[9:12]), content


class Worker:
    """A client with two connections that signs in repeatedly."""

    def __init__(self) -> None:
        self.login, self.autologon = Connection(LOGIN), Connection(AUTOLOGON)
        self.trust = ""
        self.rst = b""

    async def realm(self) -> str:
        """Do realm discovery; returns the address of the MEX document."""
        status, body = await self.login.request(
            "GET", f"/common/userrealm/{UPN}?api-version=1.0", f"client-request-id: {uuid4()}\r\n"
        )
        return str(check_status(status, 200, json.loads(body))["federation_metadata_url"])

    async def mex(self, url: str) -> str:
        """Get the MEX document; returns the address of the windowstransport endpoint."""
        parts = urlsplit(url)
        status, body = await self.autologon.request("GET", f"{parts.path}?{parts.query}")
        found = check_status(status, 200, _ENDPOINT.search(body))
        assert found, body
        return str(found[1].decode().replace("&amp;", "&"))

    async def post_rst(self, url: str, authorization: str, expected: int) -> bytes:
        """Post an RST with or without a ticket; returns the body of the response."""
        parts = urlsplit(url)
        soap = f'Content-Type: application/soap+xml; charset=utf-8\r\nSOAPAction: "{V2005.action}"\r\n{authorization}'
        rst = build_rst(V2005, url, AUDIENCE, str(uuid4()))
        status, body = await self.autologon.request("POST", f"{parts.path}?{parts.query}", soap, rst)
        check_status(status, expected, body)
        return body

    async def rstr(self, url: str, ticket: str) -> bytes:
        """Post an RST with a ticket; returns the assertion."""
        found = _ASSERTION.search(await self.post_rst(url, f"Authorization: Negotiate {ticket}\r\n", 200))
        assert found
        return found[1]

    async def token(self, assertion: bytes) -> None:
        """Exchange the assertion for tokens, and check them."""
        form = {
            "client_id": OFFICE,
            "grant_type": "urn:ietf:params:oauth:grant-type:saml1_1-bearer",
            "assertion": base64.b64encode(assertion).decode("ascii"),
            "scope": "openid offline_access profile",
            "client_info": "1",
        }
        headers = "Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n"
        path = "/organizations/oauth2/v2.0/token"
        status, body = await self.login.request("POST", path, headers, urlencode(form).encode("ascii"))
        answer = check_status(status, 200, json.loads(body))
        for name in ("access_token", "id_token"):
            assert answer[name].count(".") == 2, answer
        assert answer["refresh_token"], answer

    async def whole(self, ticket: str) -> None:
        """Do one complete silent sign-in."""
        url = await self.mex(await self.realm())
        await self.post_rst(url, "", 401)
        await self.token(await self.rstr(url, ticket))


def check_status(status: int, expected: int, value: Any) -> Any:
    """Return ``value``; raises AssertionError if the status is not the expected one."""
    assert status == expected, f"status {status} instead of {expected}: {value!r}"
    return value


def make_tokens(count: int) -> Iterator[str]:
    """Yield new Negotiate tokens in base64."""
    name = raw.import_name(f"HTTP@{AUTOLOGON}".encode(), gssapi.NameType.hostbased_service)
    spnego = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
    flags = gssapi.RequirementFlag.mutual_authentication
    credentials = raw.acquire_cred(None, usage="initiate").creds
    for _ in range(count):
        token = raw.init_sec_context(name, credentials, mech=spnego, flags=flags).token
        yield base64.b64encode(token or b"").decode("ascii")


async def _keep_running() -> None:
    while True:  # noqa: ASYNC110  must not wait
        await asyncio.sleep(0)


class Load:
    """The workers, their prepared inputs, and the commands."""

    def __init__(self, connections: int) -> None:
        self._workers = [Worker() for _ in range(connections)]
        self._ready: list[Any] = []
        self._url = ""

    async def connect(self) -> dict[str, int]:
        """Open all connections, and sign in once with each worker."""
        tls = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        for worker, ticket in zip(self._workers, make_tokens(len(self._workers)), strict=True):
            await worker.login.open(tls)
            await worker.autologon.open(tls)
            await worker.whole(ticket)
        self._url = await self._workers[0].mex(await self._workers[0].realm())
        return {"connections": 2 * len(self._workers)}

    async def prepare(self, step: str, count: int) -> dict[str, int]:
        """Prepare the inputs for ``count`` repetitions of ``step``."""
        if step in ("whole", "rstr"):
            self._ready = list(make_tokens(count))
        elif step == "token":
            self._ready = [await self._workers[0].rstr(self._url, ticket) for ticket in make_tokens(count)]
        elif step == "mex":
            self._ready = [await self._workers[0].realm()] * count
        else:
            self._ready = [None] * count
        return {"ready": len(self._ready)}

    async def play(self, step: str) -> dict[str, float]:
        """Run the prepared inputs on all workers; returns wall-clock and CPU seconds."""
        acts: dict[str, Callable[[Worker, Any], Awaitable[Any]]] = {
            "whole": lambda worker, ticket: worker.whole(ticket),
            "realm": lambda worker, _: worker.realm(),
            "mex": lambda worker, url: worker.mex(url),
            "challenge": lambda worker, _: worker.post_rst(self._url, "", 401),
            "rstr": lambda worker, ticket: worker.rstr(self._url, ticket),
            "token": lambda worker, assertion: worker.token(assertion),
        }
        act, ready = acts[step], self._ready

        async def work(worker: Worker) -> None:
            while ready:
                await act(worker, ready.pop())

        cpu, began = time.process_time(), time.perf_counter()
        # Never sleep: waking a process on another core would cost the server time, which remote clients do not cost.
        waking = asyncio.create_task(_keep_running())
        await asyncio.gather(*(work(worker) for worker in self._workers))
        waking.cancel()
        return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}

    async def run_command(self, command: dict[str, Any]) -> Any:
        """Run one command; returns its reply."""
        match command["do"]:
            case "connect":
                return await self.connect()
            case "tokens":
                return list(make_tokens(command["count"]))
            case "prepare":
                return await self.prepare(command["step"], command["count"])
            case "whole":
                return await self.play("whole")
            case _:
                return await self.play(command["step"])


async def main() -> None:
    """Run commands until standard input ends."""
    load = Load(int(sys.argv[1]))
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await load.run_command(json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
