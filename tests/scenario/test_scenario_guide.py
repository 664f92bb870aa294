"""docs/scenarios.md: its examples run as they stand."""

import re
from pathlib import Path

from ssosim_clients.catalogue import MODELS

from ssosim.estate import default_estate
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import parse_scenario

GUIDE = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")


def example(language):
    """The first example in that language."""
    return re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)[1]


def test_the_file_plays_as_it_expects():
    """The TOML example is without mistakes, and its expectations hold."""
    scenario = parse_scenario(example("toml"), "guide.toml", MODELS)
    playback = play_in_memory(scenario, default_estate(), {c.name: model_of(c) for c in scenario.clients})
    assert [(r.client, r.verdict.reason) for r in playback.results if not r.as_expected] == []
    assert playback.share("blip") == 0.8


def test_the_python_example_runs():
    """The Python example holds what it asserts."""
    exec(compile(example("python"), "docs/scenarios.md", "exec"), {})  # noqa: S102 - our own text


def test_explain_prints_the_chain(bench):
    """``ssosim explain`` after a run: by phase and client, as text and as JSON; what is not there is one line."""
    assert bench.run("run", "feb-2025", "--client", "native-prompt").returncode == 0
    done = bench.run("explain", "--client", "native-prompt", "--phase", "cname")
    assert "no ticket ← the KDC does not know HTTP/www.tm.a.prd.aadg.trafficmanager.net ← " in done.stdout
    assert done.stdout.rstrip().endswith("← fault 'cname-for-alias' at 18:35")
    assert '"seq"' in bench.run("explain", "--json").stdout
    missing = bench.run("explain", "--client", "excel")
    assert (missing.returncode, "its clients: native-prompt" in missing.stderr) == (2, True)
