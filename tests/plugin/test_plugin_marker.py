"""The marker, the options and the ini keys used wrongly: no mistake in them lets a test pass."""

from __future__ import annotations

import re

WRONG = """
import pytest

@pytest.mark.sso(scenario="feb-2025")
def test_keyword_without_a_fixture(): pass

@pytest.mark.sso("feb-2025")
def test_positional(sso_seed): pass

@pytest.mark.sso(scenarios=["feb-2025"])
def test_scenarios_without_their_fixture(sso_seed): pass

@pytest.mark.sso(clients=["office"])
def test_clients_without_their_fixture(sso_seed): pass

@pytest.mark.sso(estate="mine.toml")
def test_estate_without_a_lab(tmp_path): pass

@pytest.mark.sso(seed=3)
def test_seed_of_a_lab_in_real_time(sso_lab): pass

@pytest.mark.sso(seed="3")
def test_seed_as_text(sso_seed): pass

@pytest.mark.sso(seed=1.5)
def test_seed_as_a_fraction(sso_seed): pass

@pytest.mark.sso(seed=True)
def test_seed_as_a_truth_value(sso_seed): pass

@pytest.mark.sso(clients=["offcie"])
def test_client_that_there_is_not(sso_client): pass

@pytest.mark.sso(scenarios="feb-25")
def test_scenario_that_there_is_not(sso_scenario): pass

@pytest.mark.sso(seeed=3)
class TestClass:
    @pytest.mark.sso(seed=3)
    def test_outer_marker(self, sso_seed): pass
"""
SAYS = {
    "test_keyword_without_a_fixture": "takes scenarios=, clients=, estate= and seed=",
    "test_positional": "takes scenarios=, clients=, estate= and seed=",
    "test_scenarios_without_their_fixture": "nothing in this test takes sso_scenario",
    "test_clients_without_their_fixture": "nothing in this test takes sso_client",
    "test_estate_without_a_lab": "nothing in this test takes sso_estate",
    "test_seed_of_a_lab_in_real_time": "nothing in this test takes sso_seed",
    "test_seed_as_text": "seed '3': expected a whole number",
    "test_seed_as_a_fraction": "seed 1.5: expected a whole number",
    "test_seed_as_a_truth_value": "seed True: expected a whole number",
    "test_client_that_there_is_not": "did you mean",
    "test_scenario_that_there_is_not": "there is no scenario 'feb-25'",
    "test_outer_marker": "takes scenarios=, clients=, estate= and seed=",
}


def of_test(output: str, name: str) -> str:
    """The part of a session's report that is about one test."""
    found = re.search(rf"_ ERROR [^\n]*\b{name}\b[^\n]* _+\n(.*?)(?=\n_{{3,}} |\n=====)", output, re.DOTALL)
    return "" if found is None else found[1]


def test_no_mistake_in_a_marker_passes(project):
    """Each wrong marker is an error of its own test, with one message and no traceback."""
    project.write(WRONG, ini="")
    session = project.run("-p", "no:asyncio")
    assert session.counts == {"error": len(SAYS)}, session.output
    for name, says in SAYS.items():
        assert says in of_test(session.output, name), (name, session.output)
    assert "pytest_plugin.py" not in session.output
    assert "Traceback" not in session.output
    assert "direct cause" not in session.output


EMPTY = {
    "wrong": ('scenario="feb-2025"', " takes scenarios=, clients=, estate= and seed="),
    "list": ("scenarios=[]", "(scenarios=...) is empty; name at least one"),
    "tuple": ("clients=()", "(clients=...) is empty; name at least one"),
    "text": ('clients=""', "(clients=...) is empty; name at least one"),
}


