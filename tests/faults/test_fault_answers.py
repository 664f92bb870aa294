"""Any answer at all, and the end of a connection, as curl sees them in a lab."""

import json
import subprocess

import pytest

from ssosim.cli.fault import fields_of
from ssosim.estate import default_estate
from ssosim.faults import FaultError, HttpAnswer, fault_from
from ssosim.lab.errors import LabInputError
from ssosim.lab.lab import Lab


async def _curl(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    import asyncio  # noqa: PLC0415 - only here

    host, port = lab.endpoint("192.0.2.10", 443)
    command = ["curl", "-sk", "--connect-to", f"::{host}:{port}", "https://login.microsoftonline.com/common/x", *words]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=20)


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
        assert (event.status, event.struck) == (0, True)


@pytest.mark.parametrize(("name", "key"), [("http-answer", "body"), ("http-page", "title")])
def test_text_that_is_none_is_refused(name, key):
    """Half of a UTF-16 pair, which JSON can name: no such fault comes into force, where it could not be listed."""
    with pytest.raises(FaultError, match=key):
        fault_from(json.loads(json.dumps({"fault": name, key: "a\ud800b"})))


@pytest.mark.parametrize(
    "wrong", [{"status": 99}, {"headers": {"A b": "c"}}, {"headers": {"A": "b\r\nC: d"}}, {"content_type": "a\nb"}]
)
def test_what_cannot_be_sent_is_refused(wrong):
    """No status that HTTP does not have, and no header that would make others."""
    with pytest.raises(FaultError):
        fault_from(json.loads(json.dumps({"fault": "http-answer", **wrong})))


def test_headers_on_the_command_line():
    """A table is written with colons and commas; a word without a colon is named."""
    words = ["status=401", "headers=WWW-Authenticate: Negotiate,X-Odd:1:2"]
    headers = {"WWW-Authenticate": "Negotiate", "X-Odd": "1:2"}
    assert fault_from(fields_of("http-answer", words)) == HttpAnswer(status=401, headers=headers)
    with pytest.raises(LabInputError, match="headers: 'Negotiate' is not written as NAME:VALUE"):
        fields_of("http-answer", ["headers=Negotiate"])
