"""One name for a fault, from Python, TOML, plain data, command line and control API."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from ssosim.cli.fault import fields_of
from ssosim.dns import DnsServer, ZoneStore, zones_of
from ssosim.estate import default_estate
from ssosim.estate.toml import TomlMistakeError
from ssosim.faults import (
    FAULTS,
    ActiveFaults,
    Delay,
    Drop,
    Fault,
    FaultError,
    NameServerBlank,
    ServFail,
    fault_from,
)
from ssosim.faults.core import fault as fault_module
from ssosim.faults.core import registry
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.fault_handlers import apply_fault, list_faults, undo_faults
from ssosim.scenario.loader import parse_scenario
from ssosim.trace import Trace

SCENARIO = """
name = "broken"
title = "broken"
end = 2025-02-25T18:00:00Z
[[clients]]
name = "office"
model = "office"
[[phases]]
name = "one"
start = 2025-02-25T16:00:00Z
faults = [ {fault} ]
"""


class UsersOwn(Fault, frozen=True, kw_only=True, tag="users-own"):
    """A fault of somebody else's package."""


class TakenName(UsersOwn, frozen=True, kw_only=True, tag="users-own"):
    """A second fault with the name of the first."""


NEW_FAULT = """
from ssosim.faults.core.zone_fault import ZoneFault


class NewFault(ZoneFault, frozen=True, kw_only=True, tag="test-new-fault"):
    name: str
"""


def from_toml(text: str) -> Fault:
    """The fault of a scenario."""
    return parse_scenario(SCENARIO.replace("{fault}", text), "broken.toml").phases[0].faults[0]


@pytest.fixture
def board() -> Iterator[ActiveFaults]:
    """A board with a server on it."""
    store, trace = ZoneStore(zones_of(default_estate())), Trace()
    made = ActiveFaults(store, trace)
    made.attach(DnsServer(store, trace, lambda *_: ""), "lab")
    yield made
    made.undo_all()


@pytest.mark.parametrize(
    ("fault", "toml", "words"),
    [
        (
            ServFail(names=("a.example", "b.example"), first=3),
            '{ fault = "servfail", names = ["a.example", "b.example"], first = 3 }',
            ["names=a.example,b.example", "first=3"],
        ),
        (
            Delay(seconds=1.5, distribution="exponential", seed=7),
            '{ fault = "delay", seconds = 1.5, distribution = "exponential", seed = 7 }',
            ["seconds=1.5", "distribution=exponential", "seed=7"],
        ),
        (
            NameServerBlank(zone="fabrikam.com", servers=(1, 3)),
            '{ fault = "name-server-blank", zone = "fabrikam.com", servers = [1, 3] }',
            ["zone=fabrikam.com", "servers=1,3"],
        ),
        (Drop(), '{ fault = "drop" }', []),
    ],
)
def test_the_same_value_from_everywhere(fault: Fault, toml: str, words: list[str]) -> None:
    """Python, a scenario's TOML and the words of the command line make equal faults."""
    assert from_toml(toml) == fault
    assert fault_from(fields_of(fault.fault_name, words)) == fault
    assert hash(fault) == hash(from_toml(toml))
    with pytest.raises(AttributeError):
        fault.zone = "other"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"fault": "servfial"}, r"there is no fault 'servfial'; did you mean 'servfail'\? known: "),
        ({}, "there is no fault None"),
        ({"fault": "delay"}, "missing required field `seconds`; its fields: "),
        ({"fault": "delay", "seconds": "soon"}, r"Expected `float`, got `str` - at `\$.seconds`"),
        ({"fault": "drop", "probability": 2}, "probability 2.0 is not above 0 and at most 1"),
        ({"fault": "drop", "first": 0}, "first 0 is not 1 or more"),
        ({"fault": "drop", "colour": "red"}, "unknown field `colour`"),
        ({"fault": "drop", "names": ["https://a.example/"]}, "is no host name; give it without scheme, port and path"),
        ({"fault": "drop", "names": ["ok.example", "a.example:443"]}, "names: 'a.example:443' is no host name"),
        ({"fault": "reverse-zone-dead", "zone": "fabrikam.com"}, "is not a reverse zone"),
    ],
)
def test_a_mistake_is_named(board: ActiveFaults, data: dict[str, Any], words: str) -> None:
    """FaultError says which fault and field, and what is expected; over the control API it is a 400."""
    with pytest.raises(FaultError, match=words):
        fault_from(data)
    with pytest.raises(LabInputError, match=words):
        apply_fault(board, default_estate(), data)


def test_a_mistake_in_a_scenario_has_its_place() -> None:
    """The file, the line and the key path of a fault that cannot be."""
    with pytest.raises(TomlMistakeError, match=r"broken.toml:\d+"):
        from_toml('{ fault = "drop", first = "two" }')
    with pytest.raises(TomlMistakeError, match="servfial"):
        from_toml('{ fault = "servfial" }')


def test_the_control_api_keeps_a_list(board: ActiveFaults) -> None:
    """Apply, list, undo by id, by name and all; what does not fit is refused with its reason."""
    one = apply_fault(board, default_estate(), {"fault": "servfail", "names": ["a.example"]})
    two = apply_fault(board, default_estate(), {"fault": "name-removed", "name": "login.microsoftonline.com"})
    apply_fault(board, default_estate(), {"fault": "servfail"})
    listed = list_faults(board)["faults"]
    assert [each["fault"] for each in listed] == ["servfail", "name-removed", "servfail"]
    assert json.loads(json.dumps(listed))[0]["names"] == ["a.example"]
    with pytest.raises(LabInputError, match="in force 2 times: name one of the ids 1, 3"):
        undo_faults(board, "servfail")
    assert undo_faults(board, str(one["id"]))["undone"][0]["id"] == one["id"]
    assert undo_faults(board, "name-removed")["undone"][0]["id"] == two["id"]
    with pytest.raises(LabInputError, match=r"no fault '9' is in force; there are: 3 \(servfail\)"):
        undo_faults(board, "9")
    with pytest.raises(LabInputError, match="nothing to remove"):
        apply_fault(board, default_estate(), {"fault": "name-removed", "name": "nope.fabrikam.com"})
    assert len(undo_faults(board, "all")["undone"]) == 1
    assert undo_faults(board, "all") == {"undone": []}


