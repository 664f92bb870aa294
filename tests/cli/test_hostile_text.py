"""Text of strangers on its way to a terminal: no command lets a control sequence through, in whatever field."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssosim
from ssosim.cli.main import COMMANDS, main
from ssosim.lab.base import errors as lab_errors
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.process.launcher import StartedLab
from ssosim.output import SafeStream, StatusLine, clean, clean_data, json_text, one_line, print_error
from ssosim.report.junit import junit_xml
from ssosim.trace import Record, events
from ssosim.trace.export import record_to_json

HOSTILE = "\x1b[2J\x1b]0;pwned\x07\r\x08\x7f\x9b31m\u202e\u2066\u200b\u2028\t\nFORGED: gate: may be applied"
FILE = HOSTILE.replace("/", "")
SOURCES = [Path(ssosim.__file__).parent]
SPACES = re.compile(r"[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def assert_safe(text: str) -> None:
    """Nothing but printable characters and line ends, and no line that a value has added."""
    for line in text.split("\n"):
        assert SPACES.sub(" ", line).isprintable(), repr(line)
        assert not line.startswith("FORGED"), text


def play(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command writes to both streams; checked, and without a traceback."""
    with contextlib.suppress(SystemExit):
        main(list(words))
    said = capsys.readouterr()
    assert_safe(said.out)
    assert_safe(said.err)
    assert "Traceback" not in said.err
    if "--json" in words and said.out:
        for document in said.out.splitlines() if words[0] == "trace" else [said.out]:
            json.loads(document)
    return said.out + said.err


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and a state folder in it."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "s"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def toml(text: str) -> str:
    """``text`` as a basic string of TOML."""
    return json.dumps(text).replace("\x7f", "\\u007f")


@given(st.text(alphabet=st.characters()))
def test_whatever_is_said_is_printable(text: str):
    """For any text, half surrogate pairs included: what is shown is printable, ``clean`` twice is ``clean`` once."""
    for shown in (clean(text, keep=""), one_line(text), *clean(text).split("\n")):
        assert SPACES.sub(" ", shown.replace("\t", "")).isprintable()
    assert clean(clean(text)) == clean(text)
    below = io.StringIO()
    assert SafeStream(below).write(text) == len(text)
    assert_safe(below.getvalue().replace("FORGED", ""))
    below.getvalue().encode()  # no half pair is left to break a stream


@given(
    st.recursive(
        st.text(st.characters()) | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    )
)
def test_json_keeps_its_values(value: Any):
    """JSON without raw control characters reads back as what went in."""
    written = json_text(json.dumps(value, indent=2, ensure_ascii=False))
    assert json.loads(written) == value
    assert all(SPACES.sub(" ", line).isprintable() for line in written.split("\n"))
    assert_safe(json.dumps(clean_data(value), ensure_ascii=False).replace("FORGED", ""))


def test_an_error_of_many_lines_is_one_message(capsys: pytest.CaptureFixture[str]):
    """A line end within an error does not begin another message."""
    print_error(f"{HOSTILE}\nssosim: forged")
    said = capsys.readouterr().err
    assert_safe(said)
    assert len(re.findall("^ssosim: ", said, re.MULTILINE)) == 1


def test_a_line_that_is_written_over_is_safe():
    """The one writer of a raw carriage return shows those of its text by their number."""
    terminal = io.StringIO()
    line = StatusLine(SafeStream(terminal))  # type: ignore[arg-type]
    line.show(HOSTILE)
    line.clear()
    assert_safe(terminal.getvalue().replace("\r", ""))
    assert terminal.getvalue().count("\r") == 3


def _writes(node: ast.AST) -> bool:
    """Whether this is a way to a terminal past the door."""
    match node:
        case ast.Call(func=ast.Name(id="print")):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="stdout" | "stderr"), attr="write" | "writelines")):
            return True
        case ast.Attribute(value=ast.Attribute(attr="stdout" | "stderr"), attr="buffer"):
            return True
    return False


