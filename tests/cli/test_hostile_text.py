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
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple, get_args, get_origin
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssosim
from ssosim.changes.snapshot import to_data
from ssosim.cli.main import COMMANDS, main
from ssosim.dns.imports import read_tree
from ssosim.estate import default_estate
from ssosim.lab.base import errors as lab_errors
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.control import answers, dns_answers, spn_answers
from ssosim.output import SafeStream, StatusLine, clean, clean_data, json_text, one_line, print_error
from ssosim.report.junit import junit_xml
from ssosim.trace import Record, events
from ssosim.trace.export import record_to_json
from ssosim.verdict.expectations import Expectation
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.result import RunResult, convert_result, encode_result

HOSTILE = "\x1b[2J\x1b]0;pwned\x07\r\x08\x7f\x9b31m\u202e\u2066\u200b\u2028\t\nFORGED: gate: may be applied"
FILE = HOSTILE.replace("/", "")
H = HOSTILE
SOURCES = [Path(ssosim.__file__).parent]
SPACES = re.compile(r"[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def assert_safe(text: str) -> None:
    """Nothing but printable characters and line ends, and no line that a value has added."""
    for line in text.split("\n"):
        assert SPACES.sub(" ", line).isprintable(), repr(line)
        assert not line.startswith("FORGED"), text


ADDED_LINE = re.compile(r"^\s*FORGED", re.MULTILINE)
"""A line that a value has added, also where the program has indented it."""


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


class Named(NamedTuple):
    """A named tuple, as programs have them."""

    text: str


class Told(msgspec.Struct):
    """A model of a text."""

    text: str


class Kind(StrEnum):
    """A text of the program's own."""

    ONE = "one"


@dataclasses.dataclass
class Held:
    """A dataclass with values of all kinds that hold text."""

    values: list[Any]


class Text(str):
    """A text of another type, such as a parser's."""

    __slots__ = ()


def test_data_of_every_kind_are_shown_on_one_line():
    """What renders data gets them in the types that they had, with no line end in any text; enums are the same."""
    told = Held([Named(H), Told(H), {H: (H,)}, {H}, frozenset({H}), Text(H), Kind.ONE, [Named(H)], None, 1])
    cleaned = clean_data(told)
    assert H not in repr(cleaned)
    assert "\\\\n" in repr(cleaned)
    assert_one_line(cleaned)
    assert [type(each) for each in cleaned.values if type(each) is not str] == [
        type(each) for each in told.values if type(each) is not Text
    ]
    assert cleaned.values[6] is Kind.ONE


def assert_one_line(value: Any) -> None:
    """Every text within ``value`` is one line."""
    match value:
        case str():
            assert value.isprintable()
        case dict():
            for pair in value.items():
                assert_one_line(pair)
        case list() | tuple() | set() | frozenset():
            for each in value:
                assert_one_line(each)
        case Told():
            assert_one_line(value.text)
        case Held():
            assert_one_line(value.values)


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
    """No module but ``ssosim.output`` prints. The exceptions speak JSON in ASCII to a process of ours."""
    own = {Path("real_clients/batch.py"), Path("kerberos/clocked_acceptor.py")}
    found = {
        f"{path.relative_to(root)}:{node.lineno}"
        for root in SOURCES
        for path in root.rglob("*.py")
        if path.name != "output.py" and path.relative_to(root) not in own
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


def test_a_mistake_of_the_programs_own_is_shown_safely(home: Path):
    """The traceback of an error that no command expects, which the interpreter writes when the command is over."""
    script = f"""
import sys, ssosim.cli.status
from ssosim.cli import main
def run(_):
    raise RuntimeError({HOSTILE!r})
ssosim.cli.status.run = run
sys.exit(main(["status"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=home, capture_output=True, text=True, timeout=60, check=False
    )
    assert "RuntimeError: " in done.stderr
    assert "pwned" in done.stderr
    assert_safe(done.stderr.replace("FORGED", ""))


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
    ("clean", HOSTILE),
    ("clean", "--name", HOSTILE),
    ("clean", "--name", "none", "--dry-run"),
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
    ("completion", HOSTILE),
    ("completion", "words", "--", "run", FILE, "--client", HOSTILE),
    ("completion", "words", "--", HOSTILE, HOSTILE),
    ("man", HOSTILE),
    ("doctor", HOSTILE),
    ("estate", HOSTILE),
    ("estate", "check", FILE),
    ("estate", "check", "wrong.toml"),
    ("estate", "init", f"{FILE}-not-there/x"),
    ("federated-token", "--subject", HOSTILE, "--claim", HOSTILE),
    ("federated-token", "--name", HOSTILE, "--subject", HOSTILE),
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
        zone + '\\027[2Jx TXT "\\027]0;pwned\\007\\010\\013"\n\\027[2Jy CNAME \\027[2Jz.\n*.pwned\\155 MX 5 \\007.\n'
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


def hostile_value(kind: Any) -> Any:
    """A value of the type of a field, with hostile text wherever the type permits any text."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (hostile_value(arguments[0]),)
    if arguments:  # a union
        return HOSTILE if str in arguments else hostile_value(arguments[0])
    if issubclass(kind, str):
        return HOSTILE if kind is str else next(iter(kind))
    return kind(1)


def every_event() -> list[Record]:
    """A record of every kind of event with hostile text in each field that may have any text."""
    found = []
    for name in events.__all__:
        kind = getattr(events, name)
        values = {field.name: hostile_value(field.type) for field in msgspec.structs.fields(kind)}
        values.pop("by", None)  # the name of a resolver is no client, and this record's client is the same text
        if kind is not events.Event:
            found.append(Record(len(found) + 1, 1_740_000_000.0, HOSTILE, kind(**values)))
    return found


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [["trace"], ["trace", "--json"], ["explain"], ["explain", "--json"]], ids=" ".join)
def test_a_trace_of_hostile_names_is_safe_to_read(words: list[str], capsys: pytest.CaptureFixture[str]):
    """Every field of every kind of event, by ``trace`` and ``explain``."""
    folder = LabFolder.of("default")
    folder.create()
    folder.trace.write_text("".join(record_to_json(record) + "\n" for record in every_event()), encoding="utf-8")
    assert "pwned" in play(capsys, *words)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [["trace"], ["explain", "--json"]], ids=" ".join)
