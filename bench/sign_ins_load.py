"""The load of ``sign_ins.py``: runs inside the lab, takes commands on standard input, one JSON line each.

Bare HTTP/1.1 over TLS connections that stay open, two a worker (login host, autologon host). Tickets are made before
the clock starts, from one cached service ticket, each with an authenticator of its own: a replay cache refuses
repetitions. Every answer is checked, by status and by what it must hold.
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
    """One TLS connection that stays open."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self, tls: ssl.SSLContext) -> None:
        """Connect and shake hands."""
        self._reader, self._writer = await asyncio.open_connection(self._host, 443, ssl=tls)

    async def ask(self, method: str, path: str, headers: str = "", body: bytes = b"") -> tuple[int, bytes]:
        """One request; status and body of its answer."""
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{SKU}{headers}{length}\r\n"
        self._writer.write(head.encode("ascii") + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(answer)
        content = await self._reader.readexactly(int(found[1])) if found else b""
        return int(answer[9:12]), content


class Worker:
    """Signs in, again and again."""

    def __init__(self) -> None:
        self.login, self.autologon = Connection(LOGIN), Connection(AUTOLOGON)
        self.trust = ""
        self.rst = b""

    async def realm(self) -> str:
        """Realm discovery; where the MEX document is."""
        status, body = await self.login.ask(
            "GET", f"/common/userrealm/{UPN}?api-version=1.0", f"client-request-id: {uuid4()}\r\n"
        )
        return str(checked(status, 200, json.loads(body))["federation_metadata_url"])

    async def mex(self, url: str) -> str:
        """The MEX document; where windowstransport is."""
        parts = urlsplit(url)
        status, body = await self.autologon.ask("GET", f"{parts.path}?{parts.query}")
        found = checked(status, 200, _ENDPOINT.search(body))
        assert found, body
        return str(found[1].decode().replace("&amp;", "&"))

    async def post_rst(self, url: str, authorization: str, wanted: int) -> bytes:
        """Post an RST, with or without a ticket."""
        parts = urlsplit(url)
        soap = f'Content-Type: application/soap+xml; charset=utf-8\r\nSOAPAction: "{V2005.action}"\r\n{authorization}'
        rst = build_rst(V2005, url, AUDIENCE, str(uuid4()))
        status, body = await self.autologon.ask("POST", f"{parts.path}?{parts.query}", soap, rst)
        return checked(status, wanted, body)

    async def rstr(self, url: str, ticket: str) -> bytes:
        """The assertion for a ticket."""
        found = _ASSERTION.search(await self.post_rst(url, f"Authorization: Negotiate {ticket}\r\n", 200))
        assert found
        return found[1]

    async def token(self, assertion: bytes) -> None:
        """Tokens for the assertion."""
        form = {
            "client_id": OFFICE,
            "grant_type": "urn:ietf:params:oauth:grant-type:saml1_1-bearer",
            "assertion": base64.b64encode(assertion).decode("ascii"),
            "scope": "openid offline_access profile",
            "client_info": "1",
        }
        headers = "Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n"
        path = "/organizations/oauth2/v2.0/token"
        status, body = await self.login.ask("POST", path, headers, urlencode(form).encode("ascii"))
        answer = checked(status, 200, json.loads(body))
        for name in ("access_token", "id_token"):
            assert answer[name].count(".") == 2, answer
        assert answer["refresh_token"], answer

    async def whole(self, ticket: str) -> None:
        """One silent sign-in."""
        url = await self.mex(await self.realm())
        await self.post_rst(url, "", 401)
        await self.token(await self.rstr(url, ticket))


def checked(status: int, wanted: int, value: Any) -> Any:
    """``value``, if the status is as wanted."""
    assert status == wanted, f"status {status} instead of {wanted}: {value!r}"
    return value


def tickets(count: int) -> Iterator[str]:
    """Fresh Negotiate tokens, base64."""
    name = raw.import_name(f"HTTP@{AUTOLOGON}".encode(), gssapi.NameType.hostbased_service)
    spnego = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
    flags = gssapi.RequirementFlag.mutual_authentication
    credentials = raw.acquire_cred(usage="initiate").creds
    for _ in range(count):
        token = raw.init_sec_context(name, credentials, mech=spnego, flags=flags).token
        yield base64.b64encode(token or b"").decode("ascii")


async def _stay_awake() -> None:
    while True:  # noqa: ASYNC110  not waiting is the purpose
        await asyncio.sleep(0)


class Load:
    """The workers, what is ready for them, and the commands."""

    def __init__(self, connections: int) -> None:
        self._workers = [Worker() for _ in range(connections)]
        self._ready: list[Any] = []
        self._url = ""

    async def connect(self) -> dict[str, int]:
        """Open all connections and sign in once on each."""
        tls = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        for worker, ticket in zip(self._workers, tickets(len(self._workers)), strict=True):
            await worker.login.open(tls)
            await worker.autologon.open(tls)
            await worker.whole(ticket)
        self._url = await self._workers[0].mex(await self._workers[0].realm())
        return {"connections": 2 * len(self._workers)}

    async def prepare(self, step: str, count: int) -> dict[str, int]:
        """Make what ``count`` times ``step`` will use up."""
        if step in ("whole", "rstr"):
            self._ready = list(tickets(count))
        elif step == "token":
            self._ready = [await self._workers[0].rstr(self._url, ticket) for ticket in tickets(count)]
        elif step == "mex":
            self._ready = [await self._workers[0].realm()] * count
        else:
            self._ready = [None] * count
        return {"ready": len(self._ready)}

    async def play(self, step: str) -> dict[str, float]:
        """All that is ready, spread over the workers; how long it took."""
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
        # Never asleep: waking a process on the other core is the server's work, and no client on a network is woken so.
        waking = asyncio.create_task(_stay_awake())
        await asyncio.gather(*(work(worker) for worker in self._workers))
        waking.cancel()
        return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}

    async def obey(self, command: dict[str, Any]) -> Any:
        """One command's answer."""
        match command["do"]:
            case "connect":
                return await self.connect()
            case "tokens":
                return list(tickets(command["count"]))
            case "prepare":
                return await self.prepare(command["step"], command["count"])
            case "whole":
                return await self.play("whole")
            case _:
                return await self.play(command["step"])


async def main() -> None:
    """Obey until standard input ends."""
    load = Load(int(sys.argv[1]))
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await load.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
