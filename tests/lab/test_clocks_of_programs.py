"""The clocks of the devices of real programs: by libfaketime, by the credential cache, or refused."""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ssosim.clock import SystemClock
from ssosim.faults.core.clocks import ClockRule, Clocks
from ssosim.kerberos.ccache_offset import read_time_offset
from ssosim.lab.program_devices import device_clocks
from ssosim.lab.program_devices.device_clocks import DeviceClocks, classify_program
from ssosim.trace import LabEvent, Trace

HOST = "autologon.microsoftazuread-sso.com"
URL = f"https://{HOST}/contoso.com/winauth/sso"
CURL = f"curl -sS --negotiate -u : -o /dev/null -w %{{http_code}} {URL}"
PYTHON = f"""
import gssapi, sys, time
time.sleep(0.01)
name = gssapi.Name("HTTP@{HOST}", gssapi.NameType.hostbased_service)
try:
    gssapi.SecurityContext(name=name, usage="initiate").step()
except gssapi.exceptions.GSSError as error:
    sys.exit(str(error))
"""


HALF = b"\x05\x04\0\x0c\0\x01\0\x08\0\0"
WHOLE = b"\x05\x04\0\0principal and credentials"


async def set_while_rewritten(home: Path, contents: list[bytes | None]) -> tuple[int | None, list[str]]:
    """Set a clock wrong while a program writes its cache: ``contents`` one after another, a retry for each.

    Returns the offset that the cache has then, None for half a file, and the texts in the trace.
    """
    clocks, trace = Clocks(), Trace(SystemClock())
    devices = DeviceClocks(clocks, trace)
    ccache = home / "ccache"
    ccache.write_bytes(WHOLE)
    devices.start("mine", "app", "", home)
    if contents[0] is not None:
        ccache.write_bytes(contents[0])
    clocks.apply((ClockRule("device", -600),))
    for content in contents[1:]:
        await asyncio.sleep(0)
        if content is None:
            ccache.unlink()
        else:
            ccache.write_bytes(content)
        await asyncio.sleep(2 * device_clocks._RETRY_S)
    texts = [record.event.text for record in trace.since() if isinstance(record.event, LabEvent)]
    try:
        return read_time_offset(ccache), texts
    except ValueError:
        return None, texts


@pytest.mark.parametrize("contents", [[HALF, WHOLE], [b"", HALF, WHOLE], [WHOLE]])
def test_a_cache_that_is_being_written_gets_the_clock_afterwards(tmp_path: Path, contents: list[bytes | None]) -> None:
    """A fault while the program signs on again is no error of the lab: the offset is written when the file is whole."""
    assert asyncio.run(set_while_rewritten(tmp_path, contents)) == (-600, [])


