"""``ssosim run`` with the user's own program: what it can fail by, from outside."""

import json
import re
import sys
from pathlib import Path

import pytest
from lxml import etree

BROWSER_CLIENT = Path(__file__).parents[1] / "scripted_user" / "client.py"
CURL = "curl -sS -o /dev/null --negotiate -u : https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
SHORT = """
name = "short"
title = "a healthy hour, then SERVFAIL"
end = 2025-03-01T12:00:00Z

[[clients]]
name = "office"
model = "office"
device = "desk-1"

[[phases]]
name = "healthy"
start = 2025-03-01T10:00:00Z
expect = { office = "silent" }

[[phases]]
name = "broken"
start = 2025-03-01T11:00:00Z
faults = [{ fault = "servfail", names = ["autologon.microsoftazuread-sso.com"] }]
expect = { office = "stalled" }
"""


@pytest.fixture
def short(tmp_path):
    """A scenario of two phases, as the file of a user."""
    file = tmp_path / "short.toml"
    file.write_text(SHORT)
    return str(file)


def test_the_command_of_the_readme_guards_a_pipeline(bench, short):
    """Without any option: a program that signs in passes, one that does nothing fails, and the last line says where."""
    good = bench.run("run", short, "--exec", CURL)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "3 of 3 outcomes are as expected; nothing is expected of 1 more" in good.stdout
    last = next(line for line in good.stdout.splitlines() if line.startswith("curl#1: could fail"))
    assert "could fail in healthy, and everywhere by an exposure; could not fail in broken" in last
    bad = bench.run("run", short, "--exec", "true")
    assert bad.returncode == 1, bad.stdout + bad.stderr
    assert "it ended with exit code 0 and sent nothing [expected: silent or interactive]" in bad.stdout


def test_a_run_without_an_expectation_has_not_passed(bench, tmp_path):
    """JSON and JUnit say that nothing was judged; the exit code is 0 to look around, and 1 with --strict."""
    file, junit = tmp_path / "free.toml", tmp_path / "free.xml"
    file.write_text(re.sub(r"(?m)^expect = .*$", "", SHORT))
    done = bench.run("run", str(file), "--json", "--junit", str(junit))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["as_expected"]) == ("not-judged", True)
    assert {each["clients"]["office"]["status"] for each in result["phases"]} == {"not-judged"}
    assert "ssosim run: note: not judged: nothing is expected of any outcome" in done.stderr
    suite = etree.parse(junit).find("testsuite")
    assert (suite.get("tests"), suite.get("skipped")) == ("2", "2")
    strict = bench.run("run", str(file), "--strict")
    assert strict.returncode == 1
    assert "ssosim run: --strict: not judged: nothing is expected of any outcome" in strict.stderr


def test_strict_asks_for_one_outcome_of_each_client(bench, short):
    """A client that can fail in one phase is enough; one that could fail nowhere is named."""
    assert bench.run("run", short, "--strict").returncode == 0
    done = bench.run("run", short, "--strict", "--client", "office", "--client", "ssms")
    assert done.returncode == 0, done.stderr
    one_phase = SHORT[: SHORT.index("[[phases]]")] + SHORT[SHORT.rindex("[[phases]]") :]
    Path(short).write_text(one_phase)
    done = bench.run("run", short, "--strict", "--client", "office", "--client", "ssms")
    assert done.returncode == 1
    assert "ssosim run: --strict: ssms: not judged: no outcome is expected of it in any phase" in done.stderr
    assert "office: not judged" not in done.stderr


def test_a_run_without_a_client_is_refused(bench, tmp_path):
    """A scenario with ``clients = []`` is for programs of --exec: alone it would play nothing, with exit code 0."""
    file = tmp_path / "nobody.toml"
    file.write_text(
        "clients = []\n" + re.sub(r"(?ms)^\[\[clients\]\].*?(?=^\[\[)", "", re.sub("(?m)^expect.*$", "", SHORT))
    )
    done = bench.run("run", str(file))
    assert done.returncode == 2
    assert f"{file}: has no clients, so nobody would sign in; name one with --client or --exec" in done.stderr


