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


def test_a_check_imports_no_server_and_no_fault(tmp_path: Path):
    """``ssosim dns check`` in which every model is played: what it does not need takes longer than the rest of it."""
    for side, record in (("before", "A 192.0.2.20"), ("after", "CNAME login.microsoftonline.com.")):
        zone = tmp_path / side / "microsoftazuread-sso.com.zone"
        zone.parent.mkdir()
        zone.write_text(f"$TTL 300\n@ NS ns1.lab.invalid.\nautologon {record}\n")
    code = "import sys; from ssosim.cli import main; code = main(sys.argv[1:]); print(code, *sys.modules)"
    command = [sys.executable, "-c", code, "dns", "check", "--from", "before", "--to", "after"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    last = done.stdout.splitlines()[-1].split()
    assert last[0] == "1", done.stderr
    assert "ssosim_clients.catalogue" in last
    assert [name for name in UNUSED if name in last] == []
