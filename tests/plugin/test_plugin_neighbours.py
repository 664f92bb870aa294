"""The plugin beside others', from a wheel, and where it is not used."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.processes import list_commands

ROOT = Path(__file__).parents[2]

PLAYS = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_play(sso_play_sync, number):
    assert sso_play_sync("feb-2025", "native-prompt").as_expected

@pytest.mark.parametrize("number", range(6))
def test_lab(sso_lab, number):
    assert sso_lab.sign_in("native-prompt").outcome == "silent"
"""

COSTS = """
import importlib, json, sys
import pytest
from tests.operations import count_operations
before = set(sys.modules)
plugin = count_operations(lambda: importlib.import_module("ssosim.pytest_plugin"))
modules = sorted(name for name in set(sys.modules) - before if name.partition(".")[0] not in sys.stdlib_module_names)
print(json.dumps([plugin, count_operations(lambda: importlib.import_module("ssosim.estate")), modules]))
"""


def test_with_xdist_and_a_cold_cache(project, tmp_path):
    """Two processes that start labs at once, on a cache that neither has filled, do not disturb each other."""
    project.write(PLAYS)
    session = project.run("-n", "2", SSOSIM_HOME=str(tmp_path / "cold"))
    assert session.counts == {"passed": 12}, session.output


@pytest.mark.parametrize("seed", ["1", "2"])
def test_with_randomly(project, seed):
    """Order and random seeds set by pytest-randomly change nothing; labs still find blocks of their own."""
    project.write(PLAYS)
    session = project.run("-p", "randomly", f"--randomly-seed={seed}")
    assert session.counts == {"passed": 12}, session.output


def test_nothing_is_left_running(project, tmp_path):
    """After the session, whatever failed in it: no krb5kdc, no thread, no folder; and no warning during it."""
    project.write("""
    import threading
    import pytest

    def test_fails(sso_play_sync):
        class Broken:
            async def sign_in(self, device):
                await device.resolver.resolve("login.microsoftonline.com", "any")
                raise RuntimeError
        sso_play_sync("feb-2025", [Broken(), "office"])

    def test_lab(sso_lab):
        assert False

    def test_last():
        assert [thread for thread in threading.enumerate() if thread.name == "ssosim lab"] == []
    """)
    session = project.run(f"--basetemp={tmp_path / 'base'}", PYTHONDEVMODE="1")
    assert session.counts == {"passed": 1, "failed": 2}, session.output
    assert [command for command in list_commands() if bytes(tmp_path) in command] == []
    assert list((tmp_path / "base").rglob("kdc*")) == []


def test_from_a_wheel_in_another_project(project, tmp_path):
    """Installed from its wheel, without this checkout, all is there: entry point, clients, data files."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=60)
    (packages,) = venv.glob("lib/python*/site-packages")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-compile", "--target", packages]
    subprocess.run([*install, wheel], check=True, capture_output=True, timeout=120)
    # Its dependencies are this environment's. A plain path, not a site folder: our own editable install stays out.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    project.write("""
    import ssosim, ssosim_clients

    async def test_it(sso_play):
        played = await sso_play("feb-2025", "native-prompt")
        assert played.as_expected
        print(ssosim.__file__, ssosim_clients.__file__)
        assert False
    """)
    session = type(project)(project.folder, str(venv / "bin" / "python")).run("--sso-keep", "kept", PYTHONPATH="")
    assert session.counts == {"failed": 1}, session.output
    assert f"{packages}/ssosim/__init__.py {packages}/ssosim_clients/__init__.py" in session.output
    assert "single sign-on: kept" in session.output  # and the report's template was found


def test_costs_little_where_it_is_not_used(project):
    """In a session that does not use it, the plugin has imported nothing but itself, by few instructions.

    Counted, not timed: on a loaded machine the same import takes many times as long.
    """
    project.write("""
    import sys

    def test_nothing():
        assert sorted(name for name in sys.modules if name.startswith("ssosim")) == ["ssosim", "ssosim.pytest_plugin"]
    """)
    assert project.run().counts == {"passed": 1}
    done = subprocess.run([sys.executable, "-c", COSTS], cwd=ROOT, capture_output=True, text=True, check=True)
    plugin, simulator, modules = json.loads(done.stdout)
    assert modules == ["ssosim", "ssosim.pytest_plugin"]
    assert plugin < simulator / 20
