"""The command line itself: help, mistakes, and streams in any state."""

import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ssosim
from ssosim.cli.main import COMMANDS, main

SSOSIM = [sys.executable, "-m", "ssosim"]
NAMES = [command.name for command in COMMANDS]


def clean(done):
    """The text of standard error, which holds no traceback."""
    assert "Traceback" not in done.stderr, done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
    return done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name, capsys):
    """``--help`` of each command names its options and gives 0; an option that it does not have gives 2 (exec: 125)."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: ssosim {name}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([name, "--no-such-option"])
    assert ended.value.code == (125 if name == "exec" else 2)
    assert "ssosim" in capsys.readouterr().err


def test_help_lists_every_command(capsys):
    """Without a command, or with --help, the list of commands."""
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in NAMES)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"ssosim {ssosim.__version__}")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["statsu"], "did you mean 'status'?"),
        (["xyzzy"], "see ssosim --help"),
        (["--json", "status"], "options come after the command: ssosim status --json"),
        (["--bogus"], "--bogus"),
        ([""], "unrecognised"),
    ],
)
def test_an_unknown_command_gets_a_hint(words, hint, capsys):
    """A slip of the finger is answered with the command that was meant; exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", "-x", "a b", "\n", "x" * 33, "ä", "."])
@pytest.mark.parametrize("command", ["up", "down", "exec", "trace"])
def test_a_name_that_is_no_name_is_refused(command, name, capsys, tmp_path, monkeypatch):
    """A lab's name cannot lead out of the state folder; exit code 2 (exec: 125)."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path))
    words = [command, f"--name={name}", *(["--", "true"] if command == "exec" else [])]
    assert main(words) == (125 if command == "exec" else 2)
    assert "use up to 32 letters" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from([name for name in NAMES if name not in ("up", "doctor")]),
    words=st.lists(
        st.one_of(st.text(max_size=12), st.sampled_from(["--json", "--name", "--", "x", "/", "--client"])), max_size=4
    ),
)
def test_any_words_end_in_an_exit_code(command, words, tmp_path, monkeypatch, capsys):
    """Whatever is typed after a command: an exit code from 0 to 3 or a usage error, and never an exception."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    try:
        code = main([command, *words, *(["--nonsense"] if command in ("run", "matrix") else [])])
    except SystemExit as ended:
        code = ended.code
    capsys.readouterr()
    assert code in ((0, 125) if command == "exec" else (0, 1, 2, 3))


def spoiled(home, what):
    """A state folder in which something is not what it should be."""
    lab = home / "labs" / "default"
    match what:
        case "file":
            home.write_text("")
        case "labs-file":
            home.mkdir(mode=0o700)
            (home / "labs").write_text("")
        case "cache-file":
            home.mkdir(mode=0o700)
            (home / "cache").write_text("")
        case "lock-folder":
            (lab / "lock").mkdir(parents=True)
        case "trace-folder":
            (lab / "trace.jsonl").mkdir(parents=True)
        case "trace-rubbish":
            lab.mkdir(parents=True)
            (lab / "trace.jsonl").write_bytes(b"\xff\xfe\n")
        case "facts-rubbish":
            lab.mkdir(parents=True)
            (lab / "lab.json").write_text("[1]")
        case "strange-lab":
            (home / "labs" / "not a lab").mkdir(parents=True)


STATES = [
    "file",
    "labs-file",
    "cache-file",
    "lock-folder",
    "trace-folder",
    "trace-rubbish",
    "facts-rubbish",
    "strange-lab",
]


@pytest.mark.parametrize("what", STATES)
def test_a_spoiled_state_folder_gives_a_line(bench, tmp_path, what, monkeypatch, capsys):
    """A file in the place of a folder, a folder in the place of a file, rubbish: one line, exit code 1 or 2."""
    home = tmp_path / "spoiled"
    spoiled(home, what)
    monkeypatch.setenv("SSOSIM_HOME", str(home))
    for words in (["status"], ["down"], ["exec", "--", "true"], ["trace"]):
        assert main(words) in ((125,) if words[0] == "exec" else (1, 2))
        assert capsys.readouterr().err.count("\n") <= 1
    if what in ("file", "labs-file", "cache-file", "lock-folder"):
        done = bench.run("up", "-d", env={"SSOSIM_HOME": str(home)})
        assert done.returncode == 2, done.stderr
        assert str(home) in clean(done)
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("length", [100, 300])
def test_a_state_folder_with_too_long_a_name_is_refused(bench, tmp_path, length):
    """A Unix socket's path has 107 bytes: what does not fit is said before anything is made, and by ``doctor``."""
    long = {"SSOSIM_HOME": str(tmp_path / ("x" * length))}
    for words in (["up", "-d"], ["exec", "--", "true"]):
        done = bench.run(*words, env=long)
        code = 125 if words[0] == "exec" else 2
        assert (done.returncode, "set SSOSIM_HOME to a shorter folder" in clean(done)) == (code, True)
    doctor = bench.run("doctor", env=long)
    assert doctor.returncode == 3
    assert "MISSING  state folder" in doctor.stdout
    clean(doctor)


