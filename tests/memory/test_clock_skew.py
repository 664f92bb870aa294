"""Wrong clocks of devices, KDCs and services: the same over real Kerberos and in memory, and as real programs do it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ssosim.estate import default_estate, parse_estate
from ssosim.faults import Fault, FaultError, fault_from
from ssosim.faults.core.clocks import TOLERANCE_S, Offset, check_times
from ssosim.kerberos import Kdc, PreparedRealm, prepare_realm, write_krb5_conf
from ssosim.kerberos import faketime as faketime_of_lab
from ssosim.kerberos.ccache_offset import read_time_offset, write_time_offset
from ssosim.kerberos.faketime import build_clock_environment
from ssosim.kerberos.kinit import kinit
from ssosim.memory import Engine, MemoryLab
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.in_memory import play_in_memory
from ssosim.trace import HttpExchange
from ssosim.verdict.outcome import Outcome
from tests.realm_estates import with_proxy

from .both import scenario
from .calls import START, Seen, Step, in_memory, over_sockets
from .rows import LOGIN
from .test_key_faults import AUTOLOGON, STS, ask, checks, present

SKEW, EARLY = "KRB_AP_ERR_SKEW", "KRB_AP_ERR_TKT_NYV"
OK = "accepted"


def clock(of: str, seconds: int, **fields: Any) -> Fault:
    """The fault ``clock-skew``."""
    return fault_from({"fault": "clock-skew", "of": of, "seconds": seconds, **fields})


def seen(calls: Seen) -> list[tuple[str, tuple[int, ...]]]:
    """What KDC, device and services said about tickets: outcome and faults of each refusal, and what was accepted."""
    found = []
    for _, _, records in calls:
        for kind, event in records:
            if kind == "KdcExchange" and event["outcome"] != "issued":
                found.append((f"{event['request']} {event['outcome']}", event["faults"]))
            elif kind == "TicketChecked":
                code = re.search(r"KRB_AP_ERR_\w+", event["reason"])
                found.append((OK if event["accepted"] else code[0] if code else event["reason"], event["faults"]))
    return found


TGS_SKEW, TGS_EARLY = [(f"TGS {SKEW}", (1,))] * 2, [(f"TGS {EARLY}", (1,))] * 2
GOOD: tuple[str, tuple[int, ...]] = (OK, ())
CASES: dict[str, tuple[list[Step], list[tuple[str, tuple[int, ...]]]]] = {
    "device-ahead": ([clock("device", 600), present()], TGS_SKEW),
    "device-behind": ([clock("device", -600), present()], TGS_SKEW),
    "device-within": ([clock("device", 290), present(), None, clock("device", -290), present()], [GOOD] * 2),
    "device-with-ticket": ([present(), clock("device", 600), present()], [GOOD, (SKEW, (1,))]),
    "device-corrected": ([present(), clock("device", 600), present(), None, present()], [GOOD, (SKEW, (1,)), GOOD]),
    "device-before-its-ticket": ([present(), clock("device", -600), present()], [GOOD, (f"AP {EARLY}", (1,))]),
    "signed-on-while-wrong": ([present(), clock("device", 36_100), present()], [GOOD] * 2),
    "signed-on-while-wrong-then-corrected": (
        [present(), clock("device", 36_100), present(), None, present()],
        [GOOD, GOOD, (f"AP {EARLY}", (1,))],
    ),
    "another-device": ([clock("device", 600, clients=["nobody"]), present()], [GOOD]),
    "kdc-ahead": ([clock("kdc", 600), present()], TGS_SKEW),
    "kdc-behind": ([clock("kdc", -600), present()], TGS_EARLY),
    "kdc-within": ([clock("kdc", -290), present()], [GOOD]),
    "kdc-with-ticket": ([present(), clock("kdc", 600), present()], [GOOD] * 2),
    "kdc-corrected": ([clock("kdc", 600), present(), None, present()], [*TGS_SKEW, GOOD]),
    "kdc-and-device-together": (
        [clock("kdc", 600), clock("device", 600), present()],
        [(EARLY, (1,))],
    ),
    "kdc-device-and-service-together": (
        [clock("kdc", 600), clock("device", 600), clock("service", 600), present()],
        [GOOD],
    ),
    "kdc-before-unknown-name": ([clock("kdc", 600), ask("HTTP/nobody.example.com")], TGS_SKEW),
    "service-ahead": ([clock("service", 600), present()], [(SKEW, (1,))]),
    "service-behind": ([clock("service", -600), present()], [(EARLY, (1,))]),
    "service-within": ([clock("service", 290), present()], [GOOD]),
    "service-after-the-ticket": ([clock("service", 40_000), present()], [("KRB_AP_ERR_TKT_EXPIRED", (1,))]),
    "service-corrected": ([clock("service", 600), present(), None, present()], [(SKEW, (1,)), GOOD]),
    "another-service": ([clock("service", 600, host=STS), present()], [GOOD]),
    "opposite-directions": ([clock("device", 200), clock("service", -200), present()], [(SKEW, (1, 2))]),
    "same-direction": ([clock("device", 290), clock("service", 290), present()], [GOOD]),
    "one-to-blame": ([clock("device", -100), clock("service", 500), present()], [(SKEW, (1, 2))]),
    "two-clocks-cancel": ([clock("device", 600), clock("device", -600), present()], [GOOD]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_clocks_of_a_sign_in(name: str, prepared: Path) -> None:
    """KDC, service and device refuse what is more than 300 seconds off, and the faults that moved a clock are named."""
    acts, expected = CASES[name]
    there = in_memory(acts, default_estate(), [])
    assert seen(there) == expected
    assert over_sockets(acts, default_estate(), [], prepared) == there


def test_a_refusal_says_by_how_much() -> None:
    """The trace has the KRB error, the seconds, and whose clock the service compares with."""
    reason = checks(in_memory([clock("service", 600), present()], default_estate(), []))[0]["reason"]
    assert reason == (
        "skew: KRB_AP_ERR_SKEW: Clock skew too great (the authenticator is 600 s behind the clock of "
        "autologon.microsoftazuread-sso.com)"
    )


@pytest.mark.parametrize("seconds", [299, 300, 301])
@pytest.mark.parametrize("direction", [1, -1])
def test_the_tolerance_is_exact(seconds: int, direction: int) -> None:
    """A difference of 300 seconds is accepted, one of 301 is not: at the KDC, at the service, in both directions."""
    for of in ("device", "kdc", "service"):
        said = seen(in_memory([clock(of, direction * seconds), present()], default_estate(), []))
        assert (said == [GOOD]) == (seconds <= TOLERANCE_S)


def _set_clock(moment: float) -> dict[str, str]:
    """Variables for a program whose clock stands still at ``moment``."""
    return build_clock_environment(0) | {"FAKETIME": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))}


_MAKE_TOKEN = """
import asyncio, sys
from pathlib import Path
from ssosim.kerberos.gss import Initiator
print(asyncio.run(Initiator(Path(sys.argv[1]), Path(sys.argv[2])).request_token(sys.argv[3])).hex())
"""
_ACCEPT = """
import sys
from pathlib import Path
from ssosim.kerberos.gss import Acceptor
result = Acceptor(Path(sys.argv[1]), Path(sys.argv[2])).accept(bytes.fromhex(sys.argv[3]))
print(getattr(result, "text", "accepted"))
"""


def _run(code: str, moment: float, environment: dict[str, str], *arguments: object) -> str:
    """The last line that ``code`` prints while the clock of its process stands at ``moment``."""
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **environment, **_set_clock(moment)},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


@pytest.fixture
def realm(prepared: Path, tmp_path: Path) -> PreparedRealm:
    """The realm of the default estate."""
    return prepare_realm(default_estate(), prepared / "realms").copy_to(tmp_path / "kdc")


async def test_libkrb5_has_the_same_rule(realm: PreparedRealm, tmp_path: Path) -> None:
    """GSS-API decides as ``check_times``, with clocks that stand still: at the edges, and which error comes first."""
    conf, ccache, spn = tmp_path / "krb5.conf", tmp_path / "ccache", f"HTTP/{AUTOLOGON}"
    environment = {"KRB5_CONFIG": str(conf), "LC_ALL": "C", "TZ": "UTC"}
    async with Kdc(realm) as kdc:
        write_krb5_conf(conf, realm.name, "corp.contoso.com", [kdc.address])
        alice = default_estate().users[0]
        await kinit(str(alice.sam_account), alice.password, conf, ccache)
        command = [sys.executable, "-c", _MAKE_TOKEN, str(conf), str(ccache), spn]
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    show = ["klist", "-c", f"FILE:{ccache}"]
    shown = await asyncio.to_thread(
        subprocess.run, show, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    line = next(each for each in shown.stdout.splitlines() if spn in each)
    begins = datetime.strptime(line[:17], "%m/%d/%y %H:%M:%S").replace(tzinfo=UTC).timestamp()
    write_time_offset(ccache, 0)
    token = _run(_MAKE_TOKEN, begins + 200, environment, conf, ccache, spn)
    for service in (500, 501, -100, -101, -301):
        rule = check_times(Offset({}), 36_000, Offset({1: 200}), Offset({2: service}))
        cache = tmp_path / f"rcache{service}"
        said = _run(_ACCEPT, begins + service, environment, realm.keytab, cache, token)
        assert said.partition(":")[0] == ("accepted" if rule is None else rule.code.name), service


async def test_a_kdc_gets_another_clock_while_it_runs(realm: PreparedRealm, tmp_path: Path) -> None:
    """The KDC is started again at its address; what waits for its end goes on; the sign-on learns the new time."""
    conf, alice = tmp_path / "krb5.conf", default_estate().users[0]
    async with Kdc(realm) as kdc:
        write_krb5_conf(conf, realm.name, "corp.contoso.com", [kdc.address])

        async def sign_on(seconds: int) -> int:
            address, before = kdc.address, kdc.pid
            kdc.set_clock_offset(seconds)
            assert (kdc.address, kdc.pid != before) == (address, True)
            ccache = tmp_path / f"ccache{seconds}"
            ran = await asyncio.create_subprocess_exec(
                "kinit", "-c", f"FILE:{ccache}", str(alice.sam_account), env={**os.environ, "KRB5_CONFIG": str(conf)},
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            await ran.communicate(f"{alice.password}\n".encode())
            assert ran.returncode == 0
            return read_time_offset(ccache)

        async def work() -> list[int]:
            return [await sign_on(seconds) for seconds in (3600, -3600)]

        ahead, behind = await kdc.run_while_alive(work())
        assert abs(ahead - 3600) <= 60
        assert abs(behind + 3600) <= 60
        kdc.check_alive()


def test_the_offset_of_a_cache_is_written_where_there_is_none(tmp_path: Path) -> None:
    """A cache without a header gets one, another field of the header is kept, and the content is not touched."""
    ccache = tmp_path / "ccache"
    for header in (b"", b"\x00\x07\x00\x02ab", b"\x00\x01\x00\x08\x00\x00\x00\x05\x00\x00\x00\x00"):
        ccache.write_bytes(b"\x05\x04" + len(header).to_bytes(2, "big") + header + b"content")
        write_time_offset(ccache, -600)
        assert read_time_offset(ccache) == -600
        assert ccache.read_bytes().endswith(b"content")
        assert (b"\x00\x07\x00\x02ab" in ccache.read_bytes()) == (b"ab" in header)
    ccache.write_bytes(b"\x05\x03content")
    with pytest.raises(ValueError, match="no file of version 4"):
        write_time_offset(ccache, 1)


DATES: dict[str, tuple[Fault, str, int]] = {
    "login-host-behind": (clock("service", -7200, host=LOGIN), "office", 50008),
    "login-host-ahead": (clock("service", 7200, host=LOGIN), "msal4j-iwa", 50008),
    "autologon-and-login-host": (clock("service", 7200, host=AUTOLOGON), "office", 81010),
    "assertion-of-the-client": (clock("service", 7200, host=LOGIN), "token-validator", 700024),
    "device-of-the-client": (clock("device", 3600), "token-validator", 700024),
    "device-of-another-client": (clock("device", 3600, clients=["office"]), "token-validator", 0),
    "within-the-tolerance": (clock("service", 240), "office", 0),
}


@pytest.mark.parametrize("name", DATES)
def test_the_dates_of_a_sign_in(name: str) -> None:
    """What a service writes and checks has its clock, what a client writes that of its device; the fault is named."""
    fault, model, code = DATES[name]
    played = scenario([fault], [model])
    lab = MemoryLab(Engine(played.phases[0].start.timestamp()), played.estate(default_estate()))
    playback = play_in_memory(played, default_estate(), {model: model_of(played.clients[0])}, lab=lab)
    refused = [r.event for r in lab.trace.since() if isinstance(r.event, HttpExchange) and r.event.code]
    assert [each.code for each in refused[:1]] == ([code] if code else [])
    assert (playback.results[0].verdict.outcome is Outcome.SILENT) == (not code)
    if code not in (0, 81010):  # the check of the ticket names it
        assert refused[0].faults == (1,)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no-seconds": ({"of": "device", "seconds": 0}, "seconds 0 is not between -604800 and 604800"),
    "too-far": ({"of": "kdc", "seconds": 604_801}, "seconds 604801 is not between"),
    "clients-of-a-kdc": ({"of": "kdc", "seconds": 1, "clients": ["a"]}, 'clients limits the clock of a device.*"kdc"'),
    "host-of-a-device": ({"of": "device", "seconds": 1, "host": "a"}, "host limits the clock of a service"),
    "kdcs-of-a-service": ({"of": "service", "seconds": 1, "kdcs": ["a"]}, "kdcs limits the clock of a kdc"),
    "nobody's": ({"of": "resolver", "seconds": 1}, "of"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_clock_is_refused(name: str) -> None:
    """A mistake in the fields is refused with what is wrong."""
    fields, text = BAD[name]
    with pytest.raises(FaultError, match=text):
        fault_from({"fault": "clock-skew", **fields})


@pytest.mark.parametrize(
    ("field", "of", "name"),
    [
        ("host", "service", "elsewhere.example"),
        ("host", "service", "kdcproxy.contoso.com"),
        ("kdcs", "kdc", "elsewhere.example"),
    ],
)
def test_a_clock_that_the_estate_does_not_have_is_refused(field: str, of: str, name: str) -> None:
    """A host without such a service is refused with those that there are, and nothing has changed."""
    lab = MemoryLab(Engine(START), parse_estate(with_proxy(), "proxy.toml"))
    given = name if field == "host" else [name]
    with pytest.raises(FaultError, match=rf"{field}: there is no .*{name}.*; the hosts"):
        lab.faults.apply(clock(of, 600, **{field: given}))
    assert not lab.faults.active
    assert not lab.clocks.rules


def test_a_machine_without_libfaketime_says_so(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of a service over sockets needs the library; without it the fault is refused, with the package."""
    monkeypatch.setattr(faketime_of_lab, "_PLACES", ())
    faketime_of_lab.find_libfaketime.cache_clear()
    try:
        with pytest.raises(FaultError, match="install the package libfaketime"):
            over_sockets([], default_estate(), [clock("service", 600)], prepared)
    finally:
        faketime_of_lab.find_libfaketime.cache_clear()