def entries(*points: EntryPoint) -> Callable[..., tuple[EntryPoint, ...]]:
    """What is installed."""
    return lambda **_group: points


def test_faults_of_installed_packages_have_names_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of the group ssosim.faults adds a fault; what is none, or takes a name, is refused."""
    here = f"{__name__}:"
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules["__main__"])
    monkeypatch.setattr(sys.modules[__name__], "UsersOwn", UsersOwn, raising=False)
    own = EntryPoint("own", f"{here}UsersOwn", "ssosim.faults")
    monkeypatch.setattr(registry, "entry_points", entries(own))
    assert registry.registered_faults()["users-own"] is UsersOwn
    assert set(registry.registered_faults()) == {*FAULTS, "users-own"}
    monkeypatch.setattr(registry, "entry_points", entries(EntryPoint("odd", "json:loads", "ssosim.faults")))
    with pytest.raises(FaultError, match=r"'odd'.*json:loads is no fault class"):
        registry.registered_faults()
    base = EntryPoint("base", "ssosim.faults.core.answer_fault:DnsAnswerFault", "ssosim.faults")
    monkeypatch.setattr(registry, "entry_points", entries(base))
    with pytest.raises(FaultError, match=r"'base'.*DnsAnswerFault has no tag"):
        registry.registered_faults()
    monkeypatch.setattr(sys.modules[__name__], "TakenName", TakenName, raising=False)
    monkeypatch.setattr(
        registry, "entry_points", entries(own, EntryPoint("again", f"{here}TakenName", "ssosim.faults"))
    )
    with pytest.raises(FaultError, match=r"'again'.*there is a fault 'users-own' already"):
        registry.registered_faults()


def test_a_new_fault_is_one_new_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A module in a folder beside core is found, imported and registered; a second one with its name is refused."""
    folder = tmp_path / "dns"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "test_new_fault.py").write_text(NEW_FAULT, encoding="utf-8")
    package = importlib.import_module("ssosim.faults.dns")
    monkeypatch.setattr(registry, "_FOLDER", tmp_path)
    monkeypatch.setattr(package, "__path__", [str(folder), *package.__path__])
    monkeypatch.setattr(fault_module, "CLASSES", [*fault_module.CLASSES])
    monkeypatch.setattr(registry, "CLASSES", fault_module.CLASSES)
    try:
        assert set(registry.registered_faults()) == {*FAULTS, "test-new-fault"}
        (folder / "test_second_fault.py").write_text(NEW_FAULT, encoding="utf-8")
        with pytest.raises(FaultError, match="test_second_fault: there is a fault 'test-new-fault' already"):
            registry.registered_faults()
    finally:
        for name in ("test_new_fault", "test_second_fault"):
            sys.modules.pop(f"ssosim.faults.dns.{name}", None)


def test_every_module_of_a_fault_holds_one() -> None:
    """One file a fault, named like the fault, in the folder of what it touches."""
    root = Path(registry.__file__).parents[1]
    files = {path.stem for path in root.glob("*/*.py") if path.parent.name != "core" and path.stem != "__init__"}
    shipped = [name for name, kind in FAULTS.items() if kind.__module__.startswith("ssosim.faults.")]
    assert files == {name.replace("-", "_") for name in shipped}


def ssosim(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line."""
    environment = {**os.environ, "SSOSIM_HOME": str(home)}
    command = [sys.executable, "-m", "ssosim", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def test_break_and_mend_a_running_lab(tmp_path: Path) -> None:
    """With the command line: a name fails for dig in the lab while the fault is in force; mistakes have exit code 2."""
    up = ssosim(tmp_path, "up", "--detach")
    assert up.returncode == 0, up.stderr
    try:
        dig = ("exec", "--", "dig", "+tries=1", "+time=30", "login.microsoftonline.com")
        assert "status: NOERROR" in ssosim(tmp_path, *dig).stdout
        done = ssosim(tmp_path, "fault", "apply", "servfail", "names=login.microsoftonline.com")
        assert (done.returncode, done.stdout.split(":")[0]) == (0, "fault 1 in force")
        assert "status: SERVFAIL" in ssosim(tmp_path, *dig).stdout
        assert "in force  1  servfail" in ssosim(tmp_path, "fault", "list").stdout
        wrong = ssosim(tmp_path, "fault", "apply", "servfail", "first=none")
        assert (wrong.returncode, "first" in wrong.stderr, "Traceback" in wrong.stderr) == (2, True, False)
        assert ssosim(tmp_path, "fault", "undo", "7").returncode == 2
        assert ssosim(tmp_path, "fault", "undo", "1").returncode == 0
        assert "status: NOERROR" in ssosim(tmp_path, *dig).stdout
        listed = json.loads(ssosim(tmp_path, "fault", "list", "--json").stdout)
        assert listed["active"] == []
        assert set(listed["faults"]) == set(FAULTS)
    finally:
        ssosim(tmp_path, "down")