def test_a_marker_that_names_nothing_is_not_all(project):
    """A marker that names no scenario or client, or misspells the argument, does not stand for the whole catalogue."""
    for name, (argument, _) in EMPTY.items():
        text = f"import pytest\n\n@pytest.mark.sso({argument})\ndef test_{name}(sso_scenario, sso_client): pass\n"
        project.write(text, name=f"test_{name}.py", ini="")
    session = project.run("-p", "no:asyncio", "--sso-scenario=feb-2025", "--sso-client=ssms")
    assert session.counts == {"error": len(EMPTY)}, session.output
    for name, (_, says) in EMPTY.items():
        assert f"test_{name}: @pytest.mark.sso{says}" in session.output


def test_an_option_that_no_test_takes_is_told(project):
    """The run passed without trying what the option names: the last lines say so, of each option."""
    project.write("def test_plain(): pass\n\ndef test_seeded(sso_seed): pass\n", ini="")
    session = project.run("-p", "no:asyncio", "--sso-client=office", "--sso-scenario=feb-2025", "--sso-seed=3")
    assert session.counts == {"passed": 2}, session.output
    for name in ("client", "scenario"):
        assert f"ssosim: --sso-{name} had no effect: no test of this run takes sso_{name}" in session.output
    assert "--sso-seed had no effect" not in session.output
    assert "had no effect" not in project.run("-p", "no:asyncio").output


def test_the_command_line_wins_over_markers(project):
    """Scenario, client, seed and estate of the command line replace those of the marker, the marker the ini keys."""
    from importlib import resources  # noqa: PLC0415 - the estate is written once here

    contoso = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
    (project.folder / "given.toml").write_text(contoso, encoding="utf-8")
    project.write(
        """
        import pytest

        @pytest.mark.sso(scenarios=["feb-2025"], clients=["office"], seed=3, estate="marked.toml")
        def test_marked(sso_scenario, sso_client, sso_seed, sso_estate, request):
            given = bool(request.config.getoption("sso_seed"))
            assert sso_scenario.name == ("short-blip" if given else "feb-2025")
            assert sso_client.name == ("ssms" if given else "office")
            assert sso_seed == (8 if given else 3)
            assert str(sso_estate).endswith("given.toml" if given else "marked.toml")

        def test_bare(sso_seed, sso_estate, request):
            given = bool(request.config.getoption("sso_seed"))
            assert sso_seed == (8 if given else -5)
            assert str(sso_estate).endswith("given.toml" if given else "of-ini.toml")
        """,
        ini="sso_seed = -5\nsso_estate = of-ini.toml\nsso_scenarios = negative-cache\nsso_clients = naive",
    )
    assert project.run("-p", "no:asyncio").counts == {"passed": 2}
    options = [
        "-p",
        "no:asyncio",
        "--sso-scenario=short-blip",
        "--sso-client=ssms",
        "--sso-seed=8",
        "--sso-estate=given.toml",
    ]
    session = project.run(*options)
    assert session.counts == {"passed": 2}, session.output


def test_a_seed_of_the_ini_file_is_a_whole_number(project):
    """What is no whole number in ASCII digits is named, without a traceback, and no other seed is used."""
    project.write("def test_it(sso_seed): pass", ini="sso_seed = 1_0")
    session = project.run("-p", "no:asyncio")
    assert session.counts == {"error": 1}, session.output
    assert "seed '1_0': expected a whole number" in session.output
    assert "pytest_plugin.py" not in session.output


def test_a_marker_on_a_class_need_not_fit_each_test(project):
    """The marker of a class or module is for those tests that take the fixtures; the others are not refused."""
    project.write(
        """
    import pytest
    pytestmark = pytest.mark.sso(scenarios=["feb-2025"], seed=2)

    @pytest.mark.sso(clients=["office"])
    class TestAll:
        def test_one(self, sso_scenario, sso_client, sso_seed):
            assert (sso_scenario.name, sso_client.name, sso_seed) == ("feb-2025", "office", 2)

        def test_other(self): pass

        @pytest.mark.parametrize("sso_client", ["ssms", "naive"], indirect=True)
        def test_own_parameters(self, sso_client):
            assert sso_client.name in ("ssms", "naive")
    """,
        ini="",
    )
    assert project.run("-p", "no:asyncio").counts == {"passed": 4}
