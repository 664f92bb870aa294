"""A lab folder is used only if ssosim made it: any other entry is refused by name and does not change."""

import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from ssosim.files.owned_folder import create_private_folder
from ssosim.lab.base.folder import LabFolder, ensure_cache_folder

NOBODY = 65534
THESIS = "the work of three years\n"


def tree(*folders):
    """Everything below: what kind, which mode, which owner, what content; links are not followed."""
    found = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            goes_to = str(path.readlink()) if path.is_symlink() else ""
            found[str(path)] = (status.st_mode, status.st_uid, content, goes_to)
    return found


@pytest.fixture
def documents(tmp_path):
    """A folder of the user's with a file, open to readers as home folders are."""
    folder = tmp_path / "documents"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "thesis.txt").write_text(THESIS)
    return folder


def used(bench, name="default"):
    """The folder of a lab that has run."""
    bench.run("up", "-d", "--name", name)
    assert bench.run("down", "--name", name).returncode == 0
    return bench.home / "labs" / name


def listening(path):
    """A Unix socket at ``path``."""
    here = Path.cwd()
    os.chdir(path.parent)  # its name is bounded
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def strange(bench, documents, kind):  # noqa: C901, PLR0912 - a line or two for each kind
    """Put a foreign entry at the path of the lab folder; return the path."""
    place = bench.home / "labs/default"
    place.parent.mkdir(mode=0o700, exist_ok=True)
    match kind:
        case "folder":
            shutil.copytree(documents, place)
        case "private folder":
            shutil.copytree(documents, place)
            place.chmod(0o700)
        case "link to a folder":
            place.symlink_to(documents)
        case "link to a file":
            place.symlink_to(documents / "thesis.txt")
        case "dangling link":
            place.symlink_to(documents / "not-there")
        case "link to a lab":
            place.symlink_to(used(bench, "real"))
        case "file":
            place.write_text(THESIS)
        case "named pipe":
            os.mkfifo(place)
        case "socket":
            listening(place)
        case "earlier version":
            place.mkdir(mode=0o700)
            for name in ("lock", "trace.jsonl", "lab.log"):
                (place / name).write_text("" if name == "lock" else "kept\n")
        case "copy of another lab":
            shutil.copytree(used(bench, "real"), place)
        case "readable by others":
            used(bench).chmod(0o755)
        case "writable by the group":
            used(bench).chmod(0o770)
        case "writable by all":
            used(bench).chmod(0o777)
        case "another's":
            used(bench)
            os.chown(place, NOBODY, NOBODY)
        case "another's mark":
            os.chown(used(bench) / "lock", NOBODY, NOBODY)
        case "mark is a link":
            lock = used(bench) / "lock"
            lock.rename(documents / "lock")
            lock.symlink_to(documents / "lock")
        case "mark is a pipe":
            lock = used(bench) / "lock"
            lock.unlink()
            os.mkfifo(lock)
    if place.is_dir() and not place.is_symlink():
        (place / "thesis.txt").write_text(THESIS)
    return place