def test_a_folder_that_cannot_be_made_is_said(bench):
    """Where nothing can be written: exit code 2, and what to set."""
    done = bench.run("up", "-d", env={"SSOSIM_HOME": "/proc/nowhere"})
    assert (done.returncode, "set SSOSIM_HOME" in clean(done)) == (2, True)


def shell(bench, script, **env):
    """Run a shell script in which ``ssosim`` is the command."""
    ssosim = f'ssosim() {{ {" ".join(SSOSIM)} "$@"; }}; '
    return subprocess.run(
        ["bash", "-c", ssosim + script],
        env=bench.environment(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("script", ["scenarios", "--help", "clients --json"])
def test_a_reader_that_leaves_is_no_error(bench, script):
    """``ssosim … | head -0``: quiet, whether the output was buffered or not."""
    for unbuffered in ("", "1"):
        done = shell(bench, f"ssosim {script} | true; exit ${{PIPESTATUS[0]}}", PYTHONUNBUFFERED=unbuffered)
        assert (done.returncode, clean(done)) == (0, "")


def test_closed_streams_do_no_harm(bench):
    """Started without standard input, output or error, a command works all the same and mixes up no files."""
    for closed in (">&-", "<&- >&- 2>&-", "2>&-"):
        done = shell(bench, f"ssosim up -d --name x {closed} && ssosim status --name x; ssosim down --name x {closed}")
        assert 'lab "x": up' in done.stdout, done.stderr
        clean(done)
    assert shell(bench, "ssosim status >&-; echo $?").stdout == "1\n"


def test_a_terminal_without_unicode_is_no_error(running, tmp_path):
    """An ASCII terminal and names that are no text: signs that cannot be shown are written out."""
    program = os.fsencode(tmp_path) + b"/a\xffb"
    with open(program, "w") as file:  # noqa: PTH123 - no Path for this name
        file.write("#!/bin/sh\ngetent hosts login.windows.net\n")
    os.chmod(program, 0o700)  # noqa: PTH101 - no Path for this name
    assert running.run("exec", "--", program).returncode == 0
    for encoding in ("ascii", "utf-8"):
        done = running.run("trace", env={"PYTHONIOENCODING": encoding})
        assert done.returncode == 0
        assert "ended with 0" in done.stdout
        clean(done)


@pytest.mark.parametrize("words", [["clients"], ["scenarios", "--json"], ["up", "--help"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_one_line(bench, words, unbuffered):
    """Output that cannot be written is an error with exit code 1, whenever it is that the system says so."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "ssosim", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=bench.environment(PYTHONUNBUFFERED=unbuffered),
            timeout=120,
            check=False,
        )
    if not (unbuffered and "--help" in words):  # argparse itself drops what it cannot write
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lab_that_is_only_starting_does_not_hide_the_others(running):
    """``status`` lists what can be asked, even while another lab holds its lock and is not ready."""
    folder = running.home / "labs" / "starting"
    folder.mkdir()
    held = "import fcntl,sys,time; f=open(sys.argv[1],'w'); fcntl.flock(f,2); print('held',flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", held, str(folder / "lock")], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    done = running.run("status")
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert (done.returncode, 'lab "default": up' in done.stdout) == (0, True), done.stderr


def test_looking_at_a_lab_does_not_disturb_it(bench):
    """While others ask for its status all the time, a lab starts, runs and stops as always."""
    watch = shell_loop(bench)
    try:
        for _ in range(2):
            assert clean(bench.run("up", "-d")) == ""
            assert bench.run("down").returncode == 0
    finally:
        watch.kill()
        watch.wait()


def shell_loop(bench):
    """A process that asks for the status again and again."""
    script = (
        "from ssosim.lab.base.folder import LabFolder\n"
        "import time\n"
        "while True: LabFolder.of('default').is_running(); time.sleep(0.001)"
    )
    return subprocess.Popen([sys.executable, "-c", script], env=bench.environment())


def test_doctor_finds_this_machine_fit(bench):
    """Everything that the tests need is there; --json says the same."""
    done = bench.run("doctor")
    assert (done.returncode, "MISSING" in done.stdout) == (0, False), done.stdout
    assert bench.run("doctor", "--json").returncode == 0
