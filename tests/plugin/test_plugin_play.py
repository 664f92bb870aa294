"""Scenarios from a test: verdicts, clients of one's own, parametrisation, options."""

from importlib import resources

import pytest
from ssosim_clients.catalogue import MODELS

from ssosim.pytest_plugin import _MARKER
from ssosim.scenario.loader import catalogue

ASYNCIO_AUTO = "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function"
MODELS_OF_OWN = """
    from dataclasses import dataclass
    from ssosim_clients.models import Client
    from ssosim_clients.policies import PromptAtOnce
    from ssosim_clients.spn import RULES

    def MyClient(name="mine"):
        return Client(name=name, description="", sources=(), spn=RULES["wininet"], policy=PromptAtOnce())
"""


def test_the_snippet_of_the_documentation_passes(project):
    """A client of the test's own is played in virtual time; the verdict answers by phase and by time to decision."""
    project.write(f"""{MODELS_OF_OWN}
    from ssosim.testing import Outcome

    async def test_falls_back(sso_play):
        verdict = await sso_play("feb-2025", client=MyClient())
        assert verdict.phase("record-empty").outcome is Outcome.INTERACTIVE
        assert verdict.decided_within(minutes=1)
        assert verdict.clients == ("mine",)
        assert verdict.skipped_programs == ()
    """)
    assert project.run().counts == {"passed": 1}


@pytest.mark.parametrize(
    ("ini", "mark", "disabled"),
    [
        ("asyncio_mode = strict\nasyncio_default_fixture_loop_scope = function", "@pytest.mark.asyncio", "no:anyio"),
        ("asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function", "", "no:anyio"),
        ("", "@pytest.mark.anyio", "no:asyncio"),
    ],
    ids=["asyncio strict", "asyncio auto", "anyio"],
)
def test_no_asyncio_mode_is_forced(project, ini, mark, disabled):
    """The same test runs under pytest-asyncio in both modes and under anyio's plugin, warnings being errors."""
    project.write(
        f"""
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        {mark}
        async def test_play(sso_play):
            assert (await sso_play("feb-2025", "native-prompt")).as_expected
        """,
        ini=ini,
    )
    assert project.run("-p", disabled).counts == {"passed": 1}


def test_the_synchronous_variant_needs_no_plugin_of_asyncio(project):
    """``sso_play_sync`` works where no asyncio plugin is loaded; inside a loop it says what to use instead."""
    project.write(
        """
        import asyncio, pytest
        from ssosim.lab.base.errors import LabInputError

        def test_play(sso_play_sync):
            assert sso_play_sync("feb-2025", client=["native-prompt"]).as_expected

        def test_in_a_loop(sso_play_sync, sso_play):
            async def inside():
                sso_play_sync("feb-2025")
            with pytest.raises(LabInputError, match="await sso_play"):
                asyncio.run(inside())
            coroutine = sso_play("feb-2025")
            with pytest.raises(LabInputError, match="use sso_play_sync"):
                coroutine.send(None)
        """,
        ini="",
    )
    assert project.run("-p", "no:asyncio", "-p", "no:anyio").counts == {"passed": 2}


def test_clients_by_name_object_and_list(project):
    """Several clients play together and are asked for by name; two of one name get numbers; the device is a choice."""
    project.write(f"""{MODELS_OF_OWN}
    import pytest
    from ssosim.lab.base.errors import LabInputError

    def test_several(sso_play_sync):
        played = sso_play_sync("feb-2025", ["native-prompt", MyClient(), MyClient()], device="desk-2")
        assert played.clients == ("native-prompt", "mine", "mine-2")
        assert played.client("mine").phase("cname").outcome == "interactive"
        assert not played.repeat_command  # no command line knows an object of the test's
        with pytest.raises(LabInputError, match="which client"):
            played.phase("cname")
        with pytest.raises(LabInputError, match="it has: healthy, record-empty"):
            played.phase("recrod-empty")
        subjects = {{r.event.subject for r in played.records if hasattr(r.event, "subject")}}
        assert subjects == {{"bob@contoso.com"}}

    @pytest.mark.parametrize(("wrong", "says"), [
        ("native-promt", "did you mean native-prompt"), ("curl", "is a program"), ([], "empty list"),
        (MyClient, "is no client"), (object(), "async method sign_in"),
        (type("K", (), {{"sign_in": 1}}), "pass an instance"),
    ])
    def test_wrong(sso_play_sync, wrong, says):
        with pytest.raises(LabInputError, match=says):
            sso_play_sync("feb-2025", wrong)
    """)
    session = project.run()
    assert session.counts == {"passed": 7}, session.output


