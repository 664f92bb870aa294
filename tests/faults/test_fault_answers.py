"""Any answer at all, and the end of a connection, as curl sees them in a lab."""

import asyncio
import json
import subprocess

import pytest

from ssosim.cli.fault import fields_of
from ssosim.clock import VirtualClock
from ssosim.estate import default_estate
from ssosim.faults import CertificateExpired, FaultError, HttpAnswer, HttpDelay, HttpStatus, fault_from
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.core.lab import Lab


async def _curl(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    host, port = lab.endpoint("192.0.2.10", 443)
    command = ["curl", "-sk", "--connect-to", f"::{host}:{port}", "https://login.microsoftonline.com/common/x", *words]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=60)


async def test_exactly_this_answer(tmp_path, prepared):
    """Status, body, type and headers come as the fault has them, and the trace has the exchange."""
    fault = HttpAnswer(path="/x", status=401, body="no", content_type="text/odd", headers={"WWW-Authenticate": "Basic"})
    async with Lab(default_estate(), tmp_path / "home", prepared) as lab:
        undo = fault.apply(lab)
        done = await _curl(lab, "-w", "|%{http_code}|%{content_type}|%header{www-authenticate}")
        assert done.stdout == "no|401|text/odd|Basic"
        assert [record.event.status for record in lab.trace if record.event.layer == "http"] == [401]
        undo()
        assert (await _curl(lab, "-w", "|%{http_code}")).stdout.endswith("|404")


async def test_a_dropped_connection_has_no_answer(tmp_path, prepared):
    """The request is in the trace with no status, and the client finds the connection at its end, at once."""
    async with Lab(default_estate(), tmp_path / "home", prepared) as lab:
        fault_from({"fault": "http-dropped", "path": "/x"}).apply(lab)
        assert (await _curl(lab)).returncode in (52, 56), "empty reply, or the connection broke off"
        (event,) = [record.event for record in lab.trace if record.event.layer == "http"]
        assert (event.status, event.injected) == (0, True)


async def test_an_answer_that_comes_too_late_is_none(tmp_path, prepared):
    """A caller that has gone when its answer would come got none: no token is given to nobody, the status is 0."""
    async with Lab(default_estate(), tmp_path / "home", prepared) as lab:
        HttpDelay(seconds=1.5, path="/x").apply(lab)
        assert (await _curl(lab, "-m", "0.5")).returncode == 28
        async with asyncio.timeout(60):
            while not (seen := [r.event for r in lab.trace if r.event.layer == "http"]):  # noqa: ASYNC110 - plainest
                await asyncio.sleep(0.05)
        assert [(event.status, event.injected) for event in seen] == [(0, True)]


async def test_a_program_is_held_in_real_time(tmp_path, prepared):
    """Virtual time stands still while programs run: an answer is late by real seconds there, and the clock goes on."""
    clock = VirtualClock(1.75e9)
    async with Lab(default_estate(), tmp_path / "home", prepared, clock=clock) as lab:
        HttpDelay(seconds=0.4, path="/x").apply(lab)
        done = await _curl(lab, "-w", "|%{http_code}|%{time_starttransfer}")
        _, status, after_s = done.stdout.split("|")
        assert status == "404"
        assert float(after_s) >= 0.4
        async with asyncio.timeout(60):
            await clock.run_until(1.75e9 + 60)


@pytest.mark.parametrize(("name", "key"), [("http-answer", "body"), ("http-page", "title")])
def test_text_that_is_none_is_refused(name, key):
    """Half of a UTF-16 pair, which JSON can name: no such fault comes into force, where it could not be listed."""
    with pytest.raises(FaultError, match=key):
        fault_from(json.loads(json.dumps({"fault": name, key: "a\ud800b"})))


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 99},
        {"headers": {"A b": "c"}},
        {"headers": {"A": "b\r\nC: d"}},
        {"headers": {"Transfer-encoding": "chunked"}},
        {"headers": {"Content-Length": "7"}},
        {"content_type": "a\nb"},
    ],
)
def test_what_cannot_be_sent_is_refused(wrong):
    """No status that HTTP does not have, no header that would make others or say where the answer ends."""
    with pytest.raises(FaultError):
        fault_from(json.loads(json.dumps({"fault": "http-answer", **wrong})))


def test_headers_on_the_command_line():
    """A table is written with colons and commas; a word without a colon is named."""
    words = ["status=401", "headers=WWW-Authenticate: Negotiate,X-Odd:1:2"]
    headers = {"WWW-Authenticate": "Negotiate", "X-Odd": "1:2"}
    assert fault_from(fields_of("http-answer", words)) == HttpAnswer(status=401, headers=headers)
    with pytest.raises(LabInputError, match="headers: 'Negotiate' is not written as NAME:VALUE"):
        fields_of("http-answer", ["headers=Negotiate"])


@pytest.mark.parametrize("fault", [HttpStatus(host="login.microsoftonline.co"), CertificateExpired(host="autologon.x")])
async def test_a_host_that_serves_nothing_is_named(tmp_path, prepared, fault):
    """A fault with a slip of the pen would never strike: it is refused, with the hosts that there are."""
    async with Lab(default_estate(), tmp_path, prepared) as lab:
        with pytest.raises(FaultError, match=r"nothing is served at .*; there is: login.microsoftonline.com"):
            lab.faults.add(fault)
        assert lab.faults.active == ()
        lab.faults.add(HttpStatus(host="LOGIN.microsoftonline.com."))
