"""``ssosim run`` with files to write, and its progress on a terminal."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree, html

from ssosim.report.progress import Progress
from ssosim.trace import PhaseStarted, Record
from ssosim.trace.export import record_to_json

SSOSIM = str(Path(sys.executable).with_name("ssosim"))
SCENARIO = """
name = "wrong"
title = "a scenario that expects what does not come"
end = 2026-01-01T02:00:00Z
[[clients]]
name = "prompt"
model = "native-prompt"
[[phases]]
name = "healthy"
start = 2026-01-01T00:00:00Z
expect = { prompt = "silent" }
[[phases]]
name = "empty"
start = 2026-01-01T01:00:00Z
faults = [{ fault = "name-removed", name = "autologon.microsoftazuread-sso.com" }]
expect = { prompt = "silent" }
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with the scenario, in which labs keep their state as well."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "s"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.toml").write_text(SCENARIO)
    return tmp_path


def _run(*arguments):
    return subprocess.run([SSOSIM, "run", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_a_run_leaves_its_files(home):
    """One run writes the report and the JUnit file; an unmet expectation is exit code 1 and in both of them."""
    done = _run("wrong.toml", "--seed", "5", "--junit", "out.xml", "--report", "out.html")
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""  # no progress: nobody looks
    assert "the report: out.html" in done.stdout
    (failure,) = etree.parse(home / "out.xml").findall(".//failure")
    assert "interactive, expected silent" in failure.get("message")
    assert failure.text.endswith("again: ssosim run wrong.toml --seed 5")
    page = html.parse(home / "out.html").getroot()
    assert page.xpath("//svg//rect[starts-with(@class, 'b-')]/@class") == ["b-addresses", "b-gone"]
    assert "interactive, but silent was expected" in page.xpath("string((//svg//a)[2]/@aria-label)")


def test_a_place_that_cannot_be_written_is_found_before_the_run(home):
    """A folder that is not there is exit code 2 at once, and no lab is started."""
    done = _run("wrong.toml", "--report", "nowhere/out.html")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "nowhere/out.html" in done.stderr
    assert not (home / "s" / "labs").exists()


def test_a_shipped_model_plays_in_any_scenario(home):
    """``--client`` takes the scenario's clients and shipped models; an unknown name lists the near ones."""
    done = _run("wrong.toml", "--client", "office", "--json")
    assert done.returncode == 0, done.stderr
    assert '"office"' in done.stdout
    done = _run("wrong.toml", "--client", "ofice")
    assert done.returncode == 2
    assert "did you mean office" in done.stderr
    assert (home / "wrong.toml").exists()


def test_phases_are_shown_on_a_terminal(home):
    """On a terminal the phases pass on one line, which is gone at the end."""
    front, back = pty.openpty()
    done = subprocess.run(
        [SSOSIM, "run", "feb-2025", "--client", "office"],
        stderr=back,
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    os.close(back)
    shown = b""
    while chunk := _read(front):
        shown += chunk
    os.close(front)
    assert done.returncode == 0
    assert b"16:42 UTC  phase 2 of 4: record-empty" in shown
    assert shown.endswith(b"\r")
    assert b"\n" not in shown
    assert home.exists()


def _read(descriptor):
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other side is closed
        return b""


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_takes_lines_as_they_come(tmp_path):
    """A line that is half written waits for its rest; control characters of a name do not reach the terminal."""
    trace, terminal = tmp_path / "trace.jsonl", _Terminal()
    progress = Progress(trace, 2, terminal)
    progress.look()  # no file yet
    line = record_to_json(Record(1, 1.7e9, "", PhaseStarted(scenario="s", phase="a\x1b[2J"))) + "\n"
    trace.write_text(line[:30])
    progress.look()
    assert terminal.getvalue() == ""
    trace.write_text(line)
    progress.look()
    assert terminal.getvalue() == "\r22:13 UTC  phase 1 of 2: a\\x1b[2J"
    progress.end()
    assert terminal.getvalue().endswith(" \r")
    silent = io.StringIO()
    Progress(trace, 2, silent).look()
    assert silent.getvalue() == ""
