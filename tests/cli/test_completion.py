"""Completion, by running bash's own; the manual page, by running man."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ssosim.cli.completion import complete
from ssosim.cli.main import COMMANDS, build_parser
from ssosim.cli.manual import render_manual

ROOT = Path(__file__).parents[2]
LINES = (
    ("r", {"run"}, set()),
    ("--name blue st", {"status"}, set()),
    ("run f", {"feb-2025"}, {"up"}),
    ("run feb-2025 --client conn", {"connect-sync-password", "connect-sync-certificate"}, {"office"}),
    ("run feb-2025 --client curl/", {"curl/windowstransport"}, set()),
    ("run feb-2025 --client = cu", {"curl"}, set()),
    ("run feb-2025 --jun", {"--junit"}, set()),
    ("run feb-2025 --expect si", {"silent"}, set()),
    ("run feb-2025 --estate min", {"mine.toml"}, {"min-other"}),
    ("run my", {"my scenario.toml"}, set()),
    ("fault apply serv", {"servfail"}, {"http-status"}),
    ("fault apply http-status --first 2 st", {"status="}, set()),
    ("fault u", {"undo"}, set()),
    ("down --name bl", {"blue"}, {"black"}),
    ("exec --device desk-", {"desk-1", "desk-3"}, set()),
    ("exec --person walks", {"walks-away"}, set()),
    ("exec -- ls mine", {"mine.toml"}, set()),
    ("dns plan --zones tr", {"tree"}, set()),
    ("dns set", {"settings"}, set()),
    ("dns settings --detector no", {"no-aliases"}, set()),
    ("trace --layer kerb", {"kerberos"}, set()),
    ("clients --install curl msal-p", {"msal-python"}, set()),
    ("nonsense x", set(), {"run"}),
)


@pytest.fixture(scope="module")
def completed(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Return what bash completes for each line, in a folder with files and with the state of a lab called blue."""
    here = tmp_path_factory.mktemp("completion")
    for name in ("mine.toml", "my scenario.toml"):
        (here / name).touch()
    (here / "tree").mkdir()
    program = here / "bin" / "ssosim"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ssosim "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"SSOSIM_HOME": str(here / "home"), "PATH": f"{program.parent}:{os.environ['PATH']}"}
    script = "from ssosim.lab.base.folder import LabFolder\nLabFolder.of('blue').create()"
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True)
    commands = ['eval "$(ssosim completion bash)"']
    for line, _, _ in LINES:
        words = ["ssosim", *line.split(" ")]
        commands.append(f"COMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}; _ssosim")
        commands.append('printf "%s\\n" "${COMPREPLY[@]}" "--end--"')
    done = subprocess.run(
        ["bash", "-c", "\n".join(commands)], env=environment, cwd=here, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return [part.strip("\n").split("\n") for part in done.stdout.split("--end--\n")[:-1]]


@pytest.mark.parametrize(("number", "line"), list(enumerate(line for line, _, _ in LINES)))
def test_bash_completes(number: int, line: str, completed: list[list[str]]) -> None:
    """Commands, options, and the names that there are, as bash completes them."""
    _, present, absent = LINES[number]
    found = set(completed[number])
    assert found >= present, line
    assert not found & absent, line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_long_option_is_completed(command) -> None:
    """After each command, every option of its parser is a candidate: the parsers are the only list."""
    parser = build_parser(command)
    options = {text for each in parser._actions if each.help != "==SUPPRESS==" for text in each.option_strings}
    assert {each for each in options if each.startswith("--")} <= set(complete([command.name, "--"]))


@pytest.mark.parametrize(
    ("shell", "check"), [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "-n"])]
)
def test_the_script_of_each_shell_asks_for_words(shell: str, check: list[str], bench, tmp_path: Path) -> None:
    """The script calls ``completion words``, and the shell, where there is one, accepts its syntax."""
    done = bench.run("completion", shell)
    assert done.returncode == 0
    assert "completion words --" in done.stdout
    file = tmp_path / "script"
    file.write_text(done.stdout)
    if shutil.which(shell):
        subprocess.run([*check, str(file)], check=True, capture_output=True)


def test_the_manual_page_is_current() -> None:
    """``docs/ssosim.1`` is what ``ssosim man`` prints."""
    assert (ROOT / "docs" / "ssosim.1").read_text() == render_manual(), "ssosim man > docs/ssosim.1"


def test_the_manual_page_has_every_option() -> None:
    """Each command and each of its long options, those of actions included, is in the page as it is typed."""
    text = render_manual().replace("\\-", "-")
    for command in COMMANDS:
        assert f".SS \\fBssosim {command.name}\\fR" in text
        for action in build_parser(command)._actions:
            if action.help != "==SUPPRESS==" and action.dest != "help":
                assert all(f"\\fB{each}\\fR" in text for each in action.option_strings)


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man: apt install man-db")
def test_man_renders_the_page_without_warnings() -> None:
    """man(1), with all warnings of groff, says nothing on standard error and shows text in every section."""
    environment = os.environ | {"MANWIDTH": "90", "MANPAGER": "cat", "LC_ALL": "C.UTF-8"}
    command = ["man", "--warnings=w", "-l", str(ROOT / "docs" / "ssosim.1")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for words in ("EXIT STATUS", "--max-prompts N", "ssosim dns plan", "'silent|interactive'"):
        assert words in done.stdout
