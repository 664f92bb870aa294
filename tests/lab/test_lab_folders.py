"""The folder of a lab in this process: lock, foreign entries, what stays after a stop, and what is never touched."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.folder import LabFolder, cache_path, ensure_cache_folder, rotated_trace_path, state_home
from ssosim.lab.base.sweep import sweep_killed_labs
from ssosim.lab.process.hung_lab import find_lab_processes, wait_until_stopped

SECRETS = ("control.sock", "lab.json", "krb5.conf", "devices/d/ccache", "realm/principal")
KEPT = ("lock", "trace.jsonl", "trace.1.jsonl", "lab.log", "dns/1.json")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder that does not exist yet."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "s"))
    monkeypatch.delenv("SSOSIM_CACHE", raising=False)
    return tmp_path / "s"


@pytest.fixture
def folder() -> LabFolder:
    """The folder of a lab "one" with the files of a lab that runs."""
    made = LabFolder.of("one")
    made.create()
    for name in (*SECRETS, *KEPT[1:]):
        file = made.path / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text("x", encoding="utf-8")
    return made


@pytest.fixture
def locked(folder: LabFolder) -> Iterator[LabFolder]:
    """The same, and this process holds its lock."""
    descriptor = folder.try_lock()
    assert descriptor is not None
    yield folder
    os.close(descriptor)


def entries(folder: LabFolder) -> set[str]:
    """The files in a folder, by their paths in it."""
    return {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if not path.is_dir()}


@given(st.text(max_size=40))
def test_a_name_is_one_part_of_a_path(name: str) -> None:
    """Every name that is accepted is a folder directly in the state folder, and of ASCII characters."""
    try:
        folder = LabFolder.of(name)
    except LabInputError:
        return
    assert folder.path.parent == state_home() / "labs"
    assert folder.path.name == name
    assert name.isascii()


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "x" * 32, "0"])
def test_names_of_letters_digits_and_three_signs_are_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 letters, digits, dots, dashes and underscores, the first of them a letter or digit."""
    monkeypatch.setenv("SSOSIM_HOME", "/nowhere")
    assert LabFolder.of(name).name == name


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "-a", "_a", "a/b", "a\n", "a ", "x" * 33, "ä", "a\0b"])
def test_other_names_are_refused(name: str) -> None:
    """A path, an option, an empty name, a line end or a letter beyond ASCII is no name."""
    with pytest.raises(LabInputError, match="use up to 32 letters"):
        LabFolder.of(name)


def test_one_process_holds_the_lock(locked: LabFolder) -> None:
    """While it is held the lab runs, a second lock is refused, and nothing of it can be removed."""
    assert locked.is_running()
    assert locked.try_lock() is None
    with pytest.raises(LabInputError, match='lab "one" is up; stop it first: ssosim down --name one'):
        locked.remove_all()
    assert entries(locked) == {*SECRETS, *KEPT}
    assert not wait_until_stopped(locked, 0.0)


def test_asking_does_not_keep_the_lock(folder: LabFolder) -> None:
    """A lab that nobody runs is not running, however often that is asked, and its lock can be taken then."""
    assert [folder.is_running() for _ in range(3)] == [False] * 3
    descriptor = folder.try_lock()
    assert descriptor is not None
    os.close(descriptor)
    assert not folder.is_running()
    assert wait_until_stopped(folder, 0.0)


def test_a_lock_file_that_was_replaced_is_not_the_lock(locked: LabFolder) -> None:
    """Who holds the lock of a file that is gone does not run the lab; the new file is locked by nobody."""
    lock = locked.path / "lock"
    text = lock.read_text(encoding="utf-8")
    lock.unlink()
    assert not locked.is_running()
    lock.write_text(text, encoding="utf-8")
    assert not locked.is_running()


def test_two_labs_have_nothing_in_common(locked: LabFolder) -> None:
    """The lock of one says nothing about another, and what is removed of one stays of the other."""
    other = LabFolder.of("two")
    other.create()
    (other.path / "lab.log").write_text("x", encoding="utf-8")
    assert not other.is_running()
    assert [each.name for each in LabFolder.list_existing()] == ["one", "two"]
    assert other.remove_all() == []
    assert [each.name for each in LabFolder.list_existing()] == ["one"]
    assert entries(locked) == {*SECRETS, *KEPT}


def test_after_a_stop_trace_log_and_ledger_stay(folder: LabFolder) -> None:
    """Secrets of a stopped lab go, and what people read stays; a second removal changes nothing."""
    assert folder.has_run_files()
    folder.remove_run_files()
    assert entries(folder) == {*KEPT}
    assert not folder.has_run_files()
    folder.remove_run_files()
    assert entries(folder) == {*KEPT}


@pytest.mark.parametrize(("keep", "left"), [(True, {"lock", "dns/1.json"}), (False, {"lock"})])
def test_a_new_lab_begins_empty_but_for_its_ledger(keep: bool, left: set[str], folder: LabFolder) -> None:
    """All files of the earlier lab of the name go; the ledger of DNS changes stays until ``--fresh``."""
    folder.clear(keep_ledger=keep)
    assert entries(folder) == left


