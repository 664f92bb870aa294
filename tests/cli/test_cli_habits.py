"""The command line takes what people type: names before the command, times with units; ``exec`` keeps codes apart."""

import pytest


@pytest.mark.parametrize(
    "words",
    [
        ["exec"],
        ["exec", "--unknown", "--", "true"],
        ["exec", "--deadline", "soon", "--", "true"],
        ["exec", "--deadline", "0", "--", "true"],
        ["exec", "--person", "dances", "--", "true"],
        ["exec", "--name", "../x", "--", "true"],
        ["exec", "--", "true"],  # no lab is up
        ["--name", "none", "exec", "--", "true"],
    ],
)
def test_a_mistake_of_exec_has_a_code_of_its_own(bench, words):
    """Every mistake before the program runs is 125 with a message, never 1 or 2, which the program may mean."""
    done = bench.run(*words)
    assert (done.returncode, bool(done.stderr)) == (125, True)
    assert "Traceback" not in done.stderr


def test_other_commands_keep_their_codes(bench):
    """125 is of ``exec`` alone; its help is no mistake."""
    assert bench.run("trace", "--unknown").returncode == 2
    assert bench.run("exec", "--help").returncode == 0


def test_the_programs_codes_are_its_own(running):
    """1, 2 and 3 of the program arrive as they are, an unknown program is 127, and a deadline with a unit is 124."""
    for code in (0, 1, 2, 3):
        assert running.run("exec", "--", "sh", "-c", f"exit {code}").returncode == code
    assert running.run("exec", "--", "no-such-program").returncode == 127
    assert running.run("exec", "--deadline", "300ms", "--", "sleep", "60").returncode == 124
    assert running.run("exec", "--device", "desk-99", "--", "true").returncode == 125


@pytest.mark.parametrize("before", [["--name", "default"], ["--name=default"]])
def test_a_name_may_come_first(running, before):
    """``ssosim --name NAME COMMAND`` is ``ssosim COMMAND --name NAME``."""
    assert running.run(*before, "status").stdout == running.run("status", "--name", "default").stdout
    assert running.run(*before, "exec", "--", "true").returncode == 0
    done = running.run(before[0].replace("default", "other"), *(["other"] if len(before) == 2 else []), "trace")
    assert done.returncode == 2
    assert "other" in done.stderr
