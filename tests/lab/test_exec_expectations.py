"""``ssosim exec`` with expectations: the program's exit code where all holds, 121 and what is broken where not."""

import pytest

HOST = "autologon.microsoftazuread-sso.com"
SIGN_ON = f"curl -sf -o /dev/null --negotiate -u : https://{HOST}/contoso.com/winauth/sso"
ASSERTION = (
    "curl -s -o /dev/null --negotiate -u : -H 'Content-Type: application/soap+xml; charset=utf-8' "
    "-H 'SOAPAction: http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue' --data-binary @clients/real/curl/rst.xml "
    f"https://{HOST}/contoso.com/winauth/trust/2005/windowstransport"
)
REALM = "curl -s https://login.microsoftonline.com/common/userrealm/alice@contoso.com?api-version=1.0"


@pytest.mark.parametrize(
    ("options", "program", "code", "words"),
    [
        (("--expect", "silent"), SIGN_ON, 0, ""),
        (("--expect", "silent"), f"{SIGN_ON}; sleep 0.1; exit 0", 0, ""),
        (("--expect", "failed"), f"{SIGN_ON}; exit 7", 7, ""),
        (("--expect", "silent"), f"{SIGN_ON}; exit 7", 121, "expected silent, found failed"),
        (("--expect", "silent|interactive"), "true", 121, "it ended with exit code 0 and sent nothing"),
        (("--never", "silent"), SIGN_ON, 121, "never"),
        (("--expect", "silent"), f"{REALM} >/dev/null", 121, "failed"),
        (("--expect", "silent"), ASSERTION, 121, "an assertion was issued, and no token was asked for with it"),
        (("--expect", "silent", "--last-step", "wstrust-ticket"), ASSERTION, 0, ""),
        (
            ("--no-exposure",),
            f"{SIGN_ON}; curl -s -u alice@contoso.com:Alice-lab-password-1 https://sts.fabrikam.com/",
            121,
            "exposure",
        ),
        (("--no-exposure",), SIGN_ON, 0, ""),
        (("--no-exposure", "--max-prompts", "0"), "echo success", 121, "sent nothing in this lab"),
        (("--no-exposure", "--expect", "failed"), "true", 0, ""),
        (("--never", "silent"), "exit 3", 3, "sent nothing in this lab"),
        (("--allow-exposure",), "true", 0, ""),
        (("--max-rate", "1/min"), SIGN_ON, 121, "max-rate"),
        (("--deadline", "1s", "--expect", "stalled"), "sleep 60", 124, "stopped after 1 s"),
        (("--deadline", "1s", "--expect", "silent"), "sleep 60", 121, "still running"),
    ],
)
def test_the_exit_code_says_whether_all_holds(running, options, program, code, words):
    """The program's own exit code is kept where all that is expected holds; else it is 121, with the reason."""
    done = running.run("exec", "--device", "desk-1", *options, "--", "sh", "-c", program)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    if code != 121 and not words:
        assert "expected" not in done.stderr


def test_a_fault_that_touched_nothing_of_the_program_is_noted(running):
    """A fault in force that names what the program does not ask for is noted; one that struck the program is not."""
    struck = ("nxdomain", "names=login.microsoftonline.com", "types=AAAA")
    missed = ("servfail", "names=login.example")
    for fault in (struck, missed):
        assert running.run("fault", "apply", *fault).returncode == 0
    program = f"{REALM} >/dev/null; {SIGN_ON}"
    try:
        done = running.run("exec", "--as", "noted", "--expect", "silent", "--", "sh", "-c", program)
        other = running.run("exec", "--as", "noted", "--expect", "failed", "--", "sh", "-c", program)
    finally:
        running.run("fault", "undo", "all")
    assert done.returncode == 0, done.stderr
    note = "note: servfail, in force, touched nothing of noted: no client asked for login.example"
    assert done.stderr.splitlines() == [f"ssosim exec: {note}"]
    assert other.returncode == 121
    assert other.stderr.splitlines()[0] == f"ssosim exec: {note}", "it says why the fault did no harm"


def test_a_fault_that_was_over_before_the_program_asked_is_noted(running):
    """``--for`` ended before: that is named once, for the next program; a fault that was undone on purpose is not."""
    assert running.run("fault", "apply", "servfail", f"names={HOST}", "--for", "100ms").returncode == 0
    assert running.run("fault", "apply", "nxdomain", f"names={HOST}", "--for", "1h").returncode == 0
    assert running.run("fault", "undo", "nxdomain").returncode == 0
    done = running.run("exec", "--as", "late", "--expect", "silent", "--", "sh", "-c", f"sleep 1; {SIGN_ON}")
    assert done.returncode == 0, done.stderr
    (note,) = done.stderr.splitlines()
    assert note.startswith("ssosim exec: note: servfail was over ")
    assert note.endswith(", before late asked anything, so it touched nothing of it")
    again = running.run("exec", "--as", "late", "--expect", "silent", "--", "sh", "-c", SIGN_ON)
    assert (again.returncode, again.stderr) == (0, "")


def test_an_earlier_program_of_the_same_name_does_not_count(running):
    """What ``--as NAME`` did before is no sign-in of this program."""
    first = running.run("exec", "--as", "mine", "--expect", "silent", "--", "sh", "-c", SIGN_ON)
    assert first.returncode == 0, first.stderr
    second = running.run("exec", "--as", "mine", "--expect", "silent", "--", "true")
    assert second.returncode == 121
    assert "sent nothing" in second.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--expect", "silnt"), "did you mean 'silent'"),
        (("--expect", "healthy=silent"), "there are no phases here"),
        (("--within", "soon"), "expected a duration"),
        (("--last-step", "mex"), "invalid choice"),
    ],
)
def test_a_wrong_expectation_is_a_mistake_before_the_program_starts(running, options, words):
    """Exit code 125, the mistake, and no program was started."""
    done = running.run("exec", *options, "--", "sh", "-c", "echo started")
    assert (done.returncode, done.stdout) == (125, "")
    assert words in done.stderr


def test_two_programs_cannot_share_a_name(running):
    """The sign-in of another program under the same name is none of this one; a lab's own names are refused too."""
    other = running.popen("exec", "--as", "twin", "--", "sh", "-c", f"echo up; {SIGN_ON}; sleep 600")
    assert other.stdout.readline().strip() == b"up"
    done = running.run("exec", "--as", "twin", "--expect", "silent", "--", "sh", "-c", "echo started")
    assert (done.returncode, done.stdout) == (125, "")
    assert "is running already" in done.stderr
    other.terminate()
    other.wait(30)
    again = running.run("exec", "--as", "twin", "--expect", "silent", "--", "sh", "-c", SIGN_ON)
    assert again.returncode == 0, again.stderr
    assert "a name of the lab itself" in running.run("exec", "--as", "spn", "--", "true").stderr


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (f"(sleep 1; {SIGN_ON}) & exit 0", "sent nothing"),
        (f"setsid sh -c 'sleep 1; {SIGN_ON}' & exit 0", "sent nothing"),
        (f"{SIGN_ON}-none; exit 0", "failed"),
        ("getent hosts autologon.microsoftazuread-sso.com >/dev/null; exit 0", "nothing was issued that signs in"),
    ],
    ids=["background", "session", "wrong-path", "name-only"],
)
def test_exit_code_0_is_no_sign_in(running, program, words):
    """What ends with 0 and has not signed in is not signed in; what it leaves behind ends with it."""
    done = running.run("exec", "--device", "desk-1", "--expect", "silent|interactive", "--", "sh", "-c", program)
    assert done.returncode == 121
    assert words in done.stderr