def test_a_trace_that_is_refused_is_shown_safely(words: list[str], capsys: pytest.CaptureFixture[str]):
    """A word in the place of one of a few is refused; the message has the line without its control sequences."""
    folder = LabFolder.of("default")
    folder.create()
    record = json.loads(next(filter(lambda line: '"auth":' in line, map(record_to_json, every_event()))))
    folder.trace.write_text(json.dumps(record | {"client": HOSTILE, "auth": HOSTILE}) + "\n", encoding="utf-8")
    assert "not a trace record" in play(capsys, *words)


GIVEN: dict[tuple[type, str], Any] = {
    (answers.Faults, "faults"): tuple[answers.FaultInForce, ...],
    (answers.UndoneFaults, "undone"): tuple[answers.FaultInForce, ...],
    (dns_answers.Zones, "estate"): msgspec.to_builtins(default_estate()),  # most of it is checked, and none of it shown
}
ROUNDS = 8
PLAN = {"/v1/dns/plan": dns_answers.Plan}
ZONES = {"/v1/dns/zones": dns_answers.Zones}
DONE = dns_answers.ChangeResult
COUNTED = {
    "/v1/dns/substitutions": dns_answers.SubstitutionStarted,
    "/v1/dns/substitutions/finish": dns_answers.SubstitutionHits,
}
ANSWERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"/v1/status": answers.LabStatus}, ["status"]),
    ({"/v1/status": answers.LabStatus}, ["status", "--name", "default"]),
    ({"/v1/spn": spn_answers.Spns}, ["spn", "h"]),
    ({"/v1/federated-tokens": answers.FederatedToken}, ["federated-token", "--subject", "s"]),
    ({"/v1/faults": answers.Faults}, ["fault", "list"]),
    ({"/v1/faults": answers.FaultInForce}, ["fault", "apply", "servfail", "names=x"]),
    ({"/v1/faults/1": answers.UndoneFaults}, ["fault", "undo", "1"]),
    (ZONES, ["dns", "show"]),
    (ZONES, ["dns", "lint"]),
    (ZONES | PLAN, ["dns", "plan", "change.toml"]),
    ({"/v1/dns/apply": DONE}, ["dns", "apply", "change.toml"]),
    (COUNTED, ["dns", "apply", "change.toml", "--substitute", "0"]),
    ({"/v1/dns/rollback": DONE}, ["dns", "rollback"]),
    ({"/v1/dns/drift": dns_answers.Drift}, ["dns", "drift"]),
    ({"/v1/dns/adopt": dict[str, object], "/v1/dns/drift": dns_answers.Drift}, ["dns", "drift", "--adopt"]),
    ({"/v1/dns/load": dns_answers.LoadedZones}, ["dns", "load", "tree"]),
    ({"/v1/dns/settings": dns_answers.Settings}, ["dns", "settings"]),
]
ELSEWHERE = [answers.Ready, dns_answers.Refusal]
"""Answers that tests of their own show."""


