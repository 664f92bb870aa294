"""How a real client is installed: once, from the start, by one at a time, and never into the checkout."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssosim.lab.base.errors import LabError, LabInputError, PrerequisiteError
from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.installation import install, is_installed
from ssosim.real_clients.manifest import RealClient, read_manifest

MANIFEST = """\
name = "mine"
title = "Mine"
needs = [{needs}]
packages = ["mine-tools"]
install = [{steps}]

[[flows]]
name = "sign-in"
title = "signs in"
run = ["{{home}}/made"]
"""


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SSOSIM_CLIENTS_HOME", str(tmp_path / "homes"))


def _client(folder: Path, *steps: str, needs: str = "") -> RealClient:
    place = folder / "mine"
    place.mkdir(exist_ok=True)
    lines = ", ".join(f"['sh', '-c', '''{step}''']" for step in steps)
    (place / "client.toml").write_text(MANIFEST.format(needs=needs, steps=lines), encoding="utf-8")
    return read_manifest(place)


def test_installed_once(tmp_path):
    """The second time costs nothing; a changed file of the folder means again; the folder itself stays as it is."""
    client = _client(tmp_path, "echo run >> ../count", "touch made")
    assert not is_installed(client)
    assert install(client)
    assert not install(client)
    assert (find_client_home(client) / "made").exists()
    assert [path.name for path in client.folder.iterdir()] == ["client.toml"]
    (client.folder / "program").write_text("new")
    assert not is_installed(client)
    assert install(client)
    assert (find_client_home(client).parent / "count").read_text() == "run\n" * 2


def test_an_activated_environment_makes_no_difference(tmp_path, monkeypatch):
    """What was installed without an activated environment is installed with one too, and made by no tool of it."""
    for place in ("machine", "venv/bin"):
        tool = tmp_path / place / "python3"
        tool.parent.mkdir(parents=True)
        tool.write_text(f"#!/bin/sh\necho {place}\n")
        tool.chmod(0o755)
    plain = f"{tmp_path / 'machine'}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", plain)
    client = _client(tmp_path, "python3 > made", needs='"python3"')
    assert install(client)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "venv"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'venv/bin'}:{plain}")
    assert is_installed(client)
    (client.folder / "changed").touch()
    assert install(client)
    assert (find_client_home(client) / "made").read_text() == "machine\n"


def test_without_steps_there_is_nothing_to_install(tmp_path):
    """The folder itself is the home."""
    client = _client(tmp_path)
    assert is_installed(client)
    assert find_client_home(client) == client.folder
    assert not install(client)


def test_a_step_that_fails_shows_its_end(tmp_path):
    """The last lines of the step are in the error, no later step runs, and it counts as not installed."""
    client = _client(tmp_path, "echo why it failed; exit 4", "touch ../later")
    with pytest.raises(LabError, match=r"failed \(exit code 4\)(.|\n)*why it failed") as raised:
        install(client)
    assert raised.value.exit_code == 1
    assert not (find_client_home(client).parent / "later").exists()
    assert not is_installed(client)


def test_a_missing_tool_names_its_package(tmp_path):
    """What this machine lacks, and the Debian package that brings it."""
    with pytest.raises(PrerequisiteError, match=r"mine needs no-such-tool.*apt-get install mine-tools"):
        install(_client(tmp_path, "true", needs='"sh", "no-such-tool"'))


INSTALL = """\
import sys
from pathlib import Path
from ssosim.real_clients.installation import install
from ssosim.real_clients.manifest import read_manifest
print(install(read_manifest(Path(sys.argv[1])), lambda: print("waits", flush=True)), flush=True)
"""


def _start(client: RealClient) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", INSTALL, client.folder], stdout=subprocess.PIPE, text=True)


def _wait_for(file: Path) -> None:
    end = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < end, f"{file} does not come"
        time.sleep(0.01)


def test_two_at_once_install_once(tmp_path):
    """The second waits, says so, and then has nothing to do."""
    client = _client(tmp_path, "touch ../begun; while [ ! -e ../go ]; do sleep 0.02; done; echo run >> ../count")
    parent = find_client_home(client).parent
    first = _start(client)
    _wait_for(parent / "begun")
    second = _start(client)
    assert second.stdout is not None
    assert second.stdout.readline() == "waits\n"
    (parent / "go").touch()
    assert first.communicate(timeout=60)[0] == "True\n"
    assert second.communicate(timeout=60)[0] == "False\n"
    assert (parent / "count").read_text() == "run\n"


def test_an_interrupted_installation_begins_again(tmp_path):
    """Ctrl-C ends the step with its children; what was half made is gone at the next try, which runs every step."""
    client = _client(
        tmp_path, "[ -e half ] && exit 1; touch half; [ -e ../go ] || { touch ../begun; sleep 60 & wait; }"
    )
    parent = find_client_home(client).parent
    first = _start(client)
    _wait_for(parent / "begun")
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert not is_installed(client)
    (parent / "go").touch()
    assert install(client), "no child of the first one holds the lock, and no half-made home is in the way"
    assert is_installed(client)


@pytest.mark.parametrize("kind", ["folder", "link", "writable", "file"])
def test_a_folder_of_the_users_is_not_taken_for_a_home(tmp_path, kind):
    """What lies where a client is to be installed is refused by name, and nothing in it or behind it has changed."""
    client = _client(tmp_path, "touch made")
    home = find_client_home(client)
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("kept")
    home.parent.mkdir()
    match kind:
        case "folder":
            own.rename(home)
        case "link":
            home.symlink_to(own)
        case "file":
            home.write_text("kept")
        case "writable":
            own.rename(home)
            home.parent.chmod(0o777)
    with pytest.raises(LabInputError, match=str(home.parent if kind == "writable" else home)):
        install(client)
    assert (home if kind == "file" else home / "thesis.txt").read_text() == "kept"
    assert kind == "file" or [path.name for path in home.iterdir()] == ["thesis.txt"]


def test_files_beside_a_home_are_the_users(tmp_path):
    """Lock and log of an installation are in the home: a file of the user's beside it is not written to."""
    client = _client(tmp_path, "touch made")
    home = find_client_home(client)
    home.parent.mkdir()
    for end in ("lock", "log"):
        home.with_name(f"{home.name}.{end}").write_text("kept")
    assert install(client)
    assert {home.with_name(f"{home.name}.{end}").read_text() for end in ("lock", "log")} == {"kept"}


def test_what_an_installation_closed_is_installed_again(tmp_path):
    """Folders without the right to write, as Go's module cache has, and links out of the home do not matter."""
    (tmp_path / "kept").write_text("kept")
    client = _client(tmp_path, "ln -s ../.. out; mkdir -p a/b; touch a/b/c; chmod 500 a/b a; touch made")
    assert install(client)
    (client.folder / "changed").touch()
    assert install(client)
    assert (tmp_path / "kept").read_text() == "kept"
