"""A benchmark says that its target is met only if the work that it measures was done."""

import importlib
import json
import socket
import subprocess
import threading
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import dns.message
import pytest
from dns.rcode import SERVFAIL
from ssosim_clients.ports import Device

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"


@pytest.fixture
def load(monkeypatch):
    """Give a function that imports a module of ``bench/``, which is no package."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # bench/harness.py removes it
    monkeypatch.syspath_prepend(BENCH)

    def import_module(name: str) -> ModuleType:
        return importlib.import_module(name)

    return import_module


def soak_counts(**changes: dict[str, int]) -> dict[str, dict[str, int]]:
    """Return what the programs of the soak count where all is well, with ``changes``."""
    return {
        "dns": {"rcode 0": 900, "rcode 3": 900, "about the faulted name": 100, "no message": 100},
        "tls": {"broken connections": 900},
        "http": {"status 200": 900, "status 400": 900, "status 404": 900},
    } | changes


@pytest.mark.parametrize(
    ("changes", "log", "found"),
    [
        ({}, "", []),
        (
            {"http": {"status 200": 9, "status 400": 9, "status 404": 9, "status 500": 1}},
            "",
            ["http: 1 times status 500"],
        ),
        ({"http": {}}, "", ["http: never status 200", "http: never status 400", "http: never status 404"]),
        ({"tls": {"broken connections": 9, "ConnectionRefusedError": 1}}, "", ["tls: 1 times ConnectionRefusedError"]),
        ({"tls": {"broken connections": 9, "TimeoutError": 1}}, "", ["tls: 1 times TimeoutError"]),
        ({"tls": {"broken connections": 9999, "TimeoutError": 1}}, "", []),
        ({}, "Traceback (most recent call last):\nValueError\n", ["lab.log: ValueError"]),
    ],
)
def test_the_soak_fails_where_the_lab_fails(changes, log, found, load):
    """An answer with status 500, a load that did nothing, lost connections and an error in the log are found."""
    soak = load("soak")
    soaked = soak.Soak([], None, {}, soak_counts(**changes))
    assert [each.removeprefix("load ") for each in soak.find_failures(soaked, log)] == found


def test_the_soak_fails_where_a_command_fails(load, monkeypatch):
    """An exit code that is not expected is found, and Python's own for an exception too."""
    soak, failures, counts = load("soak"), [], {}
    done = [("", 0), ("", 2), ("Traceback", 1)]
    for number, (error, code) in zip((0, 0, 4), done, strict=True):
        monkeypatch.setattr(soak, "run", lambda *words: subprocess.CompletedProcess(words, code, "", error))  # noqa: B023
        soak.disturb(number, counts, failures)
    assert ["exit code" + each.partition("exit code")[2] for each in failures] == [
        "exit code 2: ",
        "exit code 1: Traceback",
    ]
    assert soak.find_failures(soak.Soak([], None, counts, soak_counts(), tuple(failures)), "") == failures


def test_a_check_of_zones_that_breaks_is_not_measured(load):
    """Python ends with 1 after an exception, as ``dns check`` does with a finding: the output tells them apart."""
    dns_check = load("dns_check")
    assert dns_check.measure("-c", "print('nothing found')", said="nothing found").cpu_s > 0
    assert dns_check.measure("-c", "import sys; print('worse'); sys.exit(1)", said="worse").cpu_s > 0
    for code in ("1 / 0", "print('worse'); import sys; sys.exit(2)"):
        with pytest.raises(SystemExit):
            dns_check.measure("-c", code, said="worse")
    with pytest.raises(SystemExit):
        dns_check.measure("-c", "1 / 0")


def test_zones_too_large_for_the_reference_are_not_judged(load):
    """Without a size that dnspython reads as well, there is no ratio, and no result."""
    with pytest.raises(SystemExit, match="nothing to compare with"):
        load("dns_check").main([200_000])


@pytest.mark.parametrize(
    ("once", "codes", "passes"),
    [
        (False, "NOERROR 50 (100.00%)", True),
        (False, "REFUSED 50 (100.00%)", False),
        (False, "NOERROR 49 (98.00%), SERVFAIL 1 (2.00%)", False),
        (True, "NXDOMAIN 50 (100.00%)", True),
        (True, "NOERROR 50 (100.00%)", False),
    ],
)
def test_refusals_are_no_answers(once, codes, passes, load, monkeypatch, tmp_path):
    """A server that refuses each question is quick: the benchmark ends."""
    dns_qps = load("dns_qps")
    text = f"  Queries lost: 0 (0.00%)\n  Queries completed:    50 (100%)\n  Response codes:       {codes}\n"
    text += "  Queries per second:   100.5\n"
    monkeypatch.setattr(subprocess, "run", lambda *words, **_: subprocess.CompletedProcess(words, 0, text, ""))
    if passes:
        assert dns_qps.run_dnsperf(53, tmp_path / "queries", 1, once=once) == (100.5, 50)
    else:
        with pytest.raises(SystemExit):
            dns_qps.run_dnsperf(53, tmp_path / "queries", 1, once=once)