KINDS = [
    "folder",
    "private folder",
    "link to a folder",
    "link to a file",
    "dangling link",
    "link to a lab",
    "file",
    "named pipe",
    "socket",
    "earlier version",
    "copy of another lab",
    "readable by others",
    "writable by the group",
    "writable by all",
    "another's",
    "another's mark",
    "mark is a link",
    "mark is a pipe",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_entry_is_refused_by_name(bench, documents, kind):
    """Exit code 2, one line that names the folder and says what to do, and nothing there or behind it has changed."""
    if kind.startswith("another's") and os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    place = strange(bench, documents, kind)
    before = tree(bench.home / "labs", documents)
    for words in (["up", "-d"], ["clean", "--name", "default"]):
        done = bench.run(*words)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert done.stderr.startswith(f"ssosim: {place}"), done.stderr
        assert done.stderr.count("\n") == 1
        assert any(word in done.stderr for word in ("move it away", "chmod 700", "run this as", "--name")), done.stderr
        assert tree(bench.home / "labs", documents) == before
    bench.run("clean")
    assert {path: what for path, what in tree(bench.home / "labs", documents).items() if path in before} == {
        path: what for path, what in before.items() if not path.startswith(f"{bench.home}/labs/real")
    }


@pytest.mark.parametrize(
    "words", [["down"], ["exec", "--", "true"], ["trace"], ["explain"], ["status"], ["fault", "list"]]
)
def test_no_command_looks_through_a_link(bench, documents, words):
    """A link in the place of a lab folder is named by every command that is given its lab."""
    place = strange(bench, documents, "link to a lab")
    words = [words[0], "--name", "default", *words[1:]] if words[0] != "fault" else [*words, "--name", "default"]
    done = bench.run(*words)
    code = 125 if words[0] == "exec" else 2
    said = done.stderr.startswith(f"ssosim: {place}: is a symbolic link")
    assert (done.returncode, said) == (code, True), done.stderr


def test_an_earlier_versions_folder_says_what_to_do(bench, documents):
    """The state that a version without marks left is kept; the message has the command that removes it."""
    place = strange(bench, documents, "earlier version")
    command = f"rm -r {place}"
    assert command in bench.run("up", "-d").stderr
    subprocess.run(["sh", "-c", command], check=True)
    assert bench.run("up", "-d").returncode == 0


def test_an_empty_folder_is_accepted(bench):
    """In an empty folder of the user's nothing can be lost: it is used, and private from then on."""
    place = bench.home / "labs/default"
    create_private_folder(place)
    place.chmod(0o755)
    done = bench.run("up", "-d")
    assert (done.returncode, stat.S_IMODE(place.stat().st_mode)) == (0, 0o700), done.stderr


def test_a_run_does_not_take_a_folder_of_the_users(bench, documents):
    """``ssosim run`` refuses as ``up`` does, and does not quietly take another name."""
    place = bench.home / "labs/run-feb-2025"
    place.parent.mkdir(mode=0o700)
    shutil.copytree(documents, place)
    before = tree(bench.home / "labs")
    done = bench.run("run", "feb-2025", "--client", "office")
    assert (done.returncode, str(place) in done.stderr) == (2, True), done.stderr
    assert tree(bench.home / "labs") == before


@pytest.mark.parametrize("which", ["", "labs", "cache"])
@pytest.mark.parametrize("how", ["link", "writable", "another's"])
def test_the_folders_above_are_the_users_own(bench, tmp_path, which, how):
    """The state folder, and those of labs and caches in it, are no links, the user's, and nobody else's to write to."""
    if how == "another's" and os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    home = tmp_path / "home"
    create_private_folder(home / "labs")
    shutil.copytree(bench.home / "cache", home / "cache")
    place = home / which if which else home
    match how:
        case "link":
            place.rename(tmp_path / "elsewhere")
            place.symlink_to(tmp_path / "elsewhere")
        case "writable":
            place.chmod(0o770)
        case "another's":
            os.chown(place, NOBODY, NOBODY)
    before = tree(tmp_path)
    for words in (["up", "-d"], ["clean"], ["clean", "--dry-run"]):
        done = bench.run(*words, env={"SSOSIM_HOME": str(home)})
        assert (done.returncode, str(place) in done.stderr) == (2, True), done
        assert done.stderr.count("\n") == 1
    now = tree(tmp_path)
    assert {path: now.get(path) for path in before} == before


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o077, 0o177, 0o777])
def test_what_is_made_is_private_whatever_the_umask(bench, mask):
    """The state folder, the folders that are missing above it, and those in it have mode 0700; the lab runs."""
    top = bench.home / "a"  # pytest's folders are too long for a socket
    home = top / "b" / "state"
    env = {"SSOSIM_HOME": str(home)}
    done = bench.run("up", "-d", env=env, umask=mask)
    assert done.returncode == 0, done.stderr
    made = [top, home.parent, home, home / "labs", home / "labs/default", home / "cache", home / "cache/realms"]
    made += [*(home / "cache/realms").iterdir(), *(home / "cache").glob("keys-*")]
    assert {str(path): stat.S_IMODE(path.stat().st_mode) for path in made} == {str(path): 0o700 for path in made}
    assert bench.run("exec", "--", "true", env=env, umask=mask).returncode == 0
    folder = home / "labs/default"
    # The device's folder, with its ticket, goes with the program; the lab enters no folder that others may change.
    assert [*(folder / "devices").iterdir()] == []
    open_to_others = [path for path in folder.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert [path for path in open_to_others if not path.is_socket()] == []
    assert bench.run("down", env=env, umask=mask).returncode == 0


def test_the_mark_is_written_whatever_the_umask(tmp_path, monkeypatch):
    """The owner can read and write the lock file that was made under a umask of 0777."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "h"))
    folder = LabFolder.of("x")
    before = os.umask(0o777)
    try:
        folder.create()
        ensure_cache_folder()
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE((tmp_path / "h" / name).stat().st_mode) for name in ("labs/x", "labs/x/lock", "cache")}
    assert modes == {"labs/x": 0o700, "labs/x/lock": 0o600, "cache": 0o700}


def test_names_with_control_characters_are_escaped(bench):
    """A file with a newline or an escape in its name does not break the message out of its line."""
    place = bench.home / "labs/default"
    create_private_folder(place)
    (place / "a\n\x1b[31mb").write_text(THESIS)
    done = bench.run("up", "-d")
    assert (done.returncode, done.stderr.count("\n"), "\x1b" in done.stderr) == (2, 1, False)
