"""The time to start a realm, beside k5test in the same run; and the rate of tokens that GSS-API makes and checks.

    python bench/kdc_start.py [ROUNDS]

Prints JSON: medians in milliseconds, rates per second, ratios to k5test.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import k5test

from ssosim.estate import default_estate
from ssosim.kerberos import Kdc, prepare_realm
from ssosim.kerberos.gss import AcceptedToken, Acceptor, Initiator
from ssosim.kerberos.kinit import kinit

SPN = "HTTP/autologon.microsoftazuread-sso.com"
TOKENS = 2000

times: dict[str, list[float]] = defaultdict(list)


@contextmanager
def measure(name: str) -> Iterator[None]:
    """Add the time of the block to ``times[name]``, in milliseconds."""
    begin = time.perf_counter()
    yield
    times[name].append((time.perf_counter() - begin) * 1000)


def measure_rate(number: int, work: Callable[[], object]) -> float:
    """Call ``work`` ``number`` times; returns calls per second."""
    begin = time.perf_counter()
    for _ in range(number):
        work()
    return number / (time.perf_counter() - begin)


async def measure_ssosim(directory: Path) -> dict[str, float]:
    """Measure one round of ssosim; returns its rates per second."""
    with measure("prepare"):
        prepared = prepare_realm(default_estate(), directory / "cache")
    with measure("prepare, cached"):
        prepare_realm(default_estate(), directory / "cache")
    with measure("copy and start"):
        with measure("copy"):
            realm = prepared.copy_to(directory / "realm")
        kdc = Kdc(realm)
        with measure("start"):
            await kdc.start()
    conf, ccache = realm.directory / "krb5.conf", realm.directory / "client.ccache"
    with measure("kinit"):
        await kinit("alice", "Alice-lab-password-1", conf, ccache)
    client = Initiator(conf, ccache)
    service = Acceptor(realm.keytab, realm.directory / "rcache")
    with measure("first token"):
        await client.request_token(SPN)
    begin = time.perf_counter()
    tokens = [await client.request_token(SPN) for _ in range(TOKENS)]
    rates = {"tokens": TOKENS / (time.perf_counter() - begin)}
    queue = iter(tokens)
    begin = time.perf_counter()
    verdicts = [service.accept(token) for token in queue]
    rates["accepts"] = TOKENS / (time.perf_counter() - begin)
    assert all(isinstance(verdict, AcceptedToken) for verdict in verdicts)
    garbage = b"\x60" + os.urandom(700)
    rates["refusals of garbage"] = measure_rate(TOKENS, lambda: service.accept(garbage))
    with measure("stop"):
        await kdc.stop()
    return rates


def measure_k5test(number: int) -> None:
    """Measure one k5test realm with its defaults (user, host, keytab, tickets), and one with the KDC alone."""
    conf = {"realms": {"$realm": {"kdc": "127.0.0.1:$port0"}}}
    with measure("k5test, bare KDC"):
        bare = k5test.K5Realm(
            create_user=False, create_host=False, get_creds=False, krb5_conf=conf, portbase=42000 + 20 * number
        )
    with measure("k5test, stop"):
        bare.stop()
    with measure("k5test, whole"):
        whole = k5test.K5Realm(krb5_conf=conf, portbase=42010 + 20 * number)
    whole.stop()


async def main() -> None:
    """Measure both in alternation, and print the result."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    rates: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            for name, value in (await measure_ssosim(Path(directory))).items():
                rates[name].append(value)
        measure_k5test(number)
    middle = {name: round(median(values), 2) for name, values in times.items()}
    whole = median(times["prepare"]) + median(times["copy and start"]) + median(times["kinit"])
    result = {
        "rounds": rounds,
        "milliseconds": middle,
        "per_second": {name: round(median(values)) for name, values in rates.items()},
        "ratios": {
            "copy and start / k5test bare KDC": round(middle["copy and start"] / middle["k5test, bare KDC"], 3),
            "prepare, copy, start, kinit / k5test whole": round(whole / middle["k5test, whole"], 3),
            "copy, start, kinit / k5test whole": round(
                (middle["copy and start"] + middle["kinit"]) / middle["k5test, whole"], 3
            ),
        },
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    asyncio.run(main())