@pytest.fixture
def lab_answers(files: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], Any]], list[str]]:
    """Have a lab answer what a function of the path says; the paths that commands then ask for."""
    monkeypatch.setitem(GIVEN, (dns_answers.Zones, "zones"), to_data(read_tree(files / "tree")))
    monkeypatch.setattr("ssosim.cli.dns.changes.time.sleep", lambda _: None)
    monkeypatch.setattr("ssosim.dns.zones.lint.SMALLEST_TREE", 0)  # so that lint shows a name of the small tree
    monkeypatch.setattr(LabFolder, "is_running", lambda _: True)
    LabFolder.of("default").create()

    def install(answer: Callable[[str], Any]) -> list[str]:
        asked: list[str] = []

        def send_request(_: Any, __: str, path: str, ___: Any = None, **____: Any) -> bytes:
            asked.append(path)
            return json.dumps(answer(path)).encode()

        for module in ("lab.control.answers", "lab.program_devices.control_client", "cli.status"):
            monkeypatch.setattr(f"ssosim.{module}.send_request", send_request)
        return asked

    return install


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize(("told", "words"), ANSWERS, ids=" ".join)
def test_what_a_lab_answers_is_shown_safely(
    told: dict[str, Any],
    words: list[str],
    as_json: bool,
    lab_answers: Any,
    filler: Any,
    capsys: pytest.CaptureFixture[str],
):
    """Titles, names, reasons and places that a lab tells of, in every field of its answers: as text and as JSON."""
    for number in range(ROUNDS):
        fill = filler(H, GIVEN, number).fill
        asked = lab_answers(lambda path, fill=fill: fill(told[path]))
        said = play(capsys, *words, *(["--json"] if as_json else []))
        assert set(asked) == set(told)
        assert "not understood" not in said
        assert not ADDED_LINE.search(said)
        assert number or "pwned" in said or set(told.values()) == {dns_answers.LoadedZones}


@pytest.mark.parametrize(("told", "words"), ANSWERS, ids=" ".join)
def test_what_is_no_such_answer_is_shown_safely(
    told: dict[str, Any], words: list[str], lab_answers: Any, filler: Any, capsys: pytest.CaptureFixture[str]
):
    """The key or the value that does not fit is repeated in the error, on its line; nothing is shown of the rest."""
    fill = filler(H, GIVEN).fill
    for spoil in (lambda data: data | {H: H}, lambda data: dict.fromkeys(data, H), lambda _: H, lambda _: {}):
        lab_answers(lambda path, spoil=spoil: spoil(fill(told[path])))
        said = play(capsys, *words)
        assert not ADDED_LINE.search(said)


