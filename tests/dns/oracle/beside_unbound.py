"""Asks the lab's resolver and unbound the same questions; both walk the lab's name servers from the same root.

``compare_resolvers`` runs this file in a network namespace of its own, where the name servers have their addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.name
import dns.rcode
from dns.rdatatype import ANY, CNAME, DNAME, NSEC, NSEC3, RRSIG, SOA, RdataType

from ssosim.dns import ZoneStore
from ssosim.dns.recursion import RecursiveServer, ResolverSettings, Upstream
from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.authority_servers import start_authority_servers
from ssosim.dns.server.hierarchy import SPARE_ADDRESSES
from ssosim.trace import Trace
from tests.dns.oracle.beside_named import read_corpus, read_zones
from tests.dns.oracle.compare import ERRORS, Report
from tests.dns.oracle.programs import run_unbound
from tests.dns.oracle.questions import Asked, questions_for

__all__ = ["INTENDED", "compare_resolvers"]

LOOPBACK = "127.0.0.1"
LAB = "127.0.0.54"
PEERS_AT_ONCE = 20
TTL_TOLERANCE = 5
"""Seconds, besides those since the start: both caches count down, and were filled at different times."""

BEGAN = time.monotonic()

INTENDED = {
    "any": "ANY is NOTIMP (RFC 8482 section 4.1); unbound asks for it",
    "chain-dname": "unbound gives up where a chain passes the same DNAME twice",
    "dname-ttl": "unbound gives a CNAME that it makes of a cached DNAME the TTL 0; the lab keeps that of the DNAME",
    "servfail-chain": "unbound sends the links that it has cached with SERVFAIL, the lab none; clients read neither",
    "refers-to-itself": "a server refers to itself: SERVFAIL; unbound passes on the empty response as NODATA",
}
"""The differences to unbound that are intended, by key."""

DNSSEC_TYPES = frozenset({RRSIG, NSEC, NSEC3})
"""Not asked: unbound takes them from all sections of earlier responses, so its answer depends on earlier questions."""

Compared = tuple[str, Counter[tuple[str, str, str]], dict[tuple[str, str], int], str]


def compare_resolvers(every: int) -> Report:
    """Ask both resolvers every ``every``-th question about the corpus, in a network namespace. Raises OSError."""
    unshare = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    shell = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-m", __name__, str(every)]
    done = subprocess.run([*unshare, *shell], capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        raise OSError(done.stderr[-3000:])
    found = json.loads(done.stdout)
    return Report(**found | {"intended": Counter(found["intended"])})


async def main(every: int) -> Report:
    """Run the servers, ask, and compare."""
    texts = read_corpus()
    zones = read_zones(texts)
    store, trace = ZoneStore(zones), Trace()
    authorities = Authorities(store)
    roots = authorities.hierarchy.root_addresses
    for address in dict.fromkeys((*authorities.hierarchy.addresses.values(), *SPARE_ADDRESSES)):
        process = await asyncio.create_subprocess_exec("ip", "addr", "add", f"{address}/32", "dev", "lo")
        await process.wait()
    asked = [one for text in texts for one in questions_for(zones.zones[dns.name.from_text(text)])]
    asked = [one for one in asked if not one.dnssec_ok and one.type not in DNSSEC_TYPES][::every]
    report = Report(zones=len(texts))
    hints = f". 3600 NS a.root.dns.example.\na.root.dns.example. 3600 A {roots[0]}\n"
    async with start_authority_servers(authorities, trace, lambda remote, _: remote, lambda *to: to):
        resolver = RecursiveServer(
            ResolverSettings(timeout=2.0), trace, lambda remote, _: remote, upstream=Upstream(roots=roots)
        )
        await resolver.start(LAB, 53)
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            started = await asyncio.to_thread(stack.enter_context, run_unbound(Path(folder), hints))
            gate = asyncio.Semaphore(PEERS_AT_ONCE)
            await asyncio.gather(*(_compare(one, started.port, gate, report) for one in asked))
        await resolver.stop()
    return report


async def _compare(asked: Asked, port: int, gate: asyncio.Semaphore, report: Report) -> None:
    async with gate:
        query = asked.message(recursive=True)
        lab, unbound = await asyncio.gather(
            dns.asyncquery.udp_with_fallback(query, LAB, timeout=60),
            dns.asyncquery.udp_with_fallback(query, LOOPBACK, port=port, timeout=60),
        )
    one, other = _see(lab[0]), _see(unbound[0])
    if one[:2] == other[:2] and one[3] == other[3] and _same_ttls(one[2], other[2]):
        report.equal += 1
        report.failed += one[0] in ERRORS
    elif one[:2] == other[:2] and one[3] == other[3] and _same_ttls(one[2], _without_zeros(one[2], other[2])):
        report.intended["dname-ttl"] += 1
    elif asked.type == ANY and one[0] == "NOTIMP":
        report.intended["any"] += 1
    elif (key := _explain_failure(one, other, sum(rrset.rdtype == CNAME for rrset in lab[0].answer))) is not None:
        report.intended[key] += 1
    else:
        report.unexplained.append(f"{asked}\n  lab: {one}\n  unbound: {other}")


def _explain_failure(lab: Compared, unbound: Compared, links: int) -> str | None:
    if lab[0] == unbound[0] == "SERVFAIL" and not lab[1] and {kind for _, kind, _ in unbound[1]} == {"CNAME"}:
        return "servfail-chain"
    if unbound[0] == "SERVFAIL" and len({owner.partition(".")[2] for owner, _, _ in lab[1]}) < links:
        return "chain-dname"
    return "refers-to-itself" if (lab[0], unbound) == ("SERVFAIL", ("NOERROR", Counter(), {}, "")) else None


def _see(message: dns.message.Message) -> Compared:
    """Response code, records, TTLs by record set, and the zone of the SOA of a negative answer."""
    records: Counter[tuple[str, str, str]] = Counter()
    ttls = {}
    for rrset in message.answer:
        if rrset.rdtype == DNAME and rrset.name != message.question[0].name:
            continue  # the lab's resolver sends the CNAME that the DNAME made, which is all that a stub reads
        owner, kind = rrset.name.to_text().lower(), RdataType.to_text(rrset.rdtype)
        ttls[owner, kind] = rrset.ttl
        records.update((owner, kind, rdata.to_text().lower()) for rdata in rrset)
    soa = "".join(rrset.name.to_text().lower() for rrset in message.authority if rrset.rdtype == SOA)
    return dns.rcode.to_text(message.rcode()), records, ttls, soa


def _same_ttls(one: dict[tuple[str, str], int], other: dict[tuple[str, str], int]) -> bool:
    tolerance = time.monotonic() - BEGAN + TTL_TOLERANCE
    return all(abs(ttl - other[key]) <= tolerance for key, ttl in one.items())


def _without_zeros(lab: dict[tuple[str, str], int], unbound: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """The TTLs of unbound, with the lab's where a CNAME has the TTL 0."""
    return {key: lab[key] if key[1] == "CNAME" and not ttl else ttl for key, ttl in unbound.items()}


if __name__ == "__main__":
    result = asyncio.run(main(int(sys.argv[1])))
    print(json.dumps(vars(result)))
