"""Runs in a separate network namespace: a DNS server on port 53, and the results of glibc's resolver. Prints JSON."""

from __future__ import annotations

import asyncio
import json
import socket

from dns.rcode import SERVFAIL

from ssosim.dns import DnsServer, Effect, ZoneStore, delete_profile, zones_of
from ssosim.estate import default_estate
from ssosim.trace import Trace

AUTOLOGON = "autologon.microsoftazuread-sso.com"


async def main() -> None:
    """Look one name up in each state of the DNS."""
    store = ZoneStore(zones_of(default_estate()))
    server = DnsServer(store, Trace(), lambda *_: "")
    await server.start("127.0.0.1", 53)
    seen: dict[str, object] = {}

    async def look_up(state: str, name: str) -> None:
        try:
            found = await asyncio.to_thread(socket.getaddrinfo, name, 443, type=socket.SOCK_STREAM)
            seen[state] = found[0][4][0]
        except socket.gaierror as error:
            seen[state] = error.errno

    await look_up("healthy", AUTOLOGON)
    await look_up("outside", "www.example.org")
    store.change(lambda zones: delete_profile(zones, "aadg-autologon"))
    await look_up("emptied", AUTOLOGON)
    server.find_effect = lambda *_: Effect(rcode=SERVFAIL)
    await look_up("servfail", AUTOLOGON)
    await server.stop()
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main())
