"""Packages that import a name when it is used, and what a small command imports."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

LATE = [
    "ssosim.clock",
    "ssosim.dns",
    "ssosim.dns.recursion",
    "ssosim.entra",
    "ssosim.faults",
    "ssosim.kerberos",
    "ssosim.memory",
]
ROOT = Path(__file__).parents[2]
DATACLASSES = 60
"""The most dataclasses of ssosim that a check may make; each takes as long as thirty structures of msgspec."""
UNUSED = ("aiohttp", "asyncio", "dns.query", "gssapi", "ssl", "yaml", "ssosim.faults.core.registry", "ssosim.exposure")


@pytest.mark.parametrize("name", LATE)
def test_each_name_is_found_and_is_no_module(name: str):
    """Every name of ``__all__`` can be imported; a module of its name would take its place once it is imported."""
    package = importlib.import_module(name)
    folder = Path(str(package.__file__)).parent
    assert not {path.stem for path in folder.iterdir()} & set(package._MODULES)
    for each in package.__all__:
        assert getattr(package, each) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018


_CHECK = """
import sys
from ssosim.cli import main

code = main(sys.argv[1:])
modules = dict(sys.modules)
made = {
    each
    for module in modules.values()
    for each in vars(module).values()
    if isinstance(each, type) and "__dataclass_fields__" in vars(each) and each.__module__.startswith("ssosim")
}
print(code, len(made), *modules)
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[str]]:
    """The dataclasses and the modules of a ``ssosim dns check`` in which every model is played."""
    folder = tmp_path_factory.mktemp("check")
    for side, record in (("before", "A 192.0.2.20"), ("after", "CNAME login.microsoftonline.com.")):
        zone = folder / side / "microsoftazuread-sso.com.zone"
        zone.parent.mkdir()
        zone.write_text(f"$TTL 300\n@ NS ns1.lab.invalid.\nautologon {record}\n")
    command = [sys.executable, "-c", _CHECK, "dns", "check", "--from", "before", "--to", "after"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    code, made, *modules = done.stdout.splitlines()[-1].split()
    assert code == "1", done.stderr
    assert "ssosim_clients.catalogue" in modules
    return int(made), modules


def test_a_check_imports_no_server_and_no_fault(checked: tuple[int, list[str]]):
    """``ssosim dns check`` in which every model is played: what it does not need takes longer than the rest of it."""
    assert [name for name in UNUSED if name in checked[1]] == []


def test_a_check_makes_few_dataclasses(checked: tuple[int, list[str]]):
    """A check pays for every class that it imports: values are structures of msgspec, not dataclasses."""
    assert checked[0] <= DATACLASSES
