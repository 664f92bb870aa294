"""What a failing test says."""

from xml.etree import ElementTree as ET

TEST = """
from ssosim.testing import Outcome

def test_it(sso_play_sync):
    verdict = sso_play_sync("feb-2025", client="office")
    assert {assertion}
"""


def test_a_failed_assertion_explains_itself(project):
    """A wrong outcome: the assertion says client, phase, reason and command; a section holds the evidence."""
    project.write(TEST.format(assertion='verdict.phase("cname").outcome is Outcome.INTERACTIVE'))
    output = project.run().output
    assert "E       AssertionError: assert REFUSED is INTERACTIVE" in output
    assert "E         office in 'cname' (18:35 UTC): refused" in output
    assert "E         again: ssosim run feb-2025 --client office --seed 0" in output
    section = output[output.index("- single sign-on -") :]
    for line in (
        "fault cname-for-alias:",
        "kerberos  TGS HTTP/www.tm.a.prd.aadg.trafficmanager.net → KDC_ERR_S_PRINCIPAL_UNKNOWN",
        "windowstransport [ntlm] → 403",
        "this test: pytest 'test_it.py::test_it' --sso-seed 0",
    ):
        assert line in section
    assert "traffic-manager-deleted" not in section  # the other phases were not asked about


def test_no_frame_of_ours_is_shown(project):
    """The only code in the report of a failed test is the test's."""
    project.write(TEST.format(assertion="verdict.decided_within(minutes=1)"))
    output = project.run("--tb=long").output
    assert "test_it.py:6: AssertionError" in output
    assert "site-packages" not in output
    assert "ssosim/" not in output
    assert "office in 'record-empty' (16:42 UTC): stalled, never decided" in output


def test_a_wrong_name_is_one_line(project):
    """An unknown scenario ends at the line of the test that names it, with what there is."""
    project.write("""
    def test_it(sso_play_sync):
        sso_play_sync("feb-25")
    """)
    output = project.run("--tb=long").output
    assert "LabInputError: there is no scenario 'feb-25'; known: " in output
    assert "test_it.py:3: LabInputError" in output
    assert "play.py" not in output


def test_a_client_that_breaks_shows_its_own_code(project):
    """An exception in a client of the test's own shows the client's frames and none of ours."""
    project.write("""
    class Broken:
        async def sign_in(self, device):
            raise ZeroDivisionError("of mine")

    def test_it(sso_play_sync):
        sso_play_sync("feb-2025", Broken())
    """)
    output = project.run("--tb=long").output
    assert "ZeroDivisionError: of mine" in output
    assert "test_it.py:4: ZeroDivisionError" in output
    assert "virtual.py" not in output
    assert "play.py" not in output


def test_an_ordinary_exception_of_a_client_keeps_its_code_too(project):
    """Not even a KeyError or an OSError of the client's is taken for one of ours."""
    project.write("""
    import pytest

    class Broken:
        def __init__(self, error):
            self.error = error

        async def sign_in(self, device):
            raise self.error

    @pytest.mark.parametrize("error", [KeyError("k"), OSError("o"), AssertionError("a")])
    def test_it(sso_play_sync, error):
        sso_play_sync("feb-2025", Broken(error))
    """)
    output = project.run().output
    assert output.count("raise self.error") >= 3
    assert "virtual.py" not in output


def test_a_failing_fixture_explains_itself(project):
    """A scenario that is played in a fixture of the project's is explained when that fixture fails."""
    project.write("""
    import pytest

    @pytest.fixture
    def played(sso_play_sync):
        played = sso_play_sync("feb-2025", "native-prompt")
        assert played.phase("cname").outcome == "silent"

    def test_it(played):
        pass
    """)
    output = project.run().output
    assert "- single sign-on -" in output
    assert "native-prompt in 'cname' (18:35 UTC): interactive" in output


def test_a_lab_shows_its_last_exchanges(project):
    """A failing test with a lab gets the end of the lab's trace."""
    project.write("""
    def test_it(sso_lab):
        sso_lab.sign_in("native-prompt")
        assert False
    """)
    output = project.run().output
    assert "single sign-on: the lab's last exchanges" in output
    assert "ticket accepted: alice@CORP.CONTOSO.COM" in output


def test_lab_folders_go_unless_they_are_to_be_kept(project, tmp_path, leftovers):
    """``--sso-keep DIR`` keeps lab folder, trace and report of a failed test there; otherwise nothing is left."""
    project.write("""
    def test_bad(sso_play_sync):
        assert sso_play_sync("feb-2025", "native-prompt").phase("healthy").outcome == "failed"

    def test_good(sso_lab):
        pass
    """)
    base = f"--basetemp={tmp_path / 'base'}"
    assert project.run(base).counts == {"failed": 1, "passed": 1}
    assert leftovers() == []
    for folder in ("test_it.py-test_bad", "test_it.py-test_bad-2"):
        session = project.run(base, "--sso-keep", "kept")
        assert leftovers() == []
        assert str(project.folder / "kept" / folder) in session.output
        kept = project.folder / "kept" / folder / "1"
        assert (kept / "trace.jsonl").stat().st_size > 1000
        assert (kept / "krb5.conf").is_file()
        assert '<h2 id="timeline">' in (kept / "report.html").read_text()
    assert len(list((project.folder / "kept").iterdir())) == 2


def test_a_late_decision_names_the_phase(project):
    """A failed ``decided_within`` of a whole run names limit, client, phase and time in the line of the assertion."""
    project.write(TEST.format(assertion="verdict.decided_within(minutes=1)"))
    output = project.run("--tb=short").output
    assert "assert not decided within 60 s: office in 'record-empty': never, office in 'cname': never" in output


def test_the_evidence_reaches_junit(project):
    """The sections of a failed test are in the JUnit XML by default, for a run, a lab and a failed fixture."""
    project.write(
        TEST.format(assertion="verdict.decided_within(minutes=1)")
        + """
def test_lab(sso_lab):
    sso_lab.sign_in("native-prompt")
    assert False

import pytest

@pytest.fixture
def broken(sso_play_sync):
    sso_play_sync("feb-2025", "native-prompt")
    pytest.fail("of the fixture", pytrace=False)

def test_fixture(broken):
    pass
"""
    )
    for more in ((), ("-n", "2"), ("--tb=native", "--show-capture=no")):
        project.run("--junitxml=out.xml", *more)
        cases = {
            case.get("name"): "".join(case.itertext())
            for case in ET.parse(project.folder / "out.xml").iter("testcase")  # noqa: S314 - made by pytest
        }
        assert "office in 'record-empty' (16:42 UTC): stalled, never decided" in cases["test_it"]
        assert "again: ssosim run feb-2025 --client office --seed 0" in cases["test_it"]
        assert "ticket accepted: alice@CORP.CONTOSO.COM" in cases["test_lab"]
        assert "native-prompt in 'cname' (18:35 UTC): interactive" in cases["test_fixture"]
