"""Debian packages of a real client: unpacked into its own folder, without root, with what the machine lacks."""

import os
import shutil
import subprocess

import pytest

from ssosim.estate.toml import TomlMistakeError
from ssosim.lab.base.errors import PrerequisiteError
from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.installation import check_installed, install, is_installed
from ssosim.real_clients.manifest import read_manifest

MANIFEST = """\
name = "mine"
title = "Mine"
debian_packages = [{}]
[[flows]]
name = "sign-in"
title = "signs in"
run = ["{{home}}/debian/usr/share/tool/file"]
"""
# What apt-get says of a package to be installed, and of one to be upgraded, which the machine has.
APT_GET = """\
#!/bin/sh
case "$1" in
--simulate)
    case "$*" in *gone*) echo 'E: Unable to locate package gone' >&2; exit 100 ;; esac
    echo 'Inst libtool (2.0 Debian:12.0/oldstable [all])'
    echo 'Inst base [1.0] (1.1 Debian:12.0/oldstable [all]) []'
    ;;
download)
    shift
    for name; do cp "$DEBS/$name.deb" . || exit; done
    ;;
*) exit 2 ;;
esac
"""


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SSOSIM_CLIENTS_HOME", str(tmp_path / "homes"))


@pytest.fixture
def apt_get(tmp_path, monkeypatch):
    """An apt-get before the machine's, with two packages in its archive, and a third that needs an upgrade."""
    debs = tmp_path / "debs"
    for name in ("tool", "libtool"):
        root = tmp_path / name
        (root / "DEBIAN").mkdir(parents=True)
        (root / "usr/share" / name).mkdir(parents=True)
        (root / "usr/share" / name / "file").write_text(name)
        control = f"Package: {name}\nVersion: 2.0\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: a\n"
        (root / "DEBIAN/control").write_text(control)
        (root / "DEBIAN/postinst").write_text(f"#!/bin/sh\ntouch {tmp_path}/script-was-run\n")
        (root / "DEBIAN/postinst").chmod(0o755)
        debs.mkdir(exist_ok=True)
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "--build", root, debs / f"{name}.deb"], check=True, capture_output=True
        )
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "apt-get").write_text(APT_GET)
    (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("DEBS", str(debs))
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")


def _client(folder, packages='"tool"'):
    place = folder / "mine"
    place.mkdir(exist_ok=True)
    (place / "client.toml").write_text(MANIFEST.format(packages), encoding="utf-8")
    return read_manifest(place)


@pytest.mark.usefixtures("apt_get")
def test_packages_and_what_they_need_are_unpacked(tmp_path):
    """The named package and a dependency that the machine lacks; no upgrade, no script of a package."""
    client = _client(tmp_path)
    assert not is_installed(client)
    assert install(client)
    home = find_client_home(client)
    assert (home.parent, is_installed(client)) == (tmp_path / "homes", True)
    folder = home / "debian"
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    assert files == ["usr/share/libtool/file", "usr/share/tool/file", "versions"]
    assert sorted((folder / "versions").read_text().splitlines()) == ["libtool 2.0", "tool 2.0"]
    assert not (tmp_path / "script-was-run").exists()
    assert not install(client)


@pytest.mark.usefixtures("apt_get")
def test_a_package_that_apt_does_not_know_is_named(tmp_path):
    """The message has the packages, the reason of apt-get, and what to do; the exit code says the machine lacks it."""
    with pytest.raises(PrerequisiteError) as raised:
        install(_client(tmp_path, '"tool", "gone"'))
    assert str(raised.value) == (
        "mine needs the Debian packages tool, gone, which apt-get cannot get (Unable to locate package gone); "
        "update its lists with: apt-get update"
    )
    assert raised.value.exit_code == 3


def test_a_machine_without_apt_lacks_it(tmp_path, monkeypatch):
    """Where there is no apt-get, the client cannot be installed, and is not taken for installed."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to(shutil.which("sh"))
    monkeypatch.setenv("PATH", str(tools))
    client = _client(tmp_path)
    for run in (install, check_installed):
        with pytest.raises(PrerequisiteError, match=r"mine needs apt-get and dpkg-deb, .* only Debian has: tool"):
            run(client)


@pytest.mark.parametrize("name", ["", "-o", "tool; true", "Tool", "tool/stable", "./tool.deb"])
def test_a_name_is_that_of_a_package(tmp_path, name):
    """Nothing that apt-get would take for an option or a file."""
    with pytest.raises(TomlMistakeError, match=r"client\.toml:3: debian_packages\[0\]: .* name of a Debian package"):
        _client(tmp_path, f'"{name}"')
