"""The scripted user at the device of an unchanged program: the program's result, and the events on the wire."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssosim.trace.export import read_records
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

CLIENT = str(Path(__file__).with_name("client.py"))


def run(running, label, how, *, person=None, patience=60.0, device="desk-1"):
    """Run the client; its result."""
    words = ["exec", "--device", device, "--as", label, *(["--person", person] if person else [])]
    done = running.run(*words, "--", sys.executable, CLIENT, how, str(patience))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_until(running, label, person, done, ends):
    """Run the browser flow for a user from whom nothing comes back, until ``done``; return what the client printed.

    ``ends`` is the file that ends the client's patience.
    """
    words = ("exec", "--device", "desk-1", "--as", label, "--person", person)
    process = running.popen(*words, "--", sys.executable, CLIENT, "query", "120", str(ends))
    while not done():
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)
    ends.touch()
    return json.loads(process.communicate(timeout=60)[0])


def records(running, label):
    """The trace records of one client."""
    lines = running.run("trace", "--json").stdout.splitlines()
    return [record for record in read_records(lines) if record.client == label]


def named(running, label, kind):
    """The events of one kind of one client."""
    return [record.event for record in records(running, label) if type(record.event).__name__ == kind]


@pytest.mark.parametrize(("mode", "method"), [("query", "GET"), ("form_post", "POST")])
def test_a_program_signs_in_with_nobody_at_the_keyboard(running, mode, method):
    """AZ5-008, CONNECT-013, CONNECT-024: webbrowser.open leads to a sign-in; the wire says interactive."""
    label = f"signs-in-{method}"
    result = run(running, label, mode)
    assert (result["listener"], result["error"]) == (method, None)
    assert {"access_token", "refresh_token", "id_token"} <= set(result["fields"])
    (prompt,) = named(running, label, "UserPrompted")
    assert prompt.reason == "sign-in page for Azure CLI"
    tokens = named(running, label, "TokenIssued")
    assert {(event.grant, event.subject) for event in tokens} == {("authorization_code", "alice@contoso.com")}
    seen = records(running, label)
    assert judge(seen, seen[0].at).outcome is Outcome.INTERACTIVE


def test_the_scripted_user_is_the_user_of_the_device(running):
    """Each device has its own user, which types its own name and password."""
    run(running, "bobs", "query", device="desk-2")
    assert {event.subject for event in named(running, "bobs", "TokenIssued")} == {"bob@contoso.com"}


def test_a_refusal_reaches_the_program(running):
    """CONNECT-019: access_denied at the listener; no token."""
    result = run(running, "refused", "query", person="refuses")
    assert (result["listener"], result["error"]) == ("GET", "access_denied")
    assert not named(running, "refused", "TokenIssued")
    seen = records(running, "refused")
    assert judge(seen, seen[0].at).outcome is Outcome.FAILED


def test_an_absent_user_leaves_the_page_open(running, tmp_path):
    """CONNECT-019: the page was served, nothing came back; the program's own patience ends it."""
    served = lambda: named(running, "away", "UserPrompted")  # noqa: E731
    assert run_until(running, "away", "walks-away", served, tmp_path / "ends")["error"] == "timeout"
    assert len(named(running, "away", "UserPrompted")) == 1
    assert not [e for e in named(running, "away", "HttpExchange") if e.method == "POST"]


def test_a_wrong_password_is_tried_three_times(running, tmp_path):
    """Each attempt is AADSTS50126 on a page; then the user gives up."""
    given_up = lambda: len(named(running, "wrong", "UserPrompted")) >= 4  # noqa: E731
    assert run_until(running, "wrong", "types-wrong-password", given_up, tmp_path / "ends")["error"] == "timeout"
    posts = [event for event in named(running, "wrong", "HttpExchange") if event.path == "/common/login"]
    assert [(event.auth, event.code) for event in posts] == [("password", 50126)] * 3
    assert len(named(running, "wrong", "UserPrompted")) == 4


def test_without_a_browser_there_is_none(running):
    """``no-browser``: no BROWSER, no display, and none of the lab's browser commands on PATH."""
    result = run(running, "none", "query", person="no-browser")
    assert result["error"] == "browser_unavailable"
    assert not named(running, "none", "HttpExchange")
    script = (
        "echo $BROWSER$DISPLAY; for name in xdg-open x-www-browser www-browser sensible-browser; do which $name; done"
    )
    done = running.run(
        "exec", "--person", "no-browser", "--", "sh", "-c", script, env={"BROWSER": "mine", "DISPLAY": ":9"}
    )
    assert str(running.home) not in done.stdout
    assert done.stdout.splitlines()[0] == ""


