"""The load of ``plain_tokens.py``: it reads commands from standard input, one line of JSON each.

It posts forms over persistent connections, HTTP/1.1 with or without TLS, and checks that every answer has the tokens
that are expected.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import sys
from typing import Any
from urllib.parse import urlencode

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)


class Load:
    """Connections to one server, and the commands."""

    def __init__(self) -> None:
        self._host = ""
        self._connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def connect(self, host: str, port: int, *, tls: bool, count: int) -> int:
        """Open ``count`` connections."""
        self._host = host
        context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]) if tls else None
        self._connections = [await asyncio.open_connection(host, port, ssl=context) for _ in range(count)]
        return count

    async def post(self, path: str, form: dict[str, str], count: int, expected: list[str]) -> dict[str, Any]:
        """Post ``form`` ``count`` times; returns the last answer. Each must have status 200 and ``expected``."""
        body = urlencode(form).encode("ascii")
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        request, left, found = head.encode("ascii") + body, count, b""

        async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal left, found
            while left > 0:
                left -= 1
                writer.write(request)
                answer = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(answer)
                content = await reader.readexactly(int(length[1])) if length else b""
                if answer[9:12] != b"200" or not all(f'"{name}":"'.encode() in content for name in expected):
                    raise ValueError(f"{self._host}{path} answered {answer[9:12]!r}: {content[:500]!r}")
                found = content

        await asyncio.gather(*(work(*connection) for connection in self._connections))
        return dict(json.loads(found))


async def _serve() -> None:
    load, loop = Load(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        print(json.dumps(await getattr(load, command.pop("do"))(**command)), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
