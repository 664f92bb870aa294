"""The time to start a realm, beside k5test in the same run; and the rate of tokens that GSS-API makes and checks.

    python bench/kdc_start.py [ROUNDS] [--directory samba]

Also whole labs in this process: Contoso with two realms that trust each other and two KDCs, beside Contoso with one
realm and one KDC; wall-clock time, and CPU time of this process and its children. With ``--directory samba``: the
domain controller from its prepared copy, with its memory and its size, beside krb5kdc in the same run. Prints JSON:
medians in milliseconds, rates per second, ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import k5test  # type: ignore[import-untyped]  # it has no annotations
import msgspec

from ssosim.estate import Estate, Host, default_estate
from ssosim.kerberos import Kdc, prepare_realm
from ssosim.kerberos.gss import AcceptedToken, Acceptor, Initiator
from ssosim.kerberos.kinit import kinit
from ssosim.lab.core.lab import Lab

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
            create_user=False, create_host=False, get_creds=False, krb5_conf=conf, portbase=25000 + 20 * number
        )
    with measure("k5test, stop"):
        bare.stop()
    with measure("k5test, whole"):
        whole = k5test.K5Realm(krb5_conf=conf, portbase=25010 + 20 * number)
    whole.stop()


def build_two_realms() -> Estate:
    """Return Contoso with a second realm and its KDC; the realms trust each other."""
    estate = default_estate()
    realm = msgspec.structs.replace(estate.realms[0], trusts=("PARTNER.TEST",))
    other = type(realm)(
        name="PARTNER.TEST", domain="partner.test", services=("HTTP/a.partner.test",), trusts=(realm.name,)
    )
    host = Host(name="dc1.partner.test", address="10.11.0.88", services=("kdc",), realm=other.name)
    return msgspec.structs.replace(estate, realms=(realm, other), hosts=(*estate.hosts, host))


def count_cpu() -> float:
    """Return the CPU time in milliseconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) * 1000


async def measure_lab(name: str, estate: Estate, cache: Path, folder: Path) -> None:
    """Start a lab of ``estate`` from prepared realms: time until all is ready, CPU time until all has ended."""
    before = count_cpu()
    lab = Lab(estate, folder, cache)
    with measure(name):
        await lab.start()
    await lab.stop()
    times[f"{name}, CPU"].append(count_cpu() - before)


def read_memory(pid: int | None) -> dict[str, float]:
    """Return the memory of process ``pid`` in MiB, by the names of proc(5)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return {line.split()[0].rstrip(":"): int(line.split()[1]) / 1024 for line in lines[1:]}


async def measure_samba(estate: Estate, cache: Path, folder: Path) -> dict[str, float]:
    """Start Samba's domain controller from its prepared copy; return its memory and its size in MiB."""
    with measure("samba, prepare or find"):
        prepared = prepare_realm(estate, cache)
    with measure("samba, copy and start"):
        with measure("samba, copy"):
            realm = prepared.copy_to(folder)
        kdc = Kdc(realm)
        await kdc.start()
    conf = realm.directory / "krb5.conf"
    with measure("samba, kinit"):
        await kinit("alice", "Alice-lab-password-1", conf, realm.directory / "client.ccache")
    memory = read_memory(kdc.pid)
    size = sum(each.stat().st_blocks * 512 for each in realm.directory.rglob("*") if each.is_file()) / 2**20
    await kdc.stop()
    return {"samba RSS, MiB": memory["Rss"], "samba PSS, MiB": memory["Pss"], "samba directory, MiB": size}


async def compare_samba(rounds: int) -> None:
    """Measure Samba's domain controller and krb5kdc in turns, and print the result."""
    estate = default_estate()
    realm = msgspec.structs.replace(estate.realms[0], directory="samba")
    samba = msgspec.structs.replace(estate, realms=(realm,))
    sizes: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as directory:
        cache = Path(directory) / "cache"
        for number in range(rounds + 1):
            for name, value in (await measure_samba(samba, cache, Path(directory) / f"samba-{number}")).items():
                sizes[name].append(value)
            with measure("krb5kdc, copy and start"):
                kdc = Kdc(prepare_realm(estate, cache).copy_to(Path(directory) / f"mit-{number}"))
                await kdc.start()
            await kdc.stop()
    first = {name: round(values.pop(0), 1) for name, values in times.items()}
    middle = {name: round(median(values), 1) for name, values in times.items()}
    result = {
        "rounds": rounds,
        "first": first,
        "milliseconds": middle,
        "sizes": {name: round(median(values), 1) for name, values in sizes.items()},
        "ratios": {"samba / krb5kdc": round(middle["samba, copy and start"] / middle["krb5kdc, copy and start"], 1)},
    }
    print(json.dumps(result, indent=2))


async def main() -> None:
    """Measure both in alternation, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rounds", nargs="?", type=int, default=9)
    parser.add_argument("--directory", choices=("mit", "samba"), default="mit")
    options = parser.parse_args()
    rounds: int = options.rounds
    if options.directory == "samba":
        await compare_samba(rounds)
        return
    rates: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as directory:
        cache, estates = (
            Path(directory) / "cache",
            {"lab, one realm": default_estate(), "lab, two realms": build_two_realms()},
        )
        for number in range(-1, rounds):
            for name, estate in estates.items():
                await measure_lab(name, estate, cache, Path(directory) / f"{name}-{number}")
        for name, values in times.items():
            if name.startswith("lab"):
                del values[0]  # the realms were made in it
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
            "lab with two realms and two KDCs / with one": round(
                middle["lab, two realms"] / middle["lab, one realm"], 3
            ),
            "the same by CPU time": round(middle["lab, two realms, CPU"] / middle["lab, one realm, CPU"], 3),
            "lab with one realm / k5test whole": round(middle["lab, one realm"] / middle["k5test, whole"], 3),
            "copy, start, kinit / k5test whole": round(
                (middle["copy and start"] + middle["kinit"]) / middle["k5test, whole"], 3
            ),
        },
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    asyncio.run(main())
