"""Runs in a network namespace of its own: authoritative servers, our resolver and a real unbound. Prints JSON.

Both resolvers walk the same servers from the same root hints, and are asked the same: shapes of records first, then one
name or two under each fault.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import msgspec

from ssosim.dns import ZoneStore, put_rrset, zones_of
from ssosim.dns.recursion import RecursiveServer, ResolverSettings, Upstream
from ssosim.dns.server.authority_servers import start_authority_servers
from ssosim.dns.server.hierarchy import SPARE_ADDRESSES
from ssosim.estate import default_estate
from ssosim.faults import ActiveFaults, fault_from
from ssosim.trace import Trace

OURS, UNBOUND = "127.0.0.54", "127.0.0.55"
AUTOLOGON = "autologon.microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
REVERSE = "10.2.0.192.in-addr.arpa"
ZONE = "microsoftonline.com"

SHAPES = (
    (AUTOLOGON, "A"),
    (AUTOLOGON, "AAAA"),
    (LOGIN, "A"),
    (LOGIN, "AAAA"),
    ("nope.microsoftonline.com", "A"),
    ("contoso.com", "A"),
    ("corp.contoso.com", "A"),
    ("www.example.org", "A"),
    ("sso.fabrikam.com", "A"),
    ("sso.fabrikam.com", "AAAA"),
    ("dangling.fabrikam.com", "A"),
    ("wide.fabrikam.com", "A"),
    ("text.fabrikam.com", "TXT"),
    ("_kerberos._udp.corp.contoso.com", "SRV"),
    ("88.0.10.10.in-addr.arpa", "PTR"),
    (REVERSE, "PTR"),
    ("www.tm.a.prd.aadg.trafficmanager.net", "A"),
)

FAULTS = (
    ({"fault": "name-removed", "name": LOGIN}, LOGIN, "A"),
    ({"fault": "record-set-empty", "name": LOGIN}, LOGIN, "A"),
    ({"fault": "traffic-manager-deleted", "profile": "aadg-autologon"}, AUTOLOGON, "A"),
    ({"fault": "cname-for-alias", "name": AUTOLOGON, "profile": "aadg-autologon"}, AUTOLOGON, "A"),
    ({"fault": "wrong-address", "name": LOGIN}, LOGIN, "A"),
    ({"fault": "aaaa-dead", "name": LOGIN}, LOGIN, "AAAA"),
    ({"fault": "aaaa-wrong", "name": LOGIN}, LOGIN, "AAAA"),
    ({"fault": "ttl-changed", "name": LOGIN, "ttl": 7}, LOGIN, "A"),
    ({"fault": "cname-loop", "name": LOGIN, "length": 3}, LOGIN, "A"),
    ({"fault": "long-chain", "name": LOGIN, "length": 5}, LOGIN, "A"),
    ({"fault": "long-chain", "name": LOGIN, "length": 30}, LOGIN, "A"),
    ({"fault": "ptr-mismatch", "address": "192.0.2.10"}, REVERSE, "PTR"),
    ({"fault": "reverse-zone-dead", "zone": "2.0.192.in-addr.arpa", "how": "servfail"}, REVERSE, "PTR"),
    ({"fault": "nxdomain", "names": [LOGIN]}, LOGIN, "A"),
    ({"fault": "servfail", "names": [LOGIN]}, LOGIN, "A"),
    ({"fault": "servfail", "names": [LOGIN], "first": 1}, LOGIN, "A"),
    ({"fault": "refused", "names": [LOGIN]}, LOGIN, "A"),
    ({"fault": "drop", "names": [LOGIN], "first": 1}, LOGIN, "A"),
    ({"fault": "delay", "names": [LOGIN], "seconds": 0.1}, LOGIN, "A"),
    ({"fault": "truncation-loop", "names": [LOGIN], "tcp": "answer"}, LOGIN, "A"),
    ({"fault": "truncation-loop", "names": [LOGIN]}, LOGIN, "A"),
    ({"fault": "name-server-blank", "zone": ZONE, "servers": [1, 2, 3, 4]}, LOGIN, "A"),
    ({"fault": "name-server-lame", "zone": ZONE, "servers": [1, 2, 3]}, LOGIN, "A"),
    ({"fault": "name-server-lame", "zone": ZONE, "servers": [1, 2, 3, 4]}, LOGIN, "A"),
    ({"fault": "name-server-dead", "zone": ZONE, "servers": [1]}, LOGIN, "A"),
    ({"fault": "delegation-removed", "zone": ZONE}, LOGIN, "A"),
)


async def main(folder: Path) -> None:
    """Query both resolvers and print the answers."""
    zones = zones_of(default_estate())
    zones = put_rrset(zones, "sso.fabrikam.com", "CNAME", [f"{AUTOLOGON}."])
    zones = put_rrset(zones, "dangling.fabrikam.com", "CNAME", ["nope.microsoftonline.com."])
    zones = put_rrset(zones, "wide.fabrikam.com", "A", [f"10.1.1.{n}" for n in range(200)])
    zones = put_rrset(zones, "text.fabrikam.com", "TXT", ['"one" "two"', f'"{"x" * 250}"'])
    store, trace = ZoneStore(zones), Trace()
    board = ActiveFaults(store, trace)
    hierarchy = board.authorities.hierarchy
    for address in (*hierarchy.addresses.values(), *SPARE_ADDRESSES):
        process = await asyncio.create_subprocess_exec("ip", "addr", "add", f"{address}/32", "dev", "lo")
        assert await process.wait() == 0
    async with start_authority_servers(board.authorities, trace, lambda remote, _: remote, lambda *to: to) as served:
        for name, server in served.servers.items():
            board.attach(server, "authority", name)
        ours = RecursiveServer(
            ResolverSettings(timeout=0.4),
            trace,
            lambda remote, _: remote,
            upstream=Upstream(roots=hierarchy.root_addresses),
        )
        await ours.start(OURS, 53)
        unbound = await start_unbound(folder, hierarchy.root_addresses[0])
        try:
            shapes = [await both(name, kind) for name, kind in SHAPES]
            faults = []
            for data, name, kind in FAULTS:
                applied = board.apply(fault_from(data))
                await flush(folder, ours)
                said = await both(name, kind)
                board.undo(applied.id)
                faults.append({"fault": msgspec.to_builtins(applied.fault), **said})
            await flush(folder, ours)
            healed = await both(LOGIN, "A")
        finally:
            unbound.terminate()
            await unbound.wait()
            await ours.stop()
    print(json.dumps({"shapes": shapes, "faults": faults, "healed": healed}))


async def both(name: str, kind: str) -> dict[str, object]:
    """The answer of each resolver."""
    ours, theirs = await asyncio.gather(ask(OURS, name, kind), ask(UNBOUND, name, kind))
    return {"name": name, "type": kind, "ours": ours, "unbound": theirs}


async def ask(server: str, name: str, kind: str) -> dict[str, object]:
    """One answer, in a form that can be compared; asked again as stub resolvers do, for a busy machine is slow."""
    query = dns.message.make_query(name, kind, use_edns=0)
    try:
        said, _ = await dns.asyncquery.udp_with_fallback(query, server, timeout=8)
    except dns.exception.Timeout:
        try:
            said, _ = await dns.asyncquery.udp_with_fallback(query, server, timeout=12)
        except dns.exception.Timeout:
            return {"rcode": "no answer"}
    records = sorted(
        f"{rrset.name} {dns.rdatatype.to_text(rrset.rdtype)} {rdata}" for rrset in said.answer for rdata in rrset
    )
    negative = said.rcode() == dns.rcode.NXDOMAIN or (said.rcode() == dns.rcode.NOERROR and not records)
    soa = [str(rrset.name) for rrset in said.authority if rrset.rdtype == dns.rdatatype.SOA]
    ttls = [rrset.ttl for rrset in said.answer]
    return {
        "rcode": dns.rcode.to_text(said.rcode()),
        "records": records,
        "soa": soa if negative else [],
        "ttl": min(ttls, default=0),
    }


async def flush(folder: Path, ours: RecursiveServer) -> None:
    """Flush both caches."""
    ours.flush()
    for words in (["flush_zone", "."], ["flush_infra", "all"]):
        await control(folder, *words)


async def control(folder: Path, *words: str) -> int:
    """Send a command to unbound."""
    program = shutil.which("unbound-control", path="/usr/sbin:/usr/bin") or "unbound-control"
    process = await asyncio.create_subprocess_exec(
        program, "-c", str(folder / "unbound.conf"), *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return await process.wait()


async def start_unbound(folder: Path, root: str) -> asyncio.subprocess.Process:
    """Start unbound with the root hints of the lab and without validation."""
    (folder / "root.hints").write_text(f". 3600 NS a.root.dns.example.\na.root.dns.example. 3600 A {root}\n")
    reverse = "".join(f'  local-zone: "{zone}.in-addr.arpa." nodefault\n' for zone in ("10", "2.0.192", "100.51.198"))
    (folder / "unbound.conf").write_text(f"""
server:
  interface: {UNBOUND}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  do-daemonize: no
  do-ip6: no
  module-config: "iterator"
  root-hints: "{folder}/root.hints"
  use-caps-for-id: yes
  do-not-query-localhost: no
  minimal-responses: yes
{reverse}
remote-control:
  control-enable: yes
  control-interface: {folder}/control
  control-use-cert: no
""")
    program = shutil.which("unbound", path="/usr/sbin:/usr/bin") or "unbound"
    process = await asyncio.create_subprocess_exec(program, "-d", "-c", str(folder / "unbound.conf"))
    for _ in range(100):
        if await control(folder, "status") == 0:
            return process
        await asyncio.sleep(0.05)
    raise RuntimeError((folder / "unbound.log").read_text())


if __name__ == "__main__":
    began = time.monotonic()
    asyncio.run(main(Path(sys.argv[1])))
    print(f"{time.monotonic() - began:.1f} s", file=sys.stderr)
