"""All files of a lab are removed, and nothing that its links refer to."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ssosim.files.owned_folder import create_private_folder
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.testing import play_sync
from ssosim.testing.playing import working_folder

THESIS = "the work of three years\n"
DEPTH = 3000


@pytest.fixture
def documents(tmp_path):
    """A folder of the user's with a file."""
    folder = tmp_path / "documents"
    folder.mkdir()
    folder.chmod(0o755)  # whatever the umask
    (folder / "thesis.txt").write_text(THESIS)
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A lab folder, made by ssosim."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "home"))
    made = LabFolder.of("default")
    made.create()
    return made


def deep(place):
    """Folders in folders, more than there may be descriptors or calls in one another."""
    before = Path.cwd()
    os.chdir(place)
    try:
        for _ in range(DEPTH):
            Path("d").mkdir()
            os.chdir("d")
        Path("end").write_text("")
    finally:
        os.chdir(before)


def leave(place, documents, what):  # noqa: C901 - a line or two for each kind
    """Leave something in a lab folder."""
    match what:
        case "deep":
            deep(place)
        case "link":
            (place / "link").symlink_to(documents)
        case "link within":
            (place / "kdc").mkdir()
            (place / "kdc/link").symlink_to(documents)
        case "hard link":
            (place / "mine").hardlink_to(documents / "thesis.txt")
        case "hard link as trace":
            (place / "trace.jsonl").hardlink_to(documents / "thesis.txt")
        case "pipe":
            os.mkfifo(place / "pipe")
        case "unreadable":
            (place / "closed/within").mkdir(parents=True)
            (place / "closed/within/file").write_text("")
            (place / "closed/within").chmod(0o000)
            (place / "closed").chmod(0o500)
        case "names":
            for name in ("a\nb", "\x1b[31m", "-rf", "..x", "ä\udcff"):
                (place / name).mkdir()
        case "wide":
            for number in range(2000):
                (place / f"d{number}").mkdir()


LEFT = ["deep", "link", "link within", "hard link", "hard link as trace", "pipe", "unreadable", "names", "wide"]


@pytest.mark.parametrize("what", LEFT)
def test_all_that_was_left_is_removed(folder, documents, what):
    """Deep and wide trees, pipes, links, closed folders, strange names: gone; what links lead to is as it was."""
    leave(folder.path, documents, what)
    folder.clear()
    assert [path.name for path in folder.path.iterdir()] == ["lock"]
    assert (documents / "thesis.txt").read_text() == THESIS


SWEEP = """\
import contextlib, os, sys
from ssosim.lab.base.folder import LabFolder
with contextlib.suppress(PermissionError):  # as in a user namespace; nobody else's files are in reach there
    os.setgroups([])
LabFolder.of("default").remove_run_files()
"""


@pytest.mark.parametrize("inside", ["", "kdc"])
def test_what_is_mounted_in_it_stays(folder, documents, inside):
    """A bind mount in a lab folder is not entered: what is mounted is not the lab's."""
    point = folder.path / inside / "mounted"
    point.mkdir(parents=True)
    script = f'mount --bind "{documents}" "{point}" && "$0" -c "$1"'
    own = [] if os.geteuid() == 0 else ["-r"]
    subprocess.run(["unshare", *own, "-m", "sh", "-c", script, sys.executable, SWEEP], check=True)
    assert (documents / "thesis.txt").read_text() == THESIS


def test_a_lab_folder_that_is_a_mount_is_used(bench):
    """A file system of its own for a lab is emptied and filled as any folder; the mount stays."""
    place = bench.home / "labs/default"
    create_private_folder(place)
    script = (
        f'mount -t tmpfs -o mode=700 none "{place}" && "$@" up -d && "$@" down && "$@" up -d && "$@" down && '
        f'ls "{place}" && mountpoint -q "{place}"'
    )
    own = [] if os.geteuid() == 0 else ["-r"]
    done = subprocess.run(
        ["unshare", *own, "-m", "sh", "-c", script, "sh", sys.executable, "-m", "ssosim"],
        env=bench.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stdout.splitlines()[-3:]) == (0, ["lab.log", "lock", "trace.jsonl"]), done.stderr


def test_a_folder_that_is_exchanged_meanwhile_is_not_followed(folder, documents, tmp_path):
    """While somebody exchanges the lab folder for a link to another folder all the time, that one keeps its files."""
    aside, link = tmp_path / "aside", tmp_path / "link"
    link.symlink_to(documents)
    ended = threading.Event()

    def exchange():
        while not ended.is_set():
            folder.path.rename(aside)
            link.rename(folder.path)
            folder.path.rename(link)
            aside.rename(folder.path)

    exchanging = threading.Thread(target=exchange)
    exchanging.start()
    try:
        for _ in range(3000):
            folder.remove_run_files()
            if not (documents / "thesis.txt").exists():
                break
    finally:
        ended.set()
        exchanging.join()
    assert (documents / "thesis.txt").read_text() == THESIS


def test_a_subfolder_that_is_exchanged_after_the_listing_is_not_followed(folder, documents, monkeypatch):
    """A folder that becomes a link between being listed and being entered: the link goes, its target stays."""
    within = folder.path / "kdc"
    within.mkdir()
    listed = os.scandir

    class Listing:
        """What is there, and the exchange right afterwards."""

        def __init__(self, where):
            self.found = listed(where)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.found.close()

        def __iter__(self):
            yield from [(entry, entry.is_dir(follow_symlinks=False))[0] for entry in self.found]
            if within.is_dir() and not within.is_symlink():
                within.rename(folder.path.parent / "kdc")
                within.symlink_to(documents)

    monkeypatch.setattr(os, "scandir", Listing)
    folder.clear()
    assert (documents / "thesis.txt").read_text() == THESIS
    assert [path.name for path in folder.path.iterdir()] == ["lock"]


def test_a_programs_link_is_not_followed_when_its_device_is_released(bench, documents):
    """A program that puts a link in the place of the devices' folder: what is behind it stays when the program ends."""
    assert bench.run("up", "-d").returncode == 0
    devices = bench.home / "labs/default/devices"
    script = (
        f'd=$(ls "{devices}"); mkdir "{documents}/$d"; touch "{documents}/$d/kept"; '
        f'mv "{devices}" "{devices}.old"; ln -s "{documents}" "{devices}"'
    )
    assert bench.run("exec", "--", "sh", "-c", script).returncode == 0
    assert bench.run("down").returncode == 0
    assert len(list(documents.glob("*/kept"))) == 1
    assert (documents / "thesis.txt").read_text() == THESIS


def test_a_temporary_state_folder_takes_only_itself_along(documents, tmp_path):
    """What somebody puts in the place of a temporary folder stays when its time is over."""
    with working_folder(None) as made:
        made.rename(tmp_path / "moved")
        shutil.copytree(documents, made)
    try:
        assert (made / "thesis.txt").read_text() == THESIS
    finally:
        shutil.rmtree(made)


def test_a_lab_is_not_put_among_the_files_of_a_user(documents):
    """A folder for a lab in a test is new or empty: what is there would be overwritten."""
    (documents / "krb5.conf").write_text(THESIS)
    with pytest.raises(LabInputError, match="is not empty"):
        play_sync("feb-2025", client="office", folder=documents)
    assert (documents / "krb5.conf").read_text() == THESIS
