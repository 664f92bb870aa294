"""Rules of the repository: every version is pinned, no package index is named, no test is skipped in CI."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
UNTRACKED = {".git", ".venv", ".clients", ".state", "build", "dist"}
INDEX = re.compile(
    r"--(extra-)?index-url|--find-links|\bindex[-_]url\s*=|https?://\S+/simple\b|pythonhosted\.", re.IGNORECASE
)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_pin_every_installed_distribution():
    """Each distribution of the environment is in constraints.txt, at the version that is installed."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pins = {_normal(name): version for name, version in pins.items()}
    # `ensurepip` of the interpreter installs pip and setuptools; the environment of a developer may still have them.
    own = {"ssosim", "pip", "setuptools"}
    found = {_normal(each.name): each.version for each in metadata.distributions()}
    assert {name: version for name, version in found.items() if name not in own and pins.get(name) != version} == {}


def test_constraints_are_names_and_versions_only():
    """Constraints have no marker, address, hash or option, so that any index can be used."""
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"(#.*|[A-Za-z0-9_.-]+==[A-Za-z0-9.]+)?", line), line


def _read_requirements(name: str) -> dict[str, tuple[str, list[str]]]:
    """Return the version and the hashes of each distribution of a file of requirements."""
    found, text = {}, (ROOT / f"requirements/{name}.txt").read_text()
    for entry in re.split(r"(?<!\\)\n", text):
        if entry and not entry.startswith("#"):
            pinned = re.match(r"([A-Za-z0-9_.-]+)==([A-Za-z0-9.]+)", entry)
            assert pinned, entry
            found[_normal(pinned[1])] = pinned[2], re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry)
    return found


@pytest.mark.parametrize("name", ["lab", "dev", "build", "release"])
def test_requirements_have_hashes(name):
    """Each distribution of the requirements has at least one hash."""
    found = _read_requirements(name)
    assert found
    assert [each for each, (_, hashes) in found.items() if not hashes] == []


def test_requirements_follow_the_constraints():
    """The requirements have the versions of constraints.txt, and all that pyproject.toml asks for."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pins = {_normal(name): version for name, version in pins.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lab = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["lab"]]
    wanted = {
        "lab": lab,
        "dev": lab + project["dependency-groups"]["dev"],
        "build": project["dependency-groups"]["build"],
    }
    for name, direct in wanted.items():
        found = {each: version for each, (version, _) in _read_requirements(name).items()}
        behind = {each: version for each, version in found.items() if pins.get(each, version) != version}
        assert behind == {}, "make requirements"
        absent = [each for each in map(Requirement, direct) if found.get(_normal(each.name)) not in each.specifier]
        assert absent == [], "make requirements"


def test_no_file_names_a_package_index():
    """No file names a package index: the configuration of the machine decides."""
    paths = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [each for each in folders if each not in UNTRACKED and "cache" not in each]
        paths += [Path(folder, name) for name in files]
    others = [path for path in paths if path != Path(__file__)]
    assert [path for path in others if INDEX.search(path.read_text(errors="replace"))] == []


def _pytest(folder: Path, ci: str) -> tuple[int, str]:
    """Run the tests of a folder with the conftest of this repository."""
    shutil.copy(ROOT / "tests/conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors", folder]
    done = subprocess.run(command, env=os.environ | {"CI": ci}, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "body",
    [
        "logging.getLogger('ssosim.entra.http').error('it went wrong')",
        "asyncio.get_running_loop().call_soon(int, 'it went wrong'); await asyncio.sleep(0.001)",
        "asyncio.create_task(lose()); await asyncio.sleep(0.001); gc.collect()",
        "await ask_broken_handler()",
    ],
)
def test_an_error_that_is_only_logged_fails(body, tmp_path):
    """An error of the product, a callback, a task that nobody awaits, or a handler; not one that ``caplog`` has."""
    text = f"""
import asyncio, gc, logging
import aiohttp
from aiohttp import web

async def lose(*_):
    raise ValueError("it went wrong")

async def ask_broken_handler():
    runner = web.ServerRunner(web.Server(lose))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = "http://%s:%d/" % runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 500
    await runner.cleanup()

async def play():
    {body}
"""
    (tmp_path / "test_one.py").write_text(text + "\ndef test_it(): asyncio.run(play())\n")
    code, output = _pytest(tmp_path, "")
    assert code == 1, output
    assert "it went wrong" in output
    (tmp_path / "test_one.py").write_text(text + "\ndef test_it(caplog): asyncio.run(play())\n")
    assert _pytest(tmp_path, "")[0] == 0
    (tmp_path / "test_one.py").write_text("import asyncio\ndef test_it(): asyncio.run(asyncio.sleep(0))\n")
    assert _pytest(tmp_path, "")[0] == 0


def test_a_table_without_rows_is_no_test(tmp_path):
    """A test whose table of cases has become empty fails: pytest skips it by default."""
    text = "import pytest\n@pytest.mark.parametrize('row', [])\ndef test_it(row): pass\n"
    (tmp_path / "test_one.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    command += ["-p", "no:cacheprovider", str(tmp_path / "test_one.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stdout
    assert "Empty parameter set" in done.stdout


def test_nightly_sees_which_clients_a_matrix_left_out():
    """The line that .ci/nightly looks for is the one that the command prints."""
    found = re.search(r"grep -q '([^']+)'", (ROOT / ".ci/nightly").read_text(encoding="utf-8"))
    assert found
    assert found[1] in (ROOT / "ssosim/cli/matrix.py").read_text(encoding="utf-8")


def test_a_skip_fails_on_the_ci_machine(tmp_path):
    """With CI=true a skipped test and a skipped module fail with their reason; an expected failure does not."""
    (tmp_path / "test_one.py").write_text(
        "import pytest\n"
        "@pytest.mark.skip(reason='no KDC here')\ndef test_skipped(): pass\n"
        "@pytest.mark.xfail\ndef test_expected(): assert False\n"
    )
    (tmp_path / "test_two.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    code, output = _pytest(tmp_path, "true")
    assert code != 0
    assert "no KDC here" in output
    assert "no_such_module" in output
    assert _pytest(tmp_path, "")[0] == 0