def test_a_sweep_takes_the_secrets_of_killed_labs_only(locked: LabFolder) -> None:
    """A lab that runs keeps its files; one that was killed loses its secrets; a folder of the user's is not touched."""
    killed, foreign = LabFolder.of("killed"), LabFolder.of("foreign")
    killed.create()
    foreign.path.mkdir()
    for each in (killed, foreign):
        (each.path / "ccache").write_text("secret", encoding="utf-8")
    sweep_killed_labs()
    assert entries(locked) == {*SECRETS, *KEPT}
    assert entries(killed) == {"lock"}
    assert entries(foreign) == {"ccache"}


@pytest.mark.parametrize("kind", ["file", "link", "socket", "fifo", "folder with a file", "marked for another lab"])
def test_what_is_not_the_labs_is_neither_used_nor_removed(
    kind: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else under the lab's name is refused by its path, and is as it was afterwards."""
    folder, mine = LabFolder.of("one"), tmp_path / "mine"
    mine.mkdir()
    (mine / "kept").write_text("kept", encoding="utf-8")
    (home / "labs").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    match kind:
        case "file":
            folder.path.write_text("kept", encoding="utf-8")
        case "link":
            folder.path.symlink_to(mine)
        case "socket":
            monkeypatch.chdir(folder.path.parent)  # the name of a socket is bounded
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind("one")
        case "fifo":
            os.mkfifo(folder.path)
        case "marked for another lab":
            folder.path.mkdir(mode=0o700)
            (folder.path / "lock").write_text("ssosim lab two\n", encoding="utf-8")
        case _:
            folder.path.mkdir(mode=0o700)
            (folder.path / "kept").write_text("kept", encoding="utf-8")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    for use in (folder.create, folder.clear, folder.try_lock):
        with pytest.raises(LabInputError, match="labs/one"):
            use()
    folder.remove_run_files()
    folder.remove("kept")
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
    assert (mine / "kept").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("text", ["", "[", "nul", "\xff", "null"], ids=repr)
def test_facts_that_cannot_be_read_are_none(text: str, folder: LabFolder) -> None:
    """A half-written or damaged ``lab.json`` is no lab to join; facts read back as they were written."""
    folder.write_facts({"pid": 7, "user_namespace": True})
    assert folder.read_facts() == {"pid": 7, "user_namespace": True}
    (folder.path / "lab.json").write_text(text, encoding="latin-1")
    assert not folder.read_facts()
    (folder.path / "lab.json").unlink()
    (folder.path / "lab.json").symlink_to(folder.path / "lab.log")
    assert folder.read_facts() is None


def test_the_cache_is_where_the_user_says(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``$SSOSIM_CACHE``, else ``cache`` in the state folder, private in both; one that others may write is refused."""
    assert ensure_cache_folder() == cache_path() == home / "cache"
    assert (home / "cache").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("SSOSIM_CACHE", str(tmp_path / "elsewhere"))
    assert ensure_cache_folder() == tmp_path / "elsewhere"
    (tmp_path / "elsewhere").chmod(0o777)
    with pytest.raises(LabInputError, match="elsewhere: has mode 0777"):
        ensure_cache_folder()


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({"SSOSIM_HOME": "/a/b"}, "/a/b"),
        ({"SSOSIM_HOME": "", "XDG_STATE_HOME": "/x"}, "/x/ssosim"),
        ({"SSOSIM_HOME": "", "XDG_STATE_HOME": "", "HOME": "/h"}, "/h/.local/state/ssosim"),
    ],
)
def test_the_state_folder_follows_the_environment(
    variables: dict[str, str], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``$SSOSIM_HOME``, else the XDG Base Directory ``$XDG_STATE_HOME``, else its default; empty counts as unset."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert state_home() == Path(path)


def test_a_path_too_long_for_a_socket_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Unix socket's path has at most 107 octets (unix(7)); octets count, not letters."""
    home = "/nowhere/"
    room = 107 - len(f"{home}/labs/one/control.sock")
    monkeypatch.setenv("SSOSIM_HOME", home + "x" * room)
    assert len(os.fsencode(LabFolder.of("one").socket)) == 107
    for more in ("x" * (room + 1), "ä" * (room // 2 + 1)):
        monkeypatch.setenv("SSOSIM_HOME", home + more)
        with pytest.raises(LabInputError, match="too long for a Unix socket"):
            LabFolder.of("one")


def test_the_rotated_part_stands_beside_the_trace() -> None:
    """``trace.jsonl`` becomes ``trace.1.jsonl`` in the same folder."""
    assert rotated_trace_path(Path("/a/trace.jsonl")) == Path("/a/trace.1.jsonl")


def test_this_process_is_not_among_those_to_kill(locked: LabFolder) -> None:
    """Who looks for the processes of a hung lab does not find itself; where there is no lock there is no process."""
    assert os.getpid() not in find_lab_processes(locked)
    assert find_lab_processes(LabFolder.of("nobody")) == []