@pytest.mark.parametrize("error", [False, True])
def test_a_client_that_is_not_answered_has_not_waited_for_nothing(error, load, monkeypatch):
    """The longest wait of a client without answers is not 0 s: the benchmark ends."""
    change_stalls = load("change_stalls")
    monkeypatch.setattr(change_stalls, "PATIENCE_S", 60.0 if error else 0.01)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        asker = change_stalls.Asker(server.getsockname())
        asker.start()
        if error:
            query, client = server.recvfrom(4096)
            response = dns.message.make_response(dns.message.from_wire(query))
            response.set_rcode(SERVFAIL)
            server.sendto(response.to_wire(), client)
        with pytest.raises(SystemExit, match="not answered"):
            asker.longest_wait()
        asker.join()


def test_a_client_that_is_answered_has_its_longest_wait(load):
    """Each answer counts; one that is still due is waited for."""
    change_stalls = load("change_stalls")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        asker = change_stalls.Asker(server.getsockname())

        def answer() -> None:
            while not asker.ended.is_set():
                query, client = server.recvfrom(4096)
                if len(query) > 1:
                    server.sendto(dns.message.make_response(dns.message.from_wire(query)).to_wire(), client)

        answering = threading.Thread(target=answer)
        answering.start()
        asker.start()
        assert 0 < asker.longest_wait() < change_stalls.PATIENCE_S
        asker.ended.set()
        asker.join()
        server.sendto(b"x", server.getsockname())  # wakes the thread
        answering.join()


def test_all_processes_of_a_lab_count(load):
    """Two processes with one name are added; a lab without its KDC is no lab."""
    add_up = load("lab_memory").add_up
    found = [
        ("launcher", (1, 2)),
        ("supervisor", (3, 4)),
        ("lab", (5, 6)),
        ("krb5kdc", (7, 8)),
        ("supervisor", (9, 10)),
    ]
    assert add_up(found) == {"launcher": (1, 2), "supervisor": (12, 14), "lab": (5, 6), "krb5kdc": (7, 8)}
    with pytest.raises(SystemExit, match="launcher, supervisor"):
        add_up([found[0], found[1], found[2]])


@pytest.mark.parametrize(("arrived", "passes"), [((2, 2), True), ((2, 1), False), ((0, 2), False), ((0, 0), False)])
def test_requests_that_do_not_arrive_are_missed(arrived, passes, load, monkeypatch):
    """A host or token endpoint that was not asked each time has no server time."""
    managed_identity = load("managed_identity")
    records = [
        {"client": "tokens", "event": "HttpExchange", "status": 200, "step": step, "elapsed_ms": 1.5}
        for step, number in zip(("managed-identity", "token"), arrived, strict=True)
        for _ in range(number)
    ]
    monkeypatch.setattr(managed_identity, "run", lambda *_: "\n".join(map(json.dumps, records)))
    if passes:
        assert managed_identity.measure_server_times(2) == {"managed-identity": [1.5, 1.5], "token": [1.5, 1.5]}
    else:
        with pytest.raises(SystemExit, match="of 2 requests each"):
            managed_identity.measure_server_times(2)


@pytest.mark.parametrize(
    ("client", "expected", "as_expected", "passes"),
    [
        ("office", "silent", True, True),
        ("office", "silent", False, False),
        ("office", None, True, False),
        ("another", "silent", True, False),
    ],
)
def test_a_scenario_that_ends_otherwise_is_not_measured(client, expected, as_expected, passes, load):
    """A sign-in that fails may take less time; a play in which nothing was judged says nothing."""
    result = SimpleNamespace(client=client, phase="outage", expected=expected, as_expected=as_expected)
    require = load("scenarios").require_expected
    if passes:
        require("feb-2025", SimpleNamespace(results=[result]))
    else:
        with pytest.raises(SystemExit, match="feb-2025: not as expected"):
            require("feb-2025", SimpleNamespace(results=[result]))


def test_every_benchmark_with_a_target_is_judged(load):
    """A benchmark that judges is played by ``make bench``, or the README says that it is not."""
    judging = {path.stem for path in BENCH.glob("*.py") if "print_result(\n" in path.read_text(encoding="utf-8")}
    rows = (BENCH / "README.md").read_text(encoding="utf-8").splitlines()
    apart = {row.partition("`")[2].partition(".py")[0] for row in rows if "Not part of `make bench`" in row}
    assert judging - apart - {bench.name for bench in load("summary").BENCHES} == set()
    assert len(judging) > 10


def test_every_module_is_checked_for_types():
    """The modules of ``bench/`` are no package: each is named."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["modules"]
    assert named == sorted(path.stem for path in BENCH.glob("*.py"))


def test_a_replay_that_asks_for_less_is_no_reference(load):
    """The reference is the same model: what was written down is read to its end."""
    bare_model = load("bare_model")
    model = SimpleNamespace(name="hasty", sign_in=hasty_sign_in)
    device = Device(upn="alice@contoso.com", **dict.fromkeys(("resolver", "http", "kerberos", "clock", "user")))
    recorded = bare_model.Recorded(model, [(device, [1.0, 2.0])])
    with pytest.raises(SystemExit, match="hasty: 1 answers"):
        recorded.again_ms()


async def hasty_sign_in(device):
    """Ask for the time once."""
    device.clock.now()