def test_every_answer_has_been_shown(find_models: Any):
    """No model of an answer is without a command above that is told one with hostile text."""
    known = {
        each
        for module in (answers, dns_answers, spn_answers)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__module__ == module.__name__
    }
    kinds = [kind for told, _ in ANSWERS for kind in told.values()] + ELSEWHERE
    assert known - {answers.ApiResponse} <= set().union(*(find_models(kind, GIVEN) for kind in kinds))


@pytest.mark.parametrize("kind", ["LabError", "LabInputError", "LabRefusedError", "PrerequisiteError"])
def test_what_a_lab_refuses_is_shown_safely(
    kind: str, lab_answers: Any, filler: Any, capsys: pytest.CaptureFixture[str]
):
    """The lab's own words in an error, and the reasons of its gate, which add no line to those of the command."""
    for number in range(ROUNDS):
        data = filler(H, GIVEN, number).fill(dns_answers.Refusal) | {"error": H}
        more = (data,) if kind == "LabRefusedError" else ()

        def answer(_: str, more: tuple[Any, ...] = more) -> Any:
            raise getattr(lab_errors, kind)(H, *more)

        lab_answers(answer)
        for words in (["spn", "h"], ["dns", "drift"], ["dns", "apply", "change.toml"], ["dns", "drift", "--json"]):
            said = play(capsys, *words)
            assert number or "pwned" in said
            if more and words[0] == "dns":
                assert not ADDED_LINE.search(said)


@pytest.mark.parametrize("decision", [H, [H], {H: H}, {"outcome": H, "reasons": []}, None], ids=ascii)
def test_a_refusal_that_is_none_is_told_safely(decision: Any, lab_answers: Any, capsys: pytest.CaptureFixture[str]):
    """A gate's no without the form of one is an error in one sentence, and no traceback."""

    def answer(_: str) -> Any:
        raise lab_errors.LabRefusedError(H, {"error": H, "decision": decision, "plan": {"plan": H}})

    lab_answers(answer)
    for words in (["dns", "apply", "change.toml"], ["dns", "apply", "change.toml", "--json"]):
        said = play(capsys, *words)
        assert "pwned" in said
        assert not ADDED_LINE.search(said) or decision is None  # which has the lab's own words alone