def test_a_browser_that_cannot_be_opened_is_an_error(running):
    """AZ5-002, AZ5-004: xdg-open fails as it does in a container; no page is requested."""
    result = run(running, "bare", "query", person="browser-fails")
    assert result["error"] == "browser_unavailable"
    assert not named(running, "bare", "HttpExchange")
    done = running.run("exec", "--person", "browser-fails", "--", "sh", "-c", "echo $BROWSER; xdg-open https://x/",
                       env={"BROWSER": "mine", "DISPLAY": ":9"})  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "\n")
    assert "no method available for opening 'https://x/'" in done.stderr


@pytest.mark.parametrize(
    ("person", "error", "outcome"),
    [
        (None, None, Outcome.INTERACTIVE),
        ("no-browser", None, Outcome.INTERACTIVE),
        ("browser-fails", None, Outcome.INTERACTIVE),
        ("refuses", "authorization_declined", Outcome.FAILED),
        ("walks-away", "timeout", None),
    ],
)
def test_the_scripted_user_types_device_codes(running, person, error, outcome):
    """AZ5-007, AZ5-008: a device code needs no browser here; the scripted user gets it at once."""
    label = f"device-{person}"
    result = run(running, label, "device", person=person, patience=1.5 if person == "walks-away" else 60)
    assert result["error"] == error
    prompts = [event.reason for event in named(running, label, "UserPrompted")]
    assert prompts == ([] if person == "walks-away" else ["sign-in page for Azure CLI by device code"])
    if outcome is not None:
        seen = records(running, label)
        assert judge(seen, seen[0].at).outcome is outcome


def test_several_devices_at_once_are_not_mixed_up(running):
    """Each program's page, code and tokens are its own."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "ssosim", "exec", "--device", f"desk-{1 + n % 2}", "--as", f"many-{n}", "--",
             sys.executable, CLIENT, "device" if n % 3 == 0 else "form_post", "60"],
            env=running.environment(), stdout=subprocess.PIPE,
        )
        for n in range(6)
    ]  # fmt: skip
    for process in started:
        output, _ = process.communicate(timeout=90)
        assert json.loads(output)["error"] is None
    for n in range(6):
        who = "alice@contoso.com" if n % 2 == 0 else "bob@contoso.com"
        assert {event.subject for event in named(running, f"many-{n}", "TokenIssued")} == {who}
        assert len(named(running, f"many-{n}", "UserPrompted")) == 1


def test_programs_find_the_browser_by_any_usual_name(running):
    """$BROWSER and the programs that others call, first on PATH."""
    script = "for n in xdg-open x-www-browser www-browser sensible-browser; do command -v $n; done; echo $BROWSER"
    done = running.run("exec", "--", "sh", "-c", script)
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert len({str(Path(line).parent) for line in lines}) == 1
    assert str(running.home) in lines[0]


def test_an_unknown_behaviour_is_reported(running):
    """Wrong usage, with the names that are known."""
    done = running.run("exec", "--person", "dances", "--", "true")
    assert done.returncode == 125
    assert "walks-away" in done.stderr


def test_no_file_or_process_of_the_scripted_user_stays(running):
    """The profile and the scripted user's processes end with the program."""
    run(running, "gone", "query")
    assert not list((running.home / "labs" / "default" / "devices").iterdir())
    assert not [line for line in running.processes().values() if b"lab/person" in line]


def test_the_second_factor_is_given_by_the_user_and_by_nobody_else(running):
    """Davmail issues 285, 306: with MFA on, the user's app has the code; a user without it leaves the page."""
    number = running.run("fault", "apply", "mfa-required", "user=alice@contoso.com").stdout
    try:
        result = run(running, "two-factors", "query", patience=60.0)
        assert (result["listener"], result["error"]) == ("GET", None)
        prompts = [event.reason for event in named(running, "two-factors", "UserPrompted")]
        assert prompts[:2] == ["sign-in page for Azure CLI", "sign-in page for Azure CLI, AADSTS50074"]
        assert run(running, "one-factor", "query", person="no-second-factor", patience=2)["error"] == "timeout"
        assert not named(running, "one-factor", "TokenIssued")
    finally:
        running.run("fault", "undo", "mfa-required")
    assert number
