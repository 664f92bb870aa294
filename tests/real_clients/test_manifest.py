"""A client's folder: what its manifest says, and how each mistake is named."""

from pathlib import Path

import pytest

from ssosim.estate.toml import TomlMistakeError
from ssosim.real_clients.lookup import UnknownRealClientError, find_flows, list_shipped
from ssosim.real_clients.manifest import RealClient, read_manifest

GOOD = """\
name = "mine"
title = "Mine 1.0"

[[flows]]
name = "sign-in"
title = "signs in"
run = ["{home}/sign-in"]
"""


def _read(folder: Path, text: str) -> RealClient:
    place = folder / "mine"
    place.mkdir(exist_ok=True)
    (place / "client.toml").write_text(text, encoding="utf-8")
    return read_manifest(place)


def test_defaults(tmp_path):
    """What a manifest leaves out: the estate's first device, a person who signs in, a minute, no installation."""
    flow = _read(tmp_path, GOOD).flow("sign-in")
    assert (flow.device, flow.person, flow.deadline, flow.model, flow.etc) == (None, "signs-in", 60.0, None, None)


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        (("title", "titel"), "client.toml:2: titel", "did you mean 'title'?"),
        (('name = "mine"', 'name = "other"'), "client.toml:1: name", "expected the name of its folder, 'mine'"),
        (('run = ["{home}/sign-in"]', "run = []"), "client.toml:7: flows[0].run", "expected a program"),
        (('run = ["{home}/sign-in"]', ""), "client.toml:4: flows[0]", "the key 'run' is missing"),
        (('title = "signs in"', 'title = "s"\nmodel = "ofice"'), "client.toml:7: flows[0].model", "'office'"),
        (('title = "signs in"', 'title = "s"\nperson = "sleeps"'), "client.toml:7: flows[0].person", "walks-away"),
        (('title = "signs in"', 'title = "s"\ndeadline = 0'), "client.toml:7: flows[0].deadline", "seconds"),
        (('title = "signs in"', 'title = "s"\netc = "../etc"'), "client.toml:7: flows[0].etc", "expected a folder in"),
        (("[[flows]]", "[[flow]]"), "client.toml:4: flow", "did you mean 'flows'?"),
    ],
)
def test_mistakes_are_named(tmp_path, change, place, said):
    """File, line, key, and what is expected there."""
    with pytest.raises(TomlMistakeError) as raised:
        _read(tmp_path, GOOD.replace(*change))
    assert place in str(raised.value)
    assert said in str(raised.value)


def test_a_deviation_needs_a_model_and_a_reason(tmp_path):
    """Nothing is set aside without saying why, nor from nothing."""
    with pytest.raises(TomlMistakeError) as raised:
        _read(tmp_path, GOOD + '[[flows.deviations]]\nphase = "*"\ndiffers = "spn"\nreason = " "\n')
    assert "deviations[0].reason: expected why" in str(raised.value)
    assert "names no model" in str(raised.value)


def test_every_shipped_folder_can_be_read():
    """The folders that come with the checkout are all good, and say where the client comes from."""
    assert "curl" in [client.name for client in list_shipped()]
    assert all(client.manifest.source.startswith("https://") for client in list_shipped())


def test_a_part_is_found_by_name_and_by_path(tmp_path, monkeypatch):
    """``client/flow``, ``client`` for all its flows, and a folder of the user's in both forms."""
    _read(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    assert [client_flow.name for client_flow in find_flows("curl/windowstransport")] == ["curl/windowstransport"]
    assert len(find_flows("curl")) > 1
    for name in ("./mine", "./mine/client.toml", "./mine/sign-in", str(tmp_path / "mine")):
        assert [client_flow.name for client_flow in find_flows(name)] == ["mine/sign-in"]
    with pytest.raises(UnknownRealClientError, match=r"curl has no flow 'windowstranport'.*did you mean"):
        find_flows("curl/windowstranport")
    with pytest.raises(TomlMistakeError, match=r"contains no client\.toml"):
        find_flows("./nothing")
