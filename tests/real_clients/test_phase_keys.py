"""Names in a manifest that no scenario has are mistakes: they would apply to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssosim.estate.toml import TomlMistakeError
from ssosim.lab.base.errors import LabInputError
from ssosim.real_clients.client_choice import choose_clients, resolve_real_clients
from ssosim.real_clients.lookup import find_flows, list_shipped
from ssosim.real_clients.matrix import play_matrix
from ssosim.real_clients.model_comparison import play_with_models
from ssosim.real_clients.phase_keys import check_phase_keys
from ssosim.scenario.loader import load_scenario, parse_scenario
from ssosim.scenario.model import Scenario

MANIFEST = """\
name = "mine"
title = "Mine 1.0"
{top}
[[flows]]
name = "sign-in"
title = "signs in"
run = ["true"]
{flow}
"""

SCENARIO = """\
name = "own"
title = "t"
end = 2025-01-01T02:00:00Z
clients = []

[[phases]]
name = "outage"
start = 2025-01-01T00:00:00Z
sign_in_at = [0, 60]
"""


def write_client(folder: Path, flow: str = "", top: str = "") -> str:
    """Write the manifest of the client ``mine``, and return the path of its folder."""
    (folder / "mine").mkdir(exist_ok=True)
    (folder / "mine/client.toml").write_text(MANIFEST.format(flow=flow, top=top), encoding="utf-8")
    return str(folder / "mine")


def deviation(phase: str) -> str:
    """A deviation in ``phase``, as TOML."""
    return f'model = "office"\n[[flows.deviations]]\nphase = "{phase}"\ndiffers = "spn"\nreason = "known"\n'


OWN = parse_scenario(SCENARIO, "own.toml")


def find_mistake(folder: Path, flow: str, played: tuple[Scenario, ...] = (OWN,), top: str = "") -> str:
    """Return the mistake in the manifest of a client that plays ``played``; empty if there is none."""
    try:
        check_phase_keys(find_flows(write_client(folder, flow, top)), played)
    except TomlMistakeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "key", ["*", "cname", "feb-2025#cname", "feb-2025#*", "outage", "own#outage", "own#*", "outage +60 s"]
)
def test_a_key_that_names_something_is_right(key: str, tmp_path: Path) -> None:
    """A phase or a sign-in of a scenario that is shipped or played, with or without the scenario, and any phase."""
    assert find_mistake(tmp_path, f'expect = {{ "{key}" = "silent" }}') == ""


@pytest.mark.parametrize(
    ("key", "wrong", "hint"),
    [
        ("cnane", "there is no phase 'cnane' in any scenario", "did you mean 'cname'?"),
        ("feb-2025#cnane", "feb-2025 has no phase 'cnane'; known: healthy, record-empty, cname, restored", "'cname'?"),
        ("feb-2052#cname", "there is no scenario 'feb-2052'; known: own,", "did you mean 'feb-2025'?"),
        ("feb-2025", "there is no phase 'feb-2025' in any scenario", "known: outage"),
        ("feb-2025#outage", "feb-2025 has no phase 'outage'", "known: healthy"),
        ("", "there is no phase '' in any scenario", "known:"),
        ("**", "there is no phase '**' in any scenario", "known:"),
        ("outage +61 s", "there is no phase 'outage +61 s'", "did you mean 'outage +60 s'?"),
    ],
)
def test_a_key_of_no_phase_is_a_mistake(key: str, wrong: str, hint: str, tmp_path: Path) -> None:
    """In expectations and in deviations: file, line, key, what is known, and the nearest name."""
    expected = find_mistake(tmp_path, f'expect = {{ "{key}" = "silent" }}')
    assert f"{tmp_path}/mine/client.toml:8: flows[0].expect." in expected
    deviating = find_mistake(tmp_path, deviation(key))
    assert f"{tmp_path}/mine/client.toml:10: flows[0].deviations[0].phase: " in deviating
    for text in (expected, deviating):
        assert wrong in text
        assert hint in text


def test_a_deviation_names_a_sign_in_by_its_label(tmp_path: Path) -> None:
    """A comparison has a cell for each sign-in, so the phase's name alone would excuse nothing."""
    assert find_mistake(tmp_path, deviation("own#outage +60 s")) == ""
    assert "own has no phase 'outage'" in find_mistake(tmp_path, deviation("own#outage"))


@pytest.mark.parametrize("kind", ["office", "curl", "browser-linux"])
def test_a_kind_of_a_scenario_is_right(kind: str, tmp_path: Path) -> None:
    """It is the name, the kind or the model of a scenario's client."""
    assert find_mistake(tmp_path, f'kind = "{kind}"', (load_scenario("feb-2025"),)) == ""


def test_a_kind_that_no_scenario_has_is_a_mistake(tmp_path: Path) -> None:
    """Nothing would be expected of the flow."""
    text = find_mistake(tmp_path, 'kind = "ofice"')
    assert "client.toml:8: flows[0].kind: no scenario has a client, kind or model 'ofice'" in text
    assert text.endswith("did you mean 'office'?")


def test_a_scenario_file_of_the_manifest_is_known(tmp_path: Path) -> None:
    """Its names are right while another scenario is played; a file that is not there is a mistake of its own."""
    flow, top = 'expect = { "own#outage" = "silent" }', 'scenarios = ["../own.toml"]'
    assert "there is no scenario 'own'" in find_mistake(tmp_path, flow, ())
    assert "own.toml: cannot be read" in find_mistake(tmp_path, flow, (), top)
    (tmp_path / "own.toml").write_text(SCENARIO, encoding="utf-8")
    assert find_mistake(tmp_path, flow, (), top) == ""
    assert "client.toml:3: scenarios[0]: 'feb-2025'" in find_mistake(tmp_path, flow, (), 'scenarios = ["feb-2025"]')


def test_every_way_to_play_a_real_client_checks_its_keys(tmp_path: Path) -> None:
    """By ``--client``, as the model of a scenario's client, in the matrix, and beside its model."""
    folder = write_client(tmp_path, 'expect = { outtage = "silent" }\nmodel = "office"')
    flows = find_flows(folder)
    named = parse_scenario(SCENARIO.replace("clients = []", f'clients = [{{ name = "c", model = "{folder}" }}]'), "o")
    for play in (
        lambda: choose_clients(OWN, [folder]),
        lambda: resolve_real_clients(named),
        lambda: play_matrix(flows, ["feb-2025"]),
        lambda: play_with_models([OWN], flows),
    ):
        with pytest.raises(TomlMistakeError, match=r"flows\[0\].expect.outtage: there is no phase 'outtage'"):
            play()


def test_two_clients_of_one_name_are_no_choice(tmp_path: Path) -> None:
    """The second would take the place of the first; one that is named twice is one client."""
    for place in (tmp_path / "a", tmp_path / "b"):
        place.mkdir()
        write_client(place, f'environment = {{ WHERE = "{place}" }}')
    first, second = str(tmp_path / "a/mine"), str(tmp_path / "b/mine")
    assert len(choose_clients(OWN, [first, f"{first}/client.toml"]).clients) == 1
    with pytest.raises(LabInputError, match="two real clients are called 'mine/sign-in'"):
        choose_clients(OWN, [first, second])


@pytest.mark.parametrize("name", [client.name for client in list_shipped() if client.manifest.flows])
def test_the_shipped_manifests_name_what_there_is(name: str) -> None:
    """Each key by phase of a shipped real client is that of a scenario."""
    check_phase_keys(find_flows(name))
