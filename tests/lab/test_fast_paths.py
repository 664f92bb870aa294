"""Labs whose servers are on the ordinary way of their libraries: by the switch, or by a failed self-check."""

from __future__ import annotations

from pathlib import Path

import pytest
from ssosim_clients.catalogue import find_model

from ssosim.dns.server import fast_path as dns_fast_path
from ssosim.dns.server.fast_path import plain_reply
from ssosim.entra.http import fast_path as http_fast_path
from ssosim.entra.http.fast_path import reply_bytes
from ssosim.estate import default_estate
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import WallClock, model_device
from ssosim.memory import Engine, MemoryLab
from ssosim.trace import LabEvent, TokenIssued
from tests.conftest import Bench
from tests.fast_paths import switched


def break_fast_paths(patch: pytest.MonkeyPatch) -> None:
    """Let both self-checks find a difference."""
    patch.setattr(plain_reply, "_soa_numbers", lambda _: bytes(20))
    patch.setattr(reply_bytes, "_date", None)


@pytest.mark.parametrize("why", ["switched off", "failed"])
async def test_a_sign_in_on_the_ordinary_way(
    why: str, tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model signs in. The trace says at its start which self-check failed, and nothing if the switch is off."""
    with switched("off" if why == "switched off" else "on"):
        if why == "failed":
            break_fast_paths(monkeypatch)
        home = tmp_path / "lab"
        home.mkdir()
        async with Lab(default_estate(), home, prepared) as lab:
            assert not dns_fast_path.enabled()
            assert not http_fast_path.enabled()
            async with model_device(lab, "desk", lab.device_of(None), WallClock(lab.clock)) as ports:
                await find_model("native-prompt").sign_in(ports)
            events = [record.event for record in lab.trace]
    assert any(isinstance(event, TokenIssued) for event in events)
    parts = [event.part for event in events if isinstance(event, LabEvent) and "ordinary way in use" in event.text]
    assert parts == (["DNS servers", "HTTP server"] if why == "failed" else [])


def test_a_wrong_switch_is_refused(tmp_path: Path) -> None:
    """A lab on sockets and one in memory refuse it before anything starts."""
    with switched("yes"):
        with pytest.raises(LabInputError, match="SSOSIM_FAST_PATHS='yes': expected on or off"):
            Lab(default_estate(), tmp_path, tmp_path)
        with pytest.raises(LabInputError, match="SSOSIM_FAST_PATHS='yes': expected on or off"):
            MemoryLab(Engine(0.0), default_estate())


def test_commands_refuse_a_wrong_switch(bench: Bench) -> None:
    """``up`` and ``doctor``: one line, exit code 2. ``doctor`` says which way is in use."""
    for words in (["up", "-d"], ["doctor"]):
        done = bench.run(*words, env={"SSOSIM_FAST_PATHS": "0"})
        assert (done.returncode, done.stderr) == (2, "ssosim: SSOSIM_FAST_PATHS='0': expected on or off\n")
    assert bench.run("doctor", env={"SSOSIM_FAST_PATHS": "on"}).stdout.count("fast path in use") == 2
    done = bench.run("doctor", env={"SSOSIM_FAST_PATHS": "off"})
    assert done.stdout.count("ordinary way in use: SSOSIM_FAST_PATHS=off") == 2