def test_programs_are_left_out_and_that_is_said(project):
    """Without a client the scenario's own models play; its programs are named in the report with the command."""
    project.write("""
    def test_own(sso_play_sync):
        played = sso_play_sync("feb-2025")
        assert played.skipped_programs == ("curl",)
        assert False
    """)
    output = project.run().output
    assert "left out, since a loopback lab runs no programs: curl; with them: ssosim run feb-2025" in output


def test_parametrised_by_marker_option_and_ini(project):
    """``sso_scenario`` and ``sso_client`` come from the marker, else the ini key, else all; the command line wins."""
    text = """
    import pytest

    {mark}
    def test_each(sso_scenario, sso_client):
        pass
    """
    mark = '@pytest.mark.sso(scenarios=["feb-2025"], clients=["office", "native-prompt"])'
    project.write(text.format(mark=mark))
    output = project.run("--collect-only", "-q").output
    assert "test_each[feb-2025-office]" in output
    assert "test_each[feb-2025-native-prompt]" in output
    assert project.run("--sso-client", "native-prompt", "-q").counts == {"passed": 1}
    project.write(
        text.format(mark=""), ini=f"{ASYNCIO_AUTO}\nsso_scenarios = feb-2025\nsso_clients =\n  office\n  native-prompt"
    )
    assert project.run().counts == {"passed": 2}
    project.write(text.format(mark=""))
    assert project.run().counts == {"passed": len(MODELS) * len(catalogue())}


def test_a_scenario_of_ones_own_by_file_and_object(project):
    """A TOML file, a ``Scenario`` and an own estate play; a mistake in them is one message with its place."""
    project.write("""
    from pathlib import Path
    from ssosim.testing.playing import resolve_scenario

    def test_both(sso_play_sync, sso_estate):
        file = sso_play_sync("short.toml", "native-prompt", seed=3)
        assert (file.scenario.name, file.seed) == ("short", 3)
        assert file.repeat_command == f"ssosim run short.toml --client native-prompt --seed 3 --estate {sso_estate}"
        assert sso_play_sync(resolve_scenario(Path("short.toml")), "native-prompt").repeat_command == ""
        assert file.phase("only").outcome == "silent"

    def test_mistake(sso_play_sync):
        Path("bad.toml").write_text("name = 3")
        sso_play_sync("bad.toml")
    """)
    (project.folder / "short.toml").write_text(
        'name = "short"\ntitle = "t"\nend = 2026-01-01T01:00:00Z\n'
        '[[clients]]\nname = "office"\nmodel = "office"\n'
        '[[phases]]\nname = "only"\nstart = 2026-01-01T00:00:00Z\n'
    )
    contoso = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
    (project.folder / "mine.toml").write_text(contoso)
    session = project.run("--sso-estate", "mine.toml")
    assert session.counts == {"passed": 1, "failed": 1}, session.output
    assert "bad.toml:1" in session.output


def test_the_seed_is_given_by_option_marker_and_ini(project):
    """The option wins over the marker, the marker over the ini key; it is part of the command that repeats the run."""
    project.write(
        """
        import pytest

        def test_ini(sso_seed):
            assert sso_seed == 5

        @pytest.mark.sso(seed=6)
        def test_marker(sso_seed):
            assert sso_seed == 6
        """,
        ini=f"{ASYNCIO_AUTO}\nsso_seed = 5",
    )
    assert project.run().counts == {"passed": 2}
    assert project.run("--sso-seed", "7").counts == {"failed": 2}


def test_help_lists_options_fixtures_and_marker(project):
    """Every option, fixture and the marker are documented where pytest's users look for them."""
    options = project.run("--help").output
    assert all(f"--sso-{name}" in options for name in ("scenario", "client", "seed", "estate", "keep"))
    fixtures = project.run("--fixtures").output
    for name in ("sso_lab", "sso_play", "sso_play_sync", "sso_scenario", "sso_client", "sso_estate", "sso_seed"):
        assert f"\n{name} -- " in fixtures
    assert _MARKER.split(":")[0] in project.run("--markers").output


def test_a_mistake_in_the_marker_is_one_message(project):
    """A wrong keyword of the marker, and an unknown name, are errors without a traceback of ours."""
    project.write("""
    import pytest

    @pytest.mark.sso(scenario="feb-2025")
    def test_keyword(sso_scenario):
        pass
    """)
    assert "takes scenarios=, clients=" in project.run().output
    project.write("""
    import pytest

    @pytest.mark.sso(scenarios=["feb-25"])
    def test_name(sso_scenario):
        pass
    """)
    output = project.run().output
    assert "there is no scenario 'feb-25'" in output
    assert "Traceback" not in output
    assert "pytest_plugin.py" not in output