@pytest.mark.parametrize(
    ("command", "words", "text"),
    [
        (CURL, ["--expect", "broken=silent|interactive"], "[expected: silent or interactive]"),
        (CURL, ["--never", "failed"], "[expected: never failed]"),
        (CURL, ["--expect", "refused"], "[expected: refused]"),
        (f"sh -c 'sleep 1; {CURL}'", ["--within", "healthy=500ms"], "[expected: a decision within 0.5 s, found "),
        (CURL, ["--code", "broken=AADSTS50126"], "[expected: the code AADSTS50126, found no code: "),
        (CURL, ["--reason-contains", "broken=a=b"], "[expected: 'a=b' in the reason, found "),
        (CURL, ["--max-rate", "1/min"], "[expected: at most 1 requests in any minute, found "),
        (f"sh -c '{CURL}; sleep 60'", ["--deadline", "2s", "--within", "broken=30s"], "found no decision]"),
        (
            f"{sys.executable} {BROWSER_CLIENT} query 10",
            ["--max-prompts", "0"],
            "[expected: at most 0 prompts, found ",
        ),
    ],
)
def test_each_option_can_fail_a_run(bench, short, command, words, text):
    """Exit code 1, and the line of the client names the rule and the figure."""
    done = bench.run("run", short, "--client", "office", "--exec", command, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert text in done.stdout
    assert ("found no decision" in done.stdout) == ("found no decision" in text)


def test_what_is_expected_holds(bench, short):
    """The same options with what the program does: exit code 0, and nothing is left that could not fail."""
    words = ["--expect", "silent", "--expect", "broken=failed", "--within", "30s", "--never", "stalled"]
    words += ["--max-prompts", "0", "--max-rate", "100/min", "--no-exposure", "--deadline", "1m"]
    done = bench.run("run", short, "--client", "office", "--exec", CURL, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 4 outcomes are as expected; seed 0" in done.stdout
    assert "could not fail" not in done.stdout


def test_a_program_can_be_of_a_kind(bench, short):
    """``--kind``: the program must do what the scenario expects of that kind."""
    done = bench.run("run", short, "--exec", CURL, "--kind", "office")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "[expected: stalled]" in done.stdout


def test_the_options_are_about_the_scenarios_clients_without_another(bench, short):
    """Without an added client they apply to every client of the run, before the scenario's own expectation."""
    done = bench.run("run", short, "--expect", "broken=interactive")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "office  stalled" in done.stdout
    assert "[expected: interactive]" in done.stdout


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--expect", "brokn=silent"], "there is no phase 'brokn'; known: healthy, broken; did you mean 'broken'?"),
        (["--expect", "sillent"], "--expect: 'sillent' is not an outcome; did you mean 'silent'?"),
        (["--expect", ""], "'' is not an outcome"),
        (["--expect", "silent", "--expect", "failed"], "given twice for the same phase"),
        (["--expect", "stalled", "--never", "stalled"], "--never stalled: --expect names it for the same phase"),
        (["--within", "soon"], "--within: 'soon': expected a duration above 0, such as 30s"),
        (["--max-prompts", "-1"], "--max-prompts"),
        (["--code", "AADSTS"], "--code: code 'AADSTS': expected an error code, such as AADSTS50126"),
        (
            ["--code", "healthy=50126", "--expect", "healthy=silent"],
            "--code AADSTS50126: a client that signs in silently",
        ),
        (["--reason-contains", ""], "--reason-contains: '': expected a text"),
        (["--max-rate", "5/day"], "--max-rate: '5/day': expected requests in a minute"),
        (["--deadline", "5s"], "--deadline: only programs have one"),
        (["--exec", CURL, "--kind", "offices"], "expects nothing of 'offices'; known: office; did you mean 'office'?"),
        (["--kind", "office"], "--kind: there is no program of --exec"),
    ],
)
def test_what_cannot_be_expected_is_a_mistake_of_usage(bench, short, words, text):
    """Exit code 2 with what is known, before anything is played."""
    done = bench.run("run", short, *words)
    assert (done.returncode, text in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_files_and_reports_say_what_could_not_fail(bench, short, tmp_path):
    """JUnit skips it, JSON has null or the expectation, and the repeated command has the options."""
    junit = tmp_path / "r.xml"
    words = ["--exec", CURL, "--max-prompts", "3", "--expect", "healthy=silent", "--junit", str(junit), "--json"]
    done = bench.run("run", short, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    text = junit.read_text()
    assert etree.fromstring(text.encode()).find("testsuite").get("skipped") == "0", "--max-prompts judges the sign-in"
    assert "--expect healthy=silent --max-prompts 3" in text
    healthy = json.loads(done.stdout)["phases"][0]["clients"]["curl#1"]
    assert healthy["expected"]["outcome"] == ["silent"]
    assert (healthy["broken"], healthy["as_expected"], healthy["prompts"]) == ([], True, 0)
    assert 0 < healthy["measures"]["requests"] == healthy["measures"]["peak_requests_per_minute"]
    bench.run("run", short, "--exec", CURL, "--junit", str(junit))
    cases = {
        (case.get("classname").rpartition(".")[2], case.get("name")): case.find("skipped")
        for case in etree.fromstring(junit.read_bytes()).iter("testcase")
    }
    assert [key for key, skipped in cases.items() if skipped is not None] == [("broken", "curl#1")]
    assert "nothing is expected of it" in cases["broken", "curl#1"].get("message")


def test_a_scenario_file_has_the_same_keys(bench, tmp_path):
    """``[phases.expect]`` and ``expect`` of a client take tables; each part can break."""
    file = tmp_path / "s.toml"
    file.write_text(
        SHORT.replace(
            'expect = { office = "silent" }', 'expect = { office = { outcome = "silent|interactive", within = "30s" } }'
        ).replace('device = "desk-1"', 'device = "desk-1"\nexpect = { broken = { max_rate = "2/min" } }')
    )
    done = bench.run("run", str(file))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "office  stalled: " in done.stdout
    assert "[expected: at most 2 requests in any minute, found " in done.stdout
    file.write_text(SHORT.replace('office = "silent"', 'office = { witin = "30s" }'))
    done = bench.run("run", str(file))
    assert done.returncode == 2
    assert "phases[0].expect.witin: unknown key; did you mean 'within'?" in done.stderr


def test_the_records_of_a_program_have_real_offsets(bench, short):
    """The lab's clock stands still while a program runs; its records say the real seconds since its start."""
    done = bench.run("run", short, "--client", "office", "--exec", f"sh -c '{CURL}; sleep 0.4; {CURL}'", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    records = bench.records("run-short")
    times = [each["at"] for each in records if each["client"] == "sh#1" and each["event"] == "TokenIssued"][:2]
    seconds = [float(re.search(r"10:00:(\d\d\.\d+)", at)[1]) for at in times]
    assert seconds[1] - seconds[0] >= 0.4
    healthy = json.loads(done.stdout)["phases"][0]["clients"]["sh#1"]
    assert healthy["after_s"] == pytest.approx(healthy["decided_s"], abs=0.05)


def test_a_client_that_was_never_seen_is_a_mistake(bench, short):
    """``trace --client`` with a typing error: exit code 2 and the near name, and not an empty answer."""
    bench.run("run", short)
    good = bench.run("trace", "--name", "run-short", "--client", "office", "--layer", "token")
    assert (good.returncode, "office" in good.stdout) == (0, True)
    wrong = bench.run("trace", "--name", "run-short", "--client", "ofice")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "there is no client 'ofice' in the trace; clients: office; did you mean office?" in wrong.stderr


def test_resolvers_are_no_clients(bench):
    """``explain`` lists who signs in; the resolvers in between ask under their names and are left out."""
    done = bench.run("run", "negative-cache", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    clients = set(json.loads(done.stdout)["phases"][0]["clients"])
    resolvers = {each["by"] for each in bench.records("run-negative-cache") if each.get("by")}
    assert resolvers
    explained = bench.run("explain", "--name", "run-negative-cache", "--json")
    assert {each["client"] for each in json.loads(explained.stdout)["explanations"]} == clients
