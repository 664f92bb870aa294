"""The load of ``bench/soak.py``: runs in the lab's network until it is stopped; prints its counts as one line of JSON.

    python bench/soak_load.py KIND SEED

Kinds: ``dns`` (queries for names that exist, that do not, and bytes that are no message), ``tls`` (connections that are
closed before or within the handshake), ``http`` (realm discovery, MEX, right and wrong passwords, bodies that are no
form). Only the standard library is used.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import ssl
import struct
import sys
import urllib.parse
from collections import Counter
from collections.abc import Callable
from types import FrameType

SERVER, LOGIN, STS = ("10.10.0.53", 53), "login.microsoftonline.com", "sts.fabrikam.com"
FAULTED = "autologon.microsoftazuread-sso.com"
"""``soak.py`` breaks it at times."""
TLS_ADDRESSES = ("192.0.2.10", "192.0.2.20", "192.0.2.21", "198.51.100.30")
"""Several: a port of the client stays in use for 60 s after a connection, and a quick machine would need more than
the 28,232 that it has for one address."""
NAMES = (LOGIN, STS, FAULTED, "contoso.com", "nothing.contoso.com", "x.example")
CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
PASSWORDS = ("Alice-lab-password-1", "wrong")


class _Stopped(Exception):  # noqa: N818 - not an error
    """SIGTERM arrived."""


def _stop(_: int, __: FrameType | None) -> None:
    raise _Stopped


def ask_dns(draw: random.Random, counts: Counter[str]) -> None:
    """Send one query, or random bytes; wait for the answer to a query, and count its response code."""
    name = draw.choice(NAMES) if draw.random() < 0.7 else f"n{draw.randrange(10**9)}.contoso.com"
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    kind = draw.choice((1, 28, 5, 12, 15, 16, 255, 65_280))
    query = struct.pack("!6H", draw.randrange(65_536), 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        if draw.random() < 0.1:
            client.sendto(draw.randbytes(draw.randrange(1, 600)), SERVER)
            counts["no message"] += 1
            return
        client.sendto(query, SERVER)
        # An answer to random bytes may still come, if this socket has the port that they were sent from.
        while (answer := client.recv(65_535))[:2] != query[:2]:
            pass
        counts["about the faulted name" if name == FAULTED else f"rcode {answer[3] & 15}"] += 1


def break_tls(draw: random.Random, counts: Counter[str]) -> None:
    """Connect, send nothing or the begin of a handshake, and close or reset the connection."""
    with socket.create_connection((draw.choice(TLS_ADDRESSES), 443), timeout=5) as client:
        if draw.random() < 0.5:
            client.sendall(b"\x16\x03\x01\x02\x00\x01" + draw.randbytes(draw.randrange(0, 400)))
        if draw.random() < 0.6:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        counts["broken connections"] += 1


def request_http(draw: random.Random, counts: Counter[str]) -> None:
    """Send one request of a sign-in, or one that is refused."""
    context = ssl.create_default_context()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    grant = {"grant_type": "password", "client_id": CLIENT, "username": "alice@contoso.com", "scope": "openid"}
    body = urllib.parse.urlencode(grant | {"password": draw.choice(PASSWORDS)})
    host, method, path, data, headers = draw.choice(
        [
            (LOGIN, "GET", "/common/userrealm/alice@contoso.com?api-version=1.0", None, {}),
            (STS, "GET", "/adfs/services/trust/mex", None, {}),
            (LOGIN, "POST", "/organizations/oauth2/v2.0/token", body, form),
            (LOGIN, "POST", "/organizations/oauth2/v2.0/token", draw.randbytes(draw.randrange(2000)), form),
            (LOGIN, "GET", "/" + "a/" * draw.randrange(200), None, {}),
        ]
    )
    client = http.client.HTTPSConnection(host, timeout=10, context=context)
    client.request(method, path, data, headers)
    with client.getresponse() as answer:
        answer.read()
        counts[f"status {answer.status}"] += 1
    client.close()


KINDS: dict[str, Callable[[random.Random, Counter[str]], None]] = {
    "dns": ask_dns,
    "tls": break_tls,
    "http": request_http,
}


def main() -> int:
    """Send requests of one kind until SIGTERM."""
    signal.signal(signal.SIGTERM, _stop)
    draw, counts = random.Random(int(sys.argv[2])), Counter[str]()  # noqa: S311 - a load, no secret
    send = KINDS[sys.argv[1]]
    try:
        while True:
            try:
                send(draw, counts)
            except (OSError, http.client.HTTPException) as error:
                counts[type(error).__name__] += 1
    except _Stopped:
        print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
