"""``ssosim run``: the table, the expectations, and what one may change."""

import json
import re
from importlib import resources

import pytest

TIME = re.compile(r"\d\d:\d\d")
TEXT = (resources.files("ssosim.scenario") / "catalogue" / "feb-2025.toml").read_text()
LINE = TEXT[: TEXT.index('model = "office"')].count("\n") + 1


def test_the_incident_comes_out_as_shipped(bench):
    """Curl and both models through all four phases: every outcome as expected, exit code 0, nothing left (TMS9-001)."""
    done = bench.run("run", "feb-2025")
    assert done.returncode == 0, done.stdout + done.stderr
    cells = [line.split() for line in done.stdout.splitlines()]
    rows = {words[0]: words[2:5] for words in cells if len(words) > 5 and TIME.fullmatch(words[1])}
    assert rows == {
        "healthy": ["silent", "silent", "silent"],
        "record-empty": ["failed", "stalled", "interactive"],
        "cname": ["refused", "refused", "interactive"],
        "restored": ["silent", "silent", "silent"],
    }
    assert "HTTP/www.tm.a.prd.aadg.trafficmanager.net, which the KDC does not know" in done.stdout
    assert "autologon.microsoftazuread-sso.com has no address (NODATA)" in done.stdout
    assert "52 of 52 outcomes are as expected" in done.stdout
    bench.assert_nothing_left("run-feb-2025")
    trace = bench.run("trace", "--name", "run-feb-2025", "--client", "curl", "--layer", "kerberos")
    assert "TGS HTTP/www.tm.a.prd.aadg.trafficmanager.net → KDC_ERR_S_PRINCIPAL_UNKNOWN" in trace.stdout


def test_another_expectation_is_a_broken_one(bench, tmp_path):
    """An outcome other than the expected: exit code 1, and the table marks it. A file's name may hold blanks."""
    file = tmp_path / "my own scenario.toml"
    file.write_text(TEXT.replace('curl = "silent"\noffice = "silent"', 'curl = "silent"\noffice = "stalled"', 1))
    done = bench.run("run", str(file), "--client", "office")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "silent (!)" in done.stdout
    assert "[expected: stalled]" in done.stdout
    assert "3 of 4 outcomes" in done.stdout


def test_a_program_of_ones_own_is_one_more_client(bench):
    """``--exec`` adds a program, ``--client`` leaves others out; no ticket or password that it prints is noted."""
    curl = "curl -sSv --negotiate -u : https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
    mine = f"sh -c 'echo as $SSOSIM_USER with $SSOSIM_PASSWORD.; {curl}'"
    done = bench.run("run", "feb-2025", "--client", "native-prompt", "--exec", mine, "--json")
    assert done.returncode == 0, done.stderr
    playback = json.loads(done.stdout)
    outcomes = {phase["phase"]: phase["clients"]["sh#1"]["outcome"] for phase in playback["phases"]}
    assert outcomes == {"healthy": "silent", "record-empty": "failed", "cname": "refused", "restored": "silent"}
    assert set(playback["phases"][0]["clients"]) == {"native-prompt", "sh#1"}
    expected = [phase["clients"]["sh#1"]["expected"] for phase in playback["phases"]]
    assert [each["outcome"] for each in expected] == [["silent", "interactive"], [], [], ["silent", "interactive"]]
    assert all(each["no_exposure"] for each in expected)
    text = (bench.home / "labs/run-feb-2025/trace.jsonl").read_text()
    assert "Authorization: Negotiate (redacted)" in text
    assert "YII" not in text
    assert "as alice@contoso.com with (redacted)." in text
    assert "Alice-lab-password-1" not in text


def test_a_program_beyond_its_deadline_is_ended(bench, tmp_path):
    """A program that hangs is killed at its deadline and has stalled; one that is not there has failed."""
    file = tmp_path / "hang.toml"
    file.write_text(
        'name = "hang"\ntitle = "t"\nend = 2025-01-01T02:00:00Z\n'
        '[[clients]]\nname = "slow"\nrun = ["sleep", "60"]\ndeadline = 0.3\n'
        '[[clients]]\nname = "gone"\nrun = ["no-such-program"]\n'
        '[[phases]]\nname = "only"\nstart = 2025-01-01T00:00:00Z\nexpect = { slow = "stalled", gone = "failed" }\n'
    )
    done = bench.run("run", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ended with exit code 127" in done.stdout
    assert re.search(
        r"slow +stalled.*: still running after \d+(\.\d+)? s, when its deadline came: it sent nothing", done.stdout
    )
    assert "-9" not in done.stdout


def test_the_same_scenario_can_be_played_at_the_same_time(bench):
    """Two runs that begin together get a lab each."""
    both = [bench.popen("run", "feb-2025", "--client", "curl") for _ in range(2)]
    ends = [process.wait(60) for process in both]
    assert ends == [0, 0], [process.stderr.read() for process in both]
    assert {path.name for path in (bench.home / "labs").iterdir()} == {"run-feb-2025", "run-feb-2025-2"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nope"], "there is no scenario 'nope'; known: "),
        (["/no/such.toml"], "/no/such.toml: cannot be read"),
        (["feb-2025", "--client", "excel"], "excel"),
        (["feb-2025", "--exec", "'"], "No closing quotation"),
        (["feb-2025", "--exec", ""], "the command is empty"),
        (["feb-2025", "--exec", "./no-such-client --login"], "there is no such file: ./no-such-client"),
        (["feb-2025", "--exec", "no-such-client"], "there is no program 'no-such-client' on PATH"),
        (["feb-2025", "--exec", "/etc"], "/etc is a folder"),
        (["feb-2025", "--estate", "/no/such.toml"], "/no/such.toml: cannot be read"),
    ],
)
def test_what_cannot_be_played_is_a_mistake_of_usage(bench, words, text):
    """Exit code 2 and one line."""
    done = bench.run("run", *words)
    assert (done.returncode, text in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_what_does_not_fit_the_estate_is_named(bench, tmp_path):
    """A profile, a device or a model that is not there: exit code 2, by name, nothing left."""
    file = tmp_path / "s.toml"
    for old, new, words in (
        ('profile = "{profile}" }]', 'profile = "nope" }]', "'nope'"),
        (
            'device = { user = "managed", number = 2 }',
            'device = "desk-9"',
            "client 'native-prompt': device: there is no device 'desk-9'",
        ),
        ('model = "office"', 'model = "ofice"', f"{file}:{LINE}: clients[1].model: there is no model 'ofice'"),
    ):
        assert old in TEXT
        file.write_text(TEXT.replace(old, new, 1))
        done = bench.run("run", str(file))
        assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
    bench.assert_nothing_left("run-feb-2025")
