"""``ssosim trace``, ``explain``, ``status`` and ``down``: which records, which lab, and which exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from ssosim.cli.documents import DOCUMENTS
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.trace import ClientFinished, DnsAnswered, LabEvent, Record, UserPrompted
from ssosim.trace.export import record_to_json

DNS = {"type": "A", "transport": "udp"}
RECORDS = (
    Record(1, 1_740_000_000.0, "", LabEvent(part="lab", text="it is up")),
    Record(2, 1_740_000_001.0, "office", UserPrompted(reason="no ticket")),
    Record(3, 1_740_000_002.0, "office", DnsAnswered(name="a.test", rcode="NXDOMAIN", answers=(), **DNS)),  # type: ignore[arg-type]
    Record(4, 1_740_000_003.0, "curl-1", DnsAnswered(name="b.test", rcode="NOERROR", answers=("A 192.0.2.1",), **DNS)),  # type: ignore[arg-type]
    Record(5, 1_740_000_004.0, "curl-1", ClientFinished(program="curl", exit_code=6, running_s=1.0)),
)


def write_trace(name: str, text: str | None = None) -> LabFolder:
    """The folder of a lab that has stopped, with a trace."""
    folder = LabFolder.of(name)
    folder.create()
    lines = "".join(f"{record_to_json(record)}\n" for record in RECORDS) if text is None else text
    folder.trace.write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture
def trace(own_home: Path) -> LabFolder:
    """The trace of the lab "default"."""
    assert own_home.is_dir()
    return write_trace("default")


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("--client office", [2, 3]),
        ("--layer dns", [3, 4]),
        ("--client curl-1 --layer dns", [4]),
        ("--client office --layer kerberos", []),
        ("--layer lab", [1]),
        ("--follow", [1, 2, 3, 4, 5]),
    ],
)
@pytest.mark.usefixtures("trace")
def test_the_records_that_are_asked_for(words, numbers, play_command):
    """Exactly the records of this client and layer, in order; as JSON Lines they are the recorded ones."""
    ended = play_command("trace", *words.split(), "--json")
    assert ended.code == 0
    assert [json.loads(line)["seq"] for line in ended.out.splitlines()] == numbers
    assert ended.out == "".join(f"{record_to_json(RECORDS[number - 1])}\n" for number in numbers)
    assert len(play_command("trace", *words.split()).out.splitlines()) == len(numbers)


@pytest.mark.parametrize(
    ("client", "says"), [("ofice", "office"), ("curl", "curl-1"), ("", "curl-1"), ("OFFICE", "office")]
)
@pytest.mark.usefixtures("trace")
def test_an_unknown_client_is_not_a_client_that_did_nothing(client, says, play_command):
    """A slip in ``--client`` is exit code 2 with the clients that there are; it is no empty trace."""
    ended = play_command("trace", f"--client={client}")
    if client == "":  # the lab itself
        assert (ended.code, len(ended.out.splitlines())) == (0, 1)
    else:
        assert (ended.code, ended.out) == (2, "")
        assert says in ended.err


@pytest.mark.parametrize(
    "line", ["{}", "[]", "x", '{"version":"2"}', record_to_json(RECORDS[0]).replace('"seq":1', '"seq":-1')], ids=repr
)
@pytest.mark.parametrize("command", ["trace", "explain --name default"])
def test_a_line_that_is_no_record_is_an_error(line, command, own_home, play_command):
    """A line of another version or a damaged one ends the command with exit code 2; it is not passed over."""
    assert own_home.is_dir()
    write_trace("default", f"{record_to_json(RECORDS[0])}\n{line}\n{record_to_json(RECORDS[1])}\n")
    ended = play_command(*command.split())
    assert ended.code == 2
    assert "trace.jsonl: not a trace record" in ended.err
    assert "written by another version" in ended.err


@pytest.mark.parametrize("command", ["trace", "explain --name default", "explain"])
def test_no_trace_is_a_mistake_with_the_command_that_makes_one(command, own_home, play_command):
    """Without a trace: exit code 2, nothing on standard output, and what to run first."""
    assert own_home.is_dir()
    ended = play_command(*command.split())
    assert (ended.code, ended.out) == (2, "")
    assert "ssosim up" in ended.err or "ssosim run" in ended.err


def test_explain_takes_the_newest_trace(own_home, play_command):
    """Without ``--name`` it is the lab whose trace was written last; folders without one do not count."""
    assert own_home.is_dir()
    for number, name in enumerate(("b", "c", "a")):
        folder = write_trace(name, "".join(f"{record_to_json(record)}\n" for record in RECORDS[: 5 - number]))
        os.utime(folder.trace, (1000 + (number != 1), 1000 + (number != 1)))
    LabFolder.of("z").create()
    os.utime(LabFolder.of("c").trace, (5000, 5000))
    ended = play_command("explain", "--client", "nobody")
    assert ended.code == 2
    assert "nothing to explain in c;" in ended.err


@pytest.mark.usefixtures("trace")
def test_explain_names_the_clients_and_phases_that_there_are(play_command):
    """A client or phase that the trace does not have is exit code 2; the document has the explanations of the rest."""
    for words in (["--client", "ofice"], ["--phase", "cname"], ["--client", "office", "--phase", "x"]):
        ended = play_command("explain", *words, "--json")
        assert (ended.code, ended.out) == (2, "")
        assert "its clients: " in ended.err
        assert "office" in ended.err
    document = play_command("explain", "--client", "office", "--json").document
    msgspec.convert(document, DOCUMENTS["explain"])
    assert {each["client"] for each in document["explanations"]} == {"office"}


STATUS = {
    "name": "default", "state": "up", "estate": "Contoso", "pid": 7, "ready_s": 0.5, "uptime_s": 1.0, "folder": "/f",
    "trace_records": 3, "parts": [{"part": "kdc", "what": "realm X", "where": "h"}], "api": {"socket": "/s"},
}  # fmt: skip


@pytest.fixture
def lab(answering_lab, monkeypatch):
    """A lab "default" that is up, for the commands that send requests themselves."""
    LabFolder.of("default").create()
    for module in ("status", "down"):
        monkeypatch.setattr(f"ssosim.cli.{module}.send_request", answering_lab.send_request)
    answering_lab.answers["GET /v1/status"] = STATUS
    return answering_lab


@pytest.mark.parametrize(
    ("answer", "labs", "silent", "code"),
    [
        (STATUS, 1, [], 0),
        (LabError("does not answer"), 0, ["default"], 0),
        (LabInputError("no lab is up"), 0, [], 1),
        (STATUS | {"moon": "full"}, 0, ["default"], 0),
    ],
)
def test_the_exit_code_of_status_is_whether_a_lab_runs(answer, labs, silent, code, lab, play_command):
    """0 if a lab holds its lock, also one that does not answer; 1 if none is left; the document says the same."""
    lab.answers["GET /v1/status"] = answer
    for words in (["status"], ["status", "--name", "default"]):
        document, text = play_command(*words, "--json"), play_command(*words)
        assert (document.code, text.code) == (code, code)
        assert (len(document.document["labs"]), document.document["not_answering"]) == (labs, silent)
        assert ('lab "default": up' in text.out) == bool(labs)
        assert ("does not answer" in text.out) == bool(silent)


def test_down_of_no_lab_is_a_mistake(own_home, play_command):
    """Where no lab is up nothing is stopped: exit code 2, and no document that says "stopped"."""
    assert own_home.is_dir()
    ended = play_command("down", "--json")
    assert (ended.code, ended.out, ended.err) == (2, "", 'ssosim: no lab "default" is up\n')


@pytest.mark.parametrize("ends", [True, False], ids=["ends when killed", "stays"])
def test_down_says_stopped_only_if_the_lab_has_ended(ends, lab, play_command, monkeypatch):
    """A lab that does not end by itself is killed; where its processes stay it is exit code 1 and no document."""
    killed: list[str] = []

    def kill(folder: LabFolder, _: float) -> bool:
        killed.append(folder.name)
        return ends

    monkeypatch.setattr("ssosim.cli.down.kill_lab", kill)
    monkeypatch.setattr("ssosim.cli.down.wait_until_stopped", lambda *_: False)
    monkeypatch.setattr("ssosim.cli.down.sweep_killed_labs", lambda: None)
    lab.answers["POST /v1/stop"] = {"stopping": True}
    ended = play_command("down", "--json")
    assert killed == ["default"]
    if ends:
        assert (ended.code, ended.document["stopped"]) == (0, True)
    else:
        assert (ended.code, ended.out) == (1, "")
        assert "cannot be stopped" in ended.err


@pytest.mark.parametrize("command", ["trace", "explain"])
def test_a_trace_that_is_cut_off_is_no_whole_one(command, trace, play_command):
    """A lab that was killed leaves a part of a line: what is complete is shown, with a note that the end is missing."""
    assert play_command(command).err == ""
    trace.trace.write_text(trace.trace.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    ended = play_command(command)
    assert ended.code == 0
    assert "note: the trace of default ends within a record" in ended.err
    trace.trace.write_text("", encoding="utf-8")
    assert "within a record" not in play_command(command).err


def test_records_that_were_dropped_are_counted(own_home, play_command):
    """The text of a trace has no numbers, so a note says how many of the records are not there."""
    assert own_home.is_dir()
    kept = [record for record in RECORDS if record.seq not in (1, 3)]
    write_trace("default", "".join(f"{record_to_json(record)}\n" for record in kept))
    ended = play_command("trace", "--client", "curl-1")
    assert (ended.code, len(ended.out.splitlines())) == (0, 2)
    assert "note: the trace lacks 2 of its 5 records" in ended.err