def test_a_cache_that_stays_half_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program keeps its clock, so the trace says that it was not changed, and why."""
    monkeypatch.setattr(device_clocks, "_ATTEMPTS", 2)
    offset, texts = asyncio.run(set_while_rewritten(tmp_path, [HALF, HALF, HALF]))
    assert offset is None
    (text,) = texts
    assert (
        text
        == "the clock of app has not been changed: its credential cache: the header of the credential cache is cut off"
    )


@pytest.fixture
def skewed(running: Any) -> Iterator[Any]:
    """A running lab; each test leaves it without a fault."""
    yield running
    running.run("fault", "undo", "all")


def skew(lab: Any, *fields: str) -> None:
    """Apply the fault."""
    done = lab.run("fault", "apply", "clock-skew", *fields)
    assert done.returncode == 0, done.stderr


def outcomes(lab: Any, client: str) -> list[str]:
    """What KDC and service said of the tickets of ``client``."""
    seen = [each for each in lab.records() if each["client"] == client]
    said = [each["outcome"] for each in seen if each["event"] == "KdcExchange" and each["request"] == "TGS"]
    return said + [each["reason"] for each in seen if each["event"] == "TicketChecked"]


def test_a_device_whose_clock_goes_wrong(skewed: Any) -> None:
    """The KDC refuses the requests of curl; after a new sign-on it is as before."""
    skew(skewed, "of=device", "seconds=600")
    assert skewed.run("exec", "--as", "curl-skew", "--", *CURL.split()).stdout == "401"
    assert set(outcomes(skewed, "curl-skew")) == {"KRB_AP_ERR_SKEW"}
    offset = skewed.run("exec", "--as", "date-skew", "--", "date", "+%s").stdout
    now = skewed.run(
        "exec", "--as", "date-python", "--", sys.executable, "-c", "import time; print(time.time())"
    ).stdout
    assert abs(int(offset) - float(now) - 600) < 120
    again = f'echo "$SSOSIM_PASSWORD" | kinit alice >/dev/null; {CURL}'
    assert skewed.run("exec", "--as", "sh-skew", "--", "sh", "-c", again).stdout == "200"


def test_each_program_gets_the_clock_that_works_with_it(skewed: Any, tmp_path: Path) -> None:
    """Python would fail under libfaketime: its libkrb5 gets the clock. What has no such clock is refused by name."""
    skew(skewed, "of=device", "seconds=-600")
    done = skewed.run("exec", "--as", "python-skew", "--", sys.executable, "-c", PYTHON)
    assert "Clock skew too great" in done.stderr
    texts = [each["text"] for each in skewed.records() if each["client"] == "python-skew" and "text" in each]
    assert any("600 s behind, for libkrb5 only: its other dates are those of the machine" in text for text in texts)
    own = _elf(tmp_path / "static", 1, 2)
    for command in ([own], ["env", "A=B", own]):
        refused = skewed.run("exec", "--", *command)
        assert (refused.returncode, "the clock of static cannot be set" in refused.stderr) == (125, True)
    (tmp_path / "krb5.conf").write_text("[libdefaults]\n  kdc_timesync = 0\n")
    refused = skewed.run("exec", "--etc", str(tmp_path), "--", "sh", "-c", "true")
    assert (refused.returncode, "has kdc_timesync = 0" in refused.stderr) == (125, True)


def test_a_scenario_refuses_a_program_without_such_a_clock(skewed: Any, tmp_path: Path) -> None:
    """A program that would show that a wrong clock does no harm is refused in a run, and the run says which."""
    command = f"{_elf(tmp_path / 'static', 1, 2)}"
    done = skewed.run("run", "clock-skew", "--exec", command)
    assert (done.returncode, "the clock of static cannot be set" in done.stderr) == (2, True)


def test_a_clock_of_kdc_and_service(skewed: Any) -> None:
    """A KDC with another clock refuses the ticket of the sign-on, and a service the ticket of the KDC."""
    skew(skewed, "of=kdc", "seconds=600")
    assert skewed.run("exec", "--as", "curl-kdc", "--", *CURL.split()).stdout == "401"
    assert set(outcomes(skewed, "curl-kdc")) == {"KRB_AP_ERR_SKEW"}
    skewed.run("fault", "undo", "all")
    skew(skewed, "of=service", "seconds=600", f"host={HOST}")
    assert skewed.run("exec", "--as", "curl-service", "--", *CURL.split()).stdout == "403"
    issued, reason = outcomes(skewed, "curl-service")
    assert issued == "issued"
    assert reason.startswith("skew: KRB_AP_ERR_SKEW")
    assert reason.endswith(f"(the authenticator is 600 s behind the clock of {HOST})")
    skewed.run("fault", "undo", "all")
    assert skewed.run("exec", "--as", "curl-right", "--", *CURL.split()).stdout == "200"


def _elf(path: Path, *kinds: int, end: bytes = b"") -> str:
    """Write a file with the headers of a program that has segments of these kinds."""
    header = bytearray(64)
    header[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", header, 32, 64)
    struct.pack_into("<HH", header, 54, 56, len(kinds))
    path.write_bytes(header + b"".join(struct.pack("<I", kind).ljust(56, b"\0") for kind in kinds) + end)
    path.chmod(0o755)
    return str(path)


def test_what_reads_its_clock_how(tmp_path: Path) -> None:
    """Static programs, those in Go and Java read it themselves; scripts as their interpreter; all others by libkrb5."""
    assert classify_program(_elf(tmp_path / "static", 1, 2)) == "itself"
    assert classify_program(_elf(tmp_path / "go", 1, 3, end=b"..\xff Go buildinf:..")) == "itself"
    assert classify_program(_elf(tmp_path / "java", 3)) == "itself"
    assert classify_program(_elf(tmp_path / "curl", 1, 3)) == "faketime"
    assert classify_program(_elf(tmp_path / "firefox", 1, 3)) == "krb5"
    for number, (line, reads) in enumerate(
        {
            f"#!{tmp_path}/go -x": "itself",
            f"#!/usr/bin/env {tmp_path}/curl": "faketime",
            f"#!{sys.executable}": "krb5",
            "#!": "krb5",
            "echo": "krb5",
            "": "krb5",
        }.items()
    ):
        script = tmp_path / f"script{number}"
        script.write_text(f"{line}\n")
        assert classify_program(str(script)) == reads, line
    loop = tmp_path / "loop"
    loop.write_text(f"#!{loop}\n")
    assert classify_program(str(loop)) == "krb5"
    assert classify_program(str(tmp_path / "missing")) == "krb5"