def test_nothing_writes_past_the_door():
    """No module but ``ssosim.output`` prints. The exception speaks JSON in ASCII to a process of ours."""
    found = {
        f"{path.relative_to(root)}:{node.lineno}"
        for root in SOURCES
        for path in root.rglob("*.py")
        if path.name != "output.py" and path.relative_to(root) != Path("real_clients/batch.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if _writes(node)
    }
    assert found == set()


@pytest.mark.usefixtures("home")
def test_what_the_interpreter_itself_writes_is_guarded(capsys: pytest.CaptureFixture[str]):
    """Under ``main`` a text that goes to ``sys.stdout`` or ``sys.stderr`` by whatever way is safe."""

    def shout(_: Any) -> int:
        print(HOSTILE.replace("FORGED", ""))
        print(HOSTILE.replace("FORGED", ""), file=sys.stderr)
        return 0

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ssosim.cli.status.run", shout)
        play(capsys, "status")
    before = sys.stdout
    main(["status"])
    assert sys.stdout is before  # a caller's streams are its own again


WORDS = [
    ("run", FILE),
    ("run", "feb-2025", "--client", HOSTILE),
    ("run", "feb-2025", "--exec", HOSTILE),
    ("run", "feb-2025", "--exec", f"'{HOSTILE}"),
    ("run", "feb-2025", "--estate", FILE),
    ("run", "feb-2025", "--junit", f"{FILE}-not-there/x"),
    ("run", "feb-2025", "--report", f"{FILE}-not-there/x"),
    ("up", "--estate", FILE),
    ("up", "--name", HOSTILE),
    ("up", "--api", HOSTILE),
    ("down", "--name", HOSTILE),
    ("status", "--name", HOSTILE),
    ("exec", "--name", HOSTILE, "--", "true"),
    ("exec", "--deadline", HOSTILE, "--", "true"),
    ("exec", "--etc", FILE, "--", "true"),
    ("explain", "--name", HOSTILE),
    ("explain", "--client", HOSTILE),
    ("trace", "--name", HOSTILE),
    ("trace", "--layer", HOSTILE),
    ("scenarios", HOSTILE),
    ("clients", "--install", HOSTILE),
    ("clients", "--install", f"./{FILE}"),
    ("matrix", "--client", HOSTILE),
    ("matrix", "--scenario", HOSTILE, "--client", "curl"),
    ("matrix", "--json", f"{FILE}-not-there/x"),
    ("matrix", "--write", f"{FILE}-not-there/x"),
    ("spn", HOSTILE),
    ("spn", HOSTILE, "--client", HOSTILE),
    ("spn", HOSTILE, "--rule", HOSTILE),
    ("dns", HOSTILE),
    ("dns", "show", "--zones", FILE),
    ("dns", "show", HOSTILE, "--zones", "tree"),
    ("dns", "lint", "--zones", "tree"),
    ("dns", "lint", "--zones", "tree", "--json"),
    ("dns", "show", "--zones", "tree"),
    ("dns", "show", "--zones", "tree", "--json"),
    ("dns", "lint", "--zones", "broken"),
    ("dns", "load", FILE),
    ("dns", "plan", FILE),
    ("dns", "plan", "change.toml", "--zones", "tree"),
    ("dns", "plan", "change.toml", "--zones", "tree", "--json"),
    ("dns", "plan", "wrong.toml", "--zones", "tree"),
    ("dns", "plan", "change.toml", "--zones", "tree", "--policy", f"{FILE}.toml"),
    ("dns", "plan", "change.toml", "--zones", "tree", "--policy", HOSTILE),
    ("dns", "plan", "--from", FILE, "--to", FILE),
    ("dns", "apply", "change.toml", "--approve", FILE),
    ("dns", "apply", "change.toml", "--approve", "wrong.toml"),
    ("dns", "settings", "--policy", f"{FILE}.toml"),
    ("dns", "settings", "--inventory", FILE),
    ("fault", "list", HOSTILE),
    ("fault", "apply", HOSTILE, HOSTILE),
    ("fault", "apply", "servfail", f"{HOSTILE}={HOSTILE}"),
    ("fault", "apply", "servfail", "--for", HOSTILE),
    ("fault", "apply", "http-status", f"headers={HOSTILE}"),
    ("fault", "undo", HOSTILE),
    ("doctor", HOSTILE),
    (HOSTILE,),
]

CHANGE = f"""
title = {toml(HOSTILE)}
author = {toml(HOSTILE)}
intent = {toml(HOSTILE)}
procedure = [{toml(HOSTILE)}]
rollback = [{toml(HOSTILE)}]
health_signals = [{toml(HOSTILE)}]
abort_rule = {toml(HOSTILE)}

[[operations]]
op = "put-records"
name = "new.example.test"
type = "TXT"
ttl = 60
values = [{toml('"' + chr(92) + "027[2J" + chr(92) + '010"')}]
"""


@pytest.fixture
def files(home: Path) -> Path:
    """Files of a user's with hostile text in every field and in their names."""
    zone = "$ORIGIN example.test.\n$TTL 60\n@ NS ns1.lab.invalid.\n"
    (home / "tree").mkdir()
    (home / "tree" / "example.test.zone").write_text(
        zone + '\\027[2Jx TXT "\\027]0;pwned\\007\\010\\013"\n\\027[2Jy CNAME \\027[2Jz.\n*.\\155 MX 5 \\007.\n'
    )
    (home / "broken").mkdir()
    (home / "broken" / "example.test.zone").write_text(f"{zone}{HOSTILE} A {HOSTILE}\nx A \x1b[2J\n")
    (home / "broken" / f"{FILE}.zone").write_text(f"{zone}x A nowhere\n")
    (home / "broken" / "ssosim.toml").write_text(f"{toml(HOSTILE)} = 1\n")
    (home / "change.toml").write_text(CHANGE)
    (home / "wrong.toml").write_text(f"{CHANGE}\n{toml(HOSTILE)} = {toml(HOSTILE)}\n")
    (home / FILE).mkdir()
    (home / FILE / "client.toml").write_text(f"title = 5\n{toml(HOSTILE)} = {toml(HOSTILE)}\n")
    return home


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("words", WORDS, ids=lambda words: one_line(" ".join(words))[:48])
def test_no_command_lets_a_control_sequence_through(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    """Options, file names, and values in files: whatever a command repeats of them, it shows by number."""
    play(capsys, *words)


def test_every_command_is_walked():
    """No command is without hostile words above or an answer of a hostile lab below."""
    assert {words[0] for words in WORDS} >= {command.name for command in COMMANDS}


def test_the_state_folder_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    """``SSOSIM_HOME`` is repeated in errors, and in what doctor finds."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / FILE))
    (tmp_path / FILE).write_text("no folder")
    for words in (["doctor"], ["doctor", "--json"], ["status"], ["up", "-d"], ["trace"], ["explain"]):
        play(capsys, *words)


def every_event() -> list[Record]:
    """A record of every kind of event with hostile text wherever an event has text."""
    found = []
    for name in events.__all__:
        kind = getattr(events, name)
        texts = {
            field.name: (HOSTILE,) if "tuple" in str(field.type) else HOSTILE
            for field in dataclasses.fields(kind)
            if "str" in str(field.type) or "Literal" in str(field.type)
        }
        rest = {field.name: 1 for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
        if kind is not events.Event:
            found.append(Record(len(found) + 1, 1_740_000_000.0, HOSTILE, kind(**(rest | texts))))
    return found


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [["trace"], ["trace", "--json"], ["explain"], ["explain", "--json"]], ids=" ".join)
def test_a_trace_of_hostile_names_is_safe_to_read(words: list[str], capsys: pytest.CaptureFixture[str]):
    """Every field of every kind of event, by ``trace`` and ``explain``."""
    folder = LabFolder.of("default")
    folder.create()
    folder.trace.write_text("".join(record_to_json(record) + "\n" for record in every_event()), encoding="utf-8")
    assert "pwned" in play(capsys, *words)


H = HOSTILE
RULE = {"family": H, "rule": H, "problem": H, "outcomes": [], "chance": H}
ASKED = {"family": H, "rule": H, "problem": "", "outcomes": [[{"spn": H, "kdc": H}]], "chance": H}
CHANGES = {
    "records": [{"kind": "create", "name": H, "type": H, "before": H, "after": H}],
    "profiles": [{"kind": "delete", "profile": H, "before": H, "after": H}],
    "zones_added": [H],
    "zones_removed": [H],
}
PLAN = {
    "plan": H,
    "title": H,
    "version": 1,
    "changes": CHANGES,
    "risk": {"level": H, "reasons": [{"level": H, "text": H}]},
    "blast_radius": {"scope": H, "views": [H], "names": [], "clients": [H]},
    "references": [{"target": H, "text": H}],
    "usage": [{"name": H, "window_s": 1, "resolutions": 1, "clients": {H: 1}}],
    "rollback": H,
    "gate": {"outcome": "refuse", "reasons": [{"rule": H, "text": H, "advice": H}]},
}
FAULT = {"id": H, "fault": H, "description": H}
DONE = {
    "action": H,
    "number": 1,
    "title": H,
    "version": 1,
    "views": [H],
    "verification": {"equal": False, "differences": [H], "probes": []},
}
DRIFT = {
    "findings": [{"severity": 1, "direction": H, "name": H, "text": H, "pages": True}],
    "locks": {H: H},
    "inventory_completeness": 1.0,
}
STATUS = {
    "name": H,
    "state": H,
    "ready_s": 1.0,
    "parts": [{"part": H, "what": H, "where": H}],
    "api": {"url": H, "token_file": H},
}
SPN = {"host": H, "dns": {"problem": "", "chain": [H], "addresses": [H], "reverse": H}, "rules": [RULE, ASKED]}
ANSWERS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("/v1/status", STATUS, ["status"]),
    ("/v1/status", STATUS | {"api": {"socket": H}}, ["status", "--name", "default"]),
    ("/v1/spn", SPN, ["spn", "h"]),
    ("/v1/spn", SPN | {"dns": {"problem": H}}, ["spn", "h"]),
    ("/v1/faults", {"faults": [FAULT]}, ["fault", "list"]),
    ("/v1/faults", FAULT, ["fault", "apply", "servfail", "names=x"]),
    ("/v1/faults/1", {"undone": [FAULT]}, ["fault", "undo", "1"]),
    ("/v1/dns/plan", PLAN, ["dns", "plan", "change.toml", "--zones", "tree"]),
    ("/v1/dns/apply", DONE, ["dns", "apply", "change.toml"]),
    ("/v1/dns/apply", DONE | {"number": None}, ["dns", "apply", "change.toml"]),
    ("/v1/dns/rollback", DONE, ["dns", "rollback"]),
    ("/v1/dns/drift", DRIFT, ["dns", "drift"]),
    ("/v1/dns/load", {"version": 1}, ["dns", "load", "tree"]),
    ("/v1/dns/settings", {"policy": H, "detector": {"enabled": True, "aliases": True}}, ["dns", "settings"]),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("record_to_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize(("path", "answer", "words"), ANSWERS, ids=lambda each: str(each)[:30] if each else None)
def test_what_a_lab_answers_is_shown_safely(
    path: str,
    answer: dict[str, Any],
    words: list[str],
    record_to_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """Titles, names, reasons and places that a lab tells of: as text and as JSON."""
    asked = []

    def call(_: Any, __: str, where: str, ___: Any = None) -> dict[str, Any]:
        asked.append(where)
        return json.loads(json.dumps(answer))

    for module in ("cli.status", "cli.spn", "cli.dns.inputs", "cli.dns.changes", "lab.program_devices.control_client"):
        monkeypatch.setattr(f"ssosim.{module}.call", call)
    monkeypatch.setattr("ssosim.cli.dns.changes._plan_alone", lambda *_: call(None, "", "/v1/dns/plan"))
    monkeypatch.setattr(LabFolder, "is_running", lambda _: True)
    LabFolder.of("default").create()
    said = play(capsys, *words, *(["--json"] if record_to_json else []))
    assert path in asked
    assert "pwned" in said or answer == {"version": 1}


@pytest.mark.parametrize("kind", ["LabError", "LabInputError", "LabRefusedError", "MachineLacksError"])
@pytest.mark.usefixtures("files")
def test_what_a_lab_refuses_is_shown_safely(kind: str, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    """The lab's own words in an error, and the reasons of its gate."""
    data = {"error": H, "decision": PLAN["gate"], "plan": PLAN}
    more = (data,) if kind == "LabRefusedError" else ()

    def call(*_: Any) -> Any:
        raise getattr(lab_errors, kind)(H, *more)

    monkeypatch.setattr("ssosim.cli.dns.inputs.call", call)
    monkeypatch.setattr("ssosim.cli.spn.call", call)
    for words in (["spn", "h"], ["dns", "drift"], ["dns", "apply", "change.toml"], ["dns", "drift", "--json"]):
        assert "pwned" in play(capsys, *words)


@pytest.mark.usefixtures("home")
def test_the_panel_of_up_is_safe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What ``up`` shows of the lab, of the ledger that it took over, and of its own name."""
    world = SimpleNamespace(detach=lambda: None)
    started = StartedLab(LabFolder.of("default"), world, STATUS, recovered=H)  # type: ignore[arg-type]
    monkeypatch.setattr("ssosim.cli.up.start_lab", lambda *_, **__: started)
    monkeypatch.setattr(sys, "argv", [f"{H}/ssosim"])
    assert "pwned" in play(capsys, "up", "--detach")
    assert "pwned" in play(capsys, "up", "--detach", "--json")


def scenario_file(folder: Path, name: str) -> Path:
    """A scenario called ``name`` with a client of that name, hostile text in all else, a loud program as a client."""
    path = folder / "hostile.toml"
    script = f"import os; [os.write(to, {HOSTILE.encode()!r}) for to in (1, 2)]"
    path.write_text(
        f"name = 'hostile'\ntitle = {toml(name)}\nsources = [{toml(HOSTILE)}]\nend = 2025-02-25T18:00:00Z\n"
        f"[[clients]]\nname = {toml(name)}\nmodel = 'office'\n"
        f"[[clients]]\nname = 'loud'\nrun = [{toml(sys.executable)}, '-c', {toml(script)}]\n"
        f"[[phases]]\nname = 'before'\nstart = 2025-02-25T17:00:00Z\ntitle = {toml(HOSTILE)}\n",
        encoding="utf-8",
    )
    return path


def test_a_run_and_all_that_reads_it_are_safe(bench: Any, tmp_path: Path):
    """A scenario, its clients, its phases and a program's output: table, JSON, JUnit, report, trace, explain."""
    path = scenario_file(tmp_path, "plain")  # of control characters in the other fields see the next test
    junit = tmp_path / f"{FILE[:40]}.xml"
    for words in (["run", str(path), "--junit", str(junit)], ["run", str(path), "--json"]):
        done = bench.run(*words)
        assert done.returncode in (0, 1), done.stderr
        assert_safe(done.stdout)
        assert_safe(done.stderr)
    assert_safe(junit.read_text(encoding="utf-8"))
    for words in (["trace", "--name", "run-hostile"], ["explain"], ["explain", "--json"]):
        done = bench.run(*words)
        assert done.returncode == 0
        assert_safe(done.stdout + done.stderr)


def test_a_hostile_scenario_is_refused_safely(home: Path, capsys: pytest.CaptureFixture[str]):
    """The values that a mistake in a file repeats."""
    assert "pwned" in play(capsys, "run", str(scenario_file(home, HOSTILE)))


def test_junit_of_hostile_names_is_xml():
    """Every text of a playback, with characters that XML cannot hold: the document is read back."""
    verdict = {"as_expected": False, "outcome": H, "expected": H, "reason": H + "\0\ufffe\ud800", "decided_s": None}
    phase = {"phase": H, "title": H, "start": "2025-02-25T17:00:00+00:00", "clients": {H: verdict}}
    playback = {"scenario": H, "title": H, "phases": [phase]}
    document = junit_xml(playback, every_event(), again=H, took_s=1.0)
    assert len(ET.fromstring(document).findall(".//testcase")) == 1  # noqa: S314 - our own
    assert_safe(document.replace("\t", "").replace("FORGED", ""))


LOUD = f"""
from ssosim.lab.base.errors import LabError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.process.launcher import launch
def work(*_):
    raise RuntimeError({HOSTILE.replace(chr(10), "")!r})
try:
    launch(LabFolder.of("loud"), work)
except LabError as error:
    from ssosim.output import print_error
    print_error(str(error))
"""


def test_the_log_of_a_lab_is_safe(bench: Any):
    """An error with hostile text, in the log and in the end of the log that the command shows."""
    command = [sys.executable, "-c", LOUD]
    done = subprocess.run(
        command, env=bench.environment(), capture_output=True, text=True, timeout=60, check=False, cwd=os.sep
    )
    log = (bench.home / "labs" / "loud" / "lab.log").read_text(encoding="utf-8")
    assert "pwned" in log
    assert "pwned" in done.stderr
    assert_safe(log)
    assert_safe(done.stderr)


def test_exec_passes_a_programs_output_through(running: Any):
    """What the program writes is its own, octet for octet; what ``exec`` itself says of it is not."""
    text = HOSTILE.encode() + b"\xff\x00"
    script = f"import os; os.write(1, {text!r}); os.write(2, {text!r})"
    command = [sys.executable, "-m", "ssosim", "exec", "--", sys.executable, "-c", script]
    done = subprocess.run(command, env=running.environment(), capture_output=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (text, text)
    done = running.run("exec", "--", HOSTILE)
    assert done.returncode == 127
    assert_safe(done.stderr)
    done = running.run("exec", "--as", HOSTILE, "--", "true")
    assert_safe(done.stderr)
    for words in (["trace"], ["trace", "--json"], ["status"], ["dns", "show"], ["dns", "drift"], ["fault", "list"]):
        assert_safe(running.run(*words).stdout)


def test_the_persons_errors_are_safe(tmp_path: Path):
    """The person at a device, which runs without the package, repeats a URL and a file name."""
    script = Path(ssosim.__file__).parent / "lab" / "scripted_user" / "__main__.py"
    who = tmp_path / "who.json"
    who.write_text(json.dumps({"ca": None}))
    for words in (["--who", H, "https://x"], ["--who", str(who), f"ftp://{H}"], [f"--{H}"]):
        command = [sys.executable, "-I", str(script), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=os.sep)
        assert done.returncode in (1, 2)
        if not words[0].startswith("--\x1b"):
            assert_safe(done.stderr)
