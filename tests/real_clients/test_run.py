"""A client of one's own gets a verdict: by its folder, beside models, side by side with others, timed by itself."""

import json
import signal
import tempfile
import time
from pathlib import Path

import pytest

CURL = "curl -sS --negotiate -u : https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso -o /dev/null"


@pytest.fixture
def short():
    """A folder for temporary files whose path leaves room for that of a socket."""
    with tempfile.TemporaryDirectory(prefix="m") as name:
        yield Path(name)


def _client(folder: Path, name: str, script: str, more: str = "") -> Path:
    place = folder / name
    place.mkdir()
    (place / "run.sh").write_text(script)
    (place / "client.toml").write_text(
        f'name = "{name}"\ntitle = "Mine"\n[[flows]]\nname = "f"\ntitle = "t"\nrun = ["sh", "{{home}}/run.sh"]\n{more}'
    )
    return place


def _phases(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return {phase["phase"]: phase["clients"] for phase in json.loads(done.stdout)["phases"]}


def test_a_folder_is_a_client(bench, tmp_path):
    """``--client ./folder`` beside a model and a real client that is shipped: verdicts as for a program of --exec."""
    mine = _client(tmp_path, "mine", CURL)
    clients = ("--client", str(mine), "--client", "office", "--client", "curl/winauth-sso")
    phases = _phases(bench.run("run", "feb-2025", *clients, "--json"))
    for name in ("mine/f", "curl/winauth-sso"):
        outcomes = {phase: clients[name]["outcome"] for phase, clients in phases.items()}
        assert outcomes == {"healthy": "silent", "record-empty": "failed", "cname": "refused", "restored": "silent"}
        assert 0 < phases["healthy"][name]["decided_s"] < 20
    assert phases["healthy"]["office"]["decided_s"] is None
    bench.assert_nothing_left("run-feb-2025")


def test_what_a_manifest_says_reaches_the_program(bench, tmp_path):
    """Device, environment, files in /etc, the home, what the person does, and the deadline."""
    script = (
        'echo "as $SSOSIM_USER with $(cat /etc/mine.conf)"\n'
        '[ "$PLACE" = "$(dirname "$0")/x" ] && echo in place\n'
        'grep -o walks-away "$SSOSIM_PERSON"\n' + CURL + "\n"
        # Only once, so that the deadline may be long: a loaded machine must have time for what comes before.
        'mkdir "$(dirname "$0")/been" 2>/dev/null && exec sleep 60\n'
    )
    more = (
        'device = "desk-2"\nenvironment = { PLACE = "{home}/x" }\netc = "etc"\nperson = "walks-away"\ndeadline = 10\n'
    )
    mine = _client(tmp_path, "mine", script, more='device = "desk-2"\n')
    (mine / "etc").mkdir()
    (mine / "etc/mine.conf").write_text("my own file")
    text = (mine / "client.toml").read_text().replace('device = "desk-2"\n', more)
    (mine / "client.toml").write_text(text)
    phases = _phases(bench.run("run", "middlebox", "--client", str(mine), "--allow-exposure", "--json"))
    said = [record["text"] for record in bench.records("run-middlebox") if record["event"] == "ClientMessage"]
    assert "as bob@contoso.com with my own file\nin place\nwalks-away" in said[0]
    assert "stopped after 10 s" in said[0]
    assert phases["healthy"]["mine/f"]["outcome"] == "silent", "what it did before that counts"


def test_a_scenario_may_name_a_real_client(bench, tmp_path):
    """``model`` of a scenario's client may be ``client/flow``; one that is not there is a mistake with its place."""
    file = tmp_path / "mine.toml"
    text = (
        'name = "m"\ntitle = "t"\nend = 2025-01-01T02:00:00Z\n[[clients]]\nname = "c"\nmodel = "curl/winauth-sso"\n'
        '[[phases]]\nname = "p"\nstart = 2025-01-01T00:00:00Z\nexpect = { c = "silent" }\n'
    )
    file.write_text(text)
    assert _phases(bench.run("run", str(file), "--json"))["p"]["c"]["outcome"] == "silent"
    file.write_text(text.replace("curl/winauth-sso", "curl/winauth-so"))
    done = bench.run("run", str(file))
    assert done.returncode == 2
    assert "mine.toml:6: clients[0].model" in done.stderr
    assert "did you mean 'curl/winauth-sso'?" in done.stderr


def test_programs_of_a_phase_run_side_by_side(bench, tmp_path):
    """Three that wait for one another, and then a second, end well; each is timed from its own start."""
    file, place = tmp_path / "three.toml", tmp_path / "here"
    place.mkdir()
    script = f"mktemp -p {place}; while [ $(ls {place} | wc -l) -lt 3 ]; do sleep 0.05; done; sleep 1"
    file.write_text(
        'name = "three"\ntitle = "t"\nend = 2025-01-01T02:00:00Z\n'
        + "".join(f'[[clients]]\nname = "c{n}"\nrun = ["sh", "-c", "{script}"]\n' for n in range(3))
        + '[[phases]]\nname = "p"\nstart = 2025-01-01T00:00:00Z\n'
    )
    began = time.monotonic()
    clients = _phases(bench.run("run", str(file), "--json"))["p"]
    records = bench.records("run-three")
    order = [record["event"] for record in records if record["client"] and record["event"] != "ClientMessage"]
    ends = [record["exit_code"] for record in records if record["event"] == "ClientFinished"]
    assert ends == [0, 0, 0], "each has met the others"
    assert order[:3].count("ClientFinished") == 0, "all were on their devices before the first had ended"
    assert all(1 <= client["decided_s"] < time.monotonic() - began for client in clients.values())


def test_a_program_that_cannot_start_is_no_verdict(bench, tmp_path):
    """A misspelt or not executable program is a mistake by file, flow and path, and not a client that always fails."""
    mine = _client(tmp_path, "mine", "true")
    manifest = mine / "client.toml"
    for program, text in (("{home}/nope", f"there is no such file: {mine}/nope"), ("{home}/run.sh", "chmod +x")):
        manifest.write_text(manifest.read_text().replace('"sh", "{home}/run.sh"', f'"{program}"', 1))
        done = bench.run("run", "feb-2025", "--client", str(mine))
        assert (done.returncode, text in done.stderr) == (2, True), done.stderr
        assert f"{manifest}: flow 'f': run: " in done.stderr
        manifest.write_text(manifest.read_text().replace(f'"{program}"', '"sh", "{home}/run.sh"', 1))
    bench.assert_nothing_left("run-feb-2025")


def test_one_that_is_not_installed_says_how(bench, tmp_path):
    """Exit code 3 and the command that installs it; a mistake in the manifest is exit code 2 with its place."""
    mine = _client(tmp_path, "mine", "true")
    manifest = mine / "client.toml"
    manifest.write_text(manifest.read_text().replace("[[flows]]", 'install = [["true"]]\n[[flows]]'))
    home = {"SSOSIM_CLIENTS_HOME": str(tmp_path / "homes")}
    done = bench.run("run", "feb-2025", "--client", str(mine), env=home)
    assert done.returncode == 3
    assert f"ssosim clients --install {mine}" in done.stderr
    assert "installed in" in bench.run("clients", "--install", str(mine), env=home).stdout
    assert "is installed" in bench.run("clients", "--install", str(mine), env=home).stdout
    manifest.write_text("name = 1\n")
    done = bench.run("run", "feb-2025", "--client", str(mine))
    assert done.returncode == 2
    assert f"{manifest}:1: name" in done.stderr


def test_the_matrix_writes_its_page(bench, tmp_path, short):
    """Cells as Markdown and JSON, progress on stderr, how long it took on the last line; nothing of labs is left."""
    mine = _client(tmp_path, "mine", CURL)
    page, data = tmp_path / "page.md", tmp_path / "cells.json"
    words = ["matrix", "--scenario", "feb-2025", "--client", str(mine), "--write", str(page), "--json", str(data)]
    done = bench.run(*words, env={"TMPDIR": str(short)})
    assert done.returncode == 0, done.stderr
    assert "| `mine/f` | silent" in page.read_text()
    assert [cell["outcome"] for cell in json.loads(data.read_text())["cells"]] == [
        "silent",
        "failed",
        "refused",
        "silent",
    ]
    assert json.loads(data.read_text())["status"] == "not-judged"
    assert "no expectation judges any of them" in done.stdout
    assert "4 of 4 phases done" in done.stderr
    assert done.stdout.startswith("4 sign-ins in ")
    assert list(short.iterdir()) == []
    assert bench.processes() == {}


def test_a_matrix_is_judged_by_what_a_manifest_expects(bench, tmp_path, short):
    """A broken expectation is exit code 1, a sentence and ``failed`` in JSON; one that holds is ``passed``."""
    mine = _client(tmp_path, "mine", CURL, 'expect = { healthy = "silent", "feb-2025#cname" = "silent" }\n')
    data = tmp_path / "cells.json"
    words = ["matrix", "--scenario", "feb-2025", "--client", str(mine), "--json", str(data)]
    done = bench.run(*words, env={"TMPDIR": str(short)})
    assert done.returncode == 1, done.stderr
    assert "mine/f in feb-2025#cname: refused, expected silent: " in done.stderr
    assert "refused (!)" in done.stdout
    assert "2 are judged by an expectation, 1 break it" in done.stdout
    document = json.loads(data.read_text())
    assert document["status"] == "failed"
    assert [cell["status"] for cell in document["cells"]] == ["passed", "not-judged", "failed", "not-judged"]
    assert [part["rule"] for part in document["cells"][2]["broken"]] == ["outcome"]


def test_a_matrix_that_is_interrupted_leaves_nothing(bench, tmp_path, short):
    """Ctrl-C and SIGTERM in the middle: programs, labs and files are gone."""
    mine = _client(tmp_path, "mine", "exec sleep 50")
    for number in (signal.SIGINT, signal.SIGTERM):
        process = bench.popen("matrix", "--scenario", "feb-2025", "--client", str(mine), env={"TMPDIR": str(short)})
        line = b""
        while b"healthy" not in line:
            line = process.stderr.readline()
            assert line, "it ended"
        process.send_signal(number)
        assert process.wait(60) == 130
        assert b"Traceback" not in process.stderr.read()
        assert list(short.iterdir()) == []
        end = time.monotonic() + 60
        while bench.processes() and time.monotonic() < end:
            time.sleep(0.05)
        assert bench.processes() == {}


def test_a_manifest_may_say_what_is_expected(bench, tmp_path):
    """``expect`` of a flow by phase and ``kind``: they can break a run; a mistake is named by file, line and key."""
    mine = _client(tmp_path, "mine", CURL, 'expect = { "*" = { no_exposure = true }, cname = "silent" }\n')
    done = bench.run("run", "feb-2025", "--client", str(mine))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "[expected: silent]" in done.stdout
    manifest = mine / "client.toml"
    text = manifest.read_text()
    manifest.write_text(text[: text.index("expect")] + 'kind = "curl"\n')
    done = bench.run("run", "feb-2025", "--client", str(mine), "--json")
    assert _phases(done)["record-empty"]["mine/f"]["expected"]["outcome"] == ["failed"]
    manifest.write_text(text.replace('cname = "silent"', 'cname = "sillent"'))
    done = bench.run("run", "feb-2025", "--client", str(mine))
    assert done.returncode == 2
    assert "client.toml:7: flows[0].expect.cname: 'sillent' is not an outcome; did you mean 'silent'?" in done.stderr