def test_zones_that_are_none_are_told_safely(
    lab_answers: Any, filler: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Zones that this version cannot read are an error that repeats what does not fit, and no traceback."""
    read = GIVEN[dns_answers.Zones, "zones"]
    spoilt = [{H: H}, read | {"version": H}, read | {"profiles": [{H: H}]}, read | {"zones": [{"origin": H}]}]
    for zones in spoilt:
        monkeypatch.setitem(GIVEN, (dns_answers.Zones, "zones"), zones)
        lab_answers(lambda _: filler(H, GIVEN).fill(dns_answers.Zones))
        said = play(capsys, "dns", "show")
        assert "not understood" in said
        assert not ADDED_LINE.search(said)


WORLD = SimpleNamespace(detach=lambda: None, end=lambda: None, wait=lambda: 0)


@pytest.mark.usefixtures("home")
def test_the_panel_of_up_is_safe(monkeypatch: pytest.MonkeyPatch, filler: Any, capsys: pytest.CaptureFixture[str]):
    """What ``up`` shows of the lab, of the ledger that it took over, and of its own name."""
    monkeypatch.setattr(sys, "argv", [f"{H}/ssosim"])
    for number in range(ROUNDS):
        line = json.dumps(filler(H, GIVEN, number).fill(answers.Ready)).encode()
        monkeypatch.setattr("ssosim.lab.process.launcher.launch", lambda *_, line=line, **__: (WORLD, line))
        assert "pwned" in play(capsys, "up", "--detach")
        assert number or "pwned" in play(capsys, "up", "--detach", "--json")


def hostile_result(filler: Any, number: int = 0) -> RunResult:
    """A run's result with hostile text in every field that has text."""
    data = filler(H, {(RunResult, "end"): "2025-02-25T18:00:00Z"}, number).fill(RunResult)
    return convert_result(data)


def test_what_a_run_tells_is_shown_safely(
    home: Path, monkeypatch: pytest.MonkeyPatch, filler: Any, capsys: pytest.CaptureFixture[str]
):
    """A result from the process that played: as a table, as JSON, and in the files that are made of it."""
    folder = LabFolder.of("run-feb-2025")
    folder.create()
    folder.trace.write_text("".join(record_to_json(record) + "\n" for record in every_event()), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", [f"{H}/ssosim"])
    junit, page = home / f"{FILE[:40]}.xml", home / f"{FILE[:40]}.html"
    for number in range(ROUNDS):
        line = encode_result(hostile_result(filler, number))
        monkeypatch.setattr("ssosim.scenario.private_play.launch", lambda *_, line=line, **__: (WORLD, line))
        assert "pwned" in play(capsys, "run", "feb-2025", "--junit", str(junit), "--report", str(page))
        assert number or "pwned" in play(capsys, "run", "feb-2025", "--json")
        for file in (junit, page):
            text = file.read_text(encoding="utf-8")
            assert "pwned" in text
            assert_safe(text.replace("\t", "").replace("FORGED", ""))


@pytest.mark.usefixtures("home")
def test_what_is_no_result_of_a_run_is_told_safely(
    monkeypatch: pytest.MonkeyPatch, filler: Any, capsys: pytest.CaptureFixture[str]
):
    """The key, the version or the value that does not fit is repeated in the error, on its line."""
    fitting = msgspec.to_builtins(hostile_result(filler))
    for spoilt in (fitting | {H: H}, fitting | {"version": H}, fitting | {"seed": H}, H, {H: H}):
        line = json.dumps(spoilt).encode()
        monkeypatch.setattr("ssosim.scenario.private_play.launch", lambda *_, line=line, **__: (WORLD, line))
        said = play(capsys, "run", "feb-2025")
        assert "not a run's result" in said or "a run's result of version" in said
        assert not ADDED_LINE.search(said)


def test_clean_lists_hostile_names_safely(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Folders of any name in the state folder and the cache, and what cannot be removed and why."""
    monkeypatch.setenv("SSOSIM_CACHE", str(home / FILE))
    LabFolder.of("default").create()
    for folder in (home / "s" / "labs" / FILE, home / FILE / FILE, home / FILE / "realms" / FILE):
        folder.mkdir(mode=0o700, parents=True)
    for words in (["clean", "--dry-run"], ["clean", "--dry-run", "--json"]):
        assert "pwned" in play(capsys, *words)
    monkeypatch.setattr(LabFolder, "remove_all", lambda _: [H])
    for words in (["clean", "--labs"], ["clean", "--labs", "--json"]):
        assert "not removed" in play(capsys, *words)
    monkeypatch.setattr(LabFolder, "is_running", lambda _: True)
    for words in (["clean"], ["clean", "--json"], ["clean", "--name", "default"]):
        assert "pwned" in play(capsys, *words) or "--name" in words


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


def test_junit_of_hostile_names_is_xml(filler: Any):
    """Every text of a result, with characters that XML cannot hold: the document is read back."""
    for number in range(ROUNDS):
        result = hostile_result(filler, number)
        wrong = msgspec.structs.replace(
            result.phases[0].clients[H],
            as_expected=False,
            expected=Expectation(outcome=(Outcome.SILENT,)),
            reason=H + "\0\ufffe\ud800",
        )
        phase = msgspec.structs.replace(result.phases[0], clients={H: wrong})
        document = junit_xml(msgspec.structs.replace(result, phases=(phase,)), every_event(), again=H, took_s=1.0)
        assert len(ET.fromstring(document).findall(".//testcase/failure")) == 1  # noqa: S314 - our own
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
    file = bench.home / "labs" / "loud" / "lab.log"
    log = file.read_text(encoding="utf-8")
    file.unlink()  # its traceback is expected; the fixture finds all others
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
    for words in (["--profile", H, "https://x"], ["--profile", str(who), f"ftp://{H}"], [f"--{H}"]):
        command = [sys.executable, "-I", str(script), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=os.sep)
        assert done.returncode in (1, 2)
        if not words[0].startswith("--\x1b"):
            assert_safe(done.stderr)
