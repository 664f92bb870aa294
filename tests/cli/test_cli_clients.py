"""``ssosim clients``: what can be played, a line each."""

from __future__ import annotations

import pytest
from ssosim_clients.catalogue import MODELS

from ssosim.cli import main


def test_models_and_real_clients_are_listed_a_line_each(capsys: pytest.CaptureFixture[str]):
    """Every name can be given to ``--client``; where its behaviour is known from is said when asked."""
    assert main(["clients"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert {*MODELS, "curl/windowstransport", "msal4j/integrated"} <= {*names}
    assert not any("source:" in line for line in lines)
    assert main(["clients", "--sources"]) == 0
    with_sources = capsys.readouterr().out
    assert all(f"source: {source}" in with_sources for model in MODELS.values() for source in model.sources)


def test_a_set_is_listed_alone(capsys: pytest.CaptureFixture[str]):
    """``--set`` lists the real clients of that matrix and nothing else; it does not go with names to install."""
    assert main(["clients", "--set", "spnego"]) == 0
    names = {line.split()[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")}
    assert "httpclient5/canonical-name" in names
    assert not {"curl/windowstransport", "office"} & names
    assert main(["clients", "--set", "spnego", "--install", "curl"]) == 2
    assert "leave --set out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--packages", "--install", "curl"], "--packages: lists, and --install installs"),
        (["--sources", "--packages"], "--sources: only the list of clients"),
        (["--sources", "--install", "curl"], "--sources: only the list of clients"),
    ],
)
def test_an_option_that_another_one_leaves_without_effect_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    """``--install`` beside ``--packages`` installed nothing, with exit code 0."""
    assert main(["clients", *words]) == 2
    assert said in capsys.readouterr().err
