"""Wheel and sdist: the same bytes from the same source, complete, and with the commit that they were made from."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from building import build_distribution

ROOT = Path(__file__).parents[2]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copy(target: Path, umask: int = 0o022) -> Path:
    """Copy what a checkout has, without its history; the times and modes of the files are other ones."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in names.stdout.decode().splitlines():
        if (source := ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)
            (target / name).chmod(0o666 & ~umask)
            os.utime(target / name, (10**9, 10**9))
    return target


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout without its history."""
    return _copy(tmp_path_factory.mktemp("source"))


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_the_same_source_gives_the_same_bytes(source, tmp_path, kind):
    """Two builds in two folders, with other times, modes and umask, are equal octet for octet."""
    first = build_distribution(source, kind, tmp_path)
    (tmp_path / "again").mkdir()
    again = build_distribution(_copy(tmp_path / "other", umask=0o077), kind, tmp_path / "again", TZ="Asia/Tokyo")
    assert (first.name, _hash(first)) == (again.name, _hash(again))


def test_the_sdist_gives_the_same_wheel(source, tmp_path):
    """A wheel that is built from the sdist is the wheel that is built from the checkout."""
    direct = build_distribution(source, "wheel", tmp_path)
    with tarfile.open(build_distribution(source, "sdist", tmp_path)) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [unpacked] = (tmp_path / "unpacked").iterdir()
    (tmp_path / "again").mkdir()
    assert _hash(build_distribution(unpacked, "wheel", tmp_path / "again")) == _hash(direct)


def test_nothing_else_that_lies_in_the_folder_is_published(source, tmp_path):
    """Neither keys, state and notes beside the code nor files that git ignores are in wheel or sdist."""
    folder = _copy(tmp_path / "folder")
    secrets = [folder / name for name in ("thesis.txt", "kdc-lab/.state/stash", ".venv/secret", "clients/real/k.pem")]
    for each in secrets:
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_text("secret")
    for kind in ("wheel", "sdist"):
        plain = tmp_path / kind
        plain.mkdir()
        assert _hash(build_distribution(folder, kind, plain)) == _hash(build_distribution(source, kind, tmp_path))


def test_the_commit_is_in_wheel_and_sdist(tmp_path):
    """The file COMMIT names the commit, with -dirty where the checkout was changed; both archives have it."""
    folder = _copy(tmp_path / "folder")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "test"], ["tag", "v9.9.9"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    with zipfile.ZipFile(build_distribution(folder, "wheel", tmp_path)) as wheel:
        assert wheel.read("ssosim/COMMIT").decode().strip() == done.stdout[:12]
    (folder / "README.md").write_text("changed")
    with tarfile.open(build_distribution(folder, "sdist", tmp_path)) as sdist:
        [member] = [each for each in sdist.getmembers() if each.name.endswith("/ssosim/COMMIT")]
        assert sdist.extractfile(member).read().decode().strip() == f"{done.stdout[:12]}-dirty"
    assert subprocess.run(["git", "status", "--porcelain"], cwd=folder, capture_output=True, check=True).stdout == (
        b" M README.md\n"
    )


def test_version_names_all_that_a_result_depends_on():
    """``ssosim --version`` has the commit, the system, MIT Kerberos, gssapi and the libraries, with their versions."""
    done = subprocess.run(
        [sys.executable, "-m", "ssosim", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    first, *others = done.stdout.splitlines()
    assert re.fullmatch(r"ssosim \d+\.\d+\.\d+ \(commit ([0-9a-f]{12}(-dirty)?|unknown)\)", first)
    assert [line.split()[0] for line in others] == ["system", "Kerberos", "libraries"]
    assert re.search(r"Linux .*, Python 3\.\d+\.\d+", others[0])
    assert re.search(r"MIT krb5 1\.\d+.*, gssapi 1\.\d+", others[1])
    assert re.search(r"aiohttp \d.*cryptography \d.*dnspython \d", others[2])


def test_a_package_below_another_checkout_has_not_its_commit(tmp_path):
    """An installation inside another project's checkout does not show that project's commit."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    site = tmp_path / ".venv/site-packages"
    site.mkdir(parents=True)
    shutil.copytree(ROOT / "ssosim", site / "ssosim", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", "from ssosim.cli.versions import find_commit; print(repr(find_commit()))"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "''\n"
