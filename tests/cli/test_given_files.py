"""Files that options name: what cannot be read or written is one line with exit code 2, before anything is done."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.zone_trees import write_trees

READ = [
    "estate check FILE",
    "run FILE",
    "up --estate FILE",
    "dns lint --zones tree --estate FILE",
    "dns plan FILE --zones tree",
    "dns plan change.toml --zones tree --policy FILE",
    "dns plan change.toml --zones tree --inventory FILE",
    "dns check --from tree --to after --estate FILE",
    "dns check --from tree --to after --policy FILE",
    "dns check --from tree --to after --inventory FILE",
    "dns check --from tree --to after --approve FILE",
]
"""Commands that read one file, FILE."""

SPOILED: dict[str, Callable[[Path], object]] = {
    "missing": lambda _: None,
    "folder": Path.mkdir,
    "below a file": lambda _: None,
    "latin-1": lambda path: path.write_bytes(b'name = "caf\xe9"\n'),
    "utf-16": lambda path: path.write_bytes("name = 'x'\n".encode("utf-16")),
    "nul": lambda path: path.write_bytes(b'name = "a\0b"\n'),
    "no toml": lambda path: path.write_text("name: x\n", encoding="utf-8"),
    "unknown key": lambda path: path.write_text('no_such_key = "x"\n', encoding="utf-8"),
    "key twice": lambda path: path.write_text('name = "x"\nname = "y"\n', encoding="utf-8"),
    "loop of links": lambda path: path.symlink_to(path.name),
    "deep": lambda path: path.write_text(f"x = {'[' * 5000}{']' * 5000}\n", encoding="utf-8"),
    "long number": lambda path: path.write_text(f"x = {'9' * 5000}\n", encoding="utf-8"),
}
"""What may stand in the place of a TOML file, and no command can use."""


@pytest.fixture
def files(own_home: Path) -> Path:
    """Two trees of zones and a change in the working folder, and nothing called ``given.toml``."""
    write_trees(own_home)
    (own_home / "plain").write_text("", encoding="utf-8")
    return own_home


@pytest.fixture
def short_home() -> Iterator[Path]:
    """A state folder with a short path, as a socket needs it."""
    with tempfile.TemporaryDirectory(prefix="ssosim-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("spoiled", SPOILED)
def test_a_file_that_cannot_be_used_is_named(spoiled, files, play_command, monkeypatch, short_home):
    """Each command that reads a file: exit code 2, the file in the message, no output, and no lab was started."""
    given = files / ("plain/given.toml" if spoiled == "below a file" else "given.toml")
    SPOILED[spoiled](given)
    # A run reads its scenario and the clients first, which takes long; so it has one of the cases only.
    for command in [*READ, *(["run feb-2025 --client office --estate FILE"] if spoiled == "missing" else [])]:
        if command.startswith("run "):  # it checks the length of the path of its socket first
            monkeypatch.setenv("SSOSIM_HOME", str(short_home))
        words = [word.replace("FILE", str(given.relative_to(files))) for word in command.split()]
        ended = play_command(*words)
        assert (ended.code, ended.out) == (2, ""), (command, ended)
        assert "given.toml" in ended.err, (command, ended.err)
        assert len(ended.err.splitlines()) <= 8, ended.err
        assert not [*files.glob("state/labs/*/control.sock")]


@pytest.mark.parametrize("command", [each for each in READ if "inventory" not in each])
def test_an_empty_file_is_not_a_default(command, files, play_command):
    """An empty estate, scenario, change, policy or list of approvals is a mistake; no shipped one takes its place."""
    (files / "given.toml").write_text("", encoding="utf-8")
    ended = play_command(*command.replace("FILE", "given.toml").split())
    assert (ended.code, ended.out) == (2, "")
    assert "given.toml" in ended.err


WRITE = [
    "run feb-2025 --client office --junit FILE",
    "dns check --from tree --to after --junit FILE",
    "dns check --from tree --to after --markdown FILE",
    "dns lint --zones tree --junit FILE",
    "matrix --client curl --json FILE",
    "matrix --client curl --write FILE",
    "estate init FILE",
    "dns export FILE --zones tree",
]
"""Commands that write a file or, the last one, a folder."""


@pytest.mark.parametrize("command", WRITE)
@pytest.mark.parametrize("place", ["nowhere/given", "plain/given", "busy"])
@pytest.mark.usefixtures("files")
def test_a_place_that_cannot_be_written_is_named(command, place, own_home, play_command):
    """A missing folder, a file in the place of one, a folder that holds something: exit code 2, nothing is lost."""
    (own_home / "busy").mkdir()
    (own_home / "busy" / "kept").write_text("kept", encoding="utf-8")
    ended = play_command(*command.replace("FILE", place).split())
    if command.startswith("dns export") and place == "nowhere/given":
        assert ended.code == 0  # the folder is made, with those above it
        assert [*(own_home / place).iterdir()]
        return
    assert ended.code == 2, ended
    assert place.partition("/")[0] in ended.err
    assert (own_home / "busy" / "kept").read_text(encoding="utf-8") == "kept"
    assert (own_home / "plain").read_text(encoding="utf-8") == ""


@pytest.mark.usefixtures("files")
def test_two_reports_are_two_files(own_home, play_command):
    """``--junit`` and ``--report`` of one name, also by another way to it: one would be lost, so nothing is played."""
    for report in ("tree/../out", str(own_home / "out")):
        ended = play_command("run", "feb-2025", "--client", "office", "--junit", "out", "--report", report)
        assert (ended.code, ended.out) == (2, "")
        assert "--junit names the same file" in ended.err
    assert not (own_home / "out").exists()


def test_a_new_estate_takes_no_other_files_place(own_home, play_command):
    """``estate init`` follows no link to write, and keeps what is there: exit code 2."""
    target = own_home / "target.toml"
    (own_home / "link.toml").symlink_to(target)
    (own_home / "there.toml").write_text("mine", encoding="utf-8")
    for name in ("link.toml", "there.toml"):
        ended = play_command("estate", "init", name)
        assert (ended.code, ended.out) == (2, "")
        assert f"{name}: exists already" in ended.err
    assert not target.exists()
    assert (own_home / "there.toml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("source", ["contoso", "contoso-azure"])
@pytest.mark.usefixtures("own_home")
def test_a_new_estate_is_the_shipped_one(source, play_command):
    """What ``estate init`` writes can be used as it is, and ``check`` counts the same in text and JSON."""
    assert play_command("estate", "init", "mine.toml", "--from", source).code == 0
    ended, text = play_command("estate", "check", "mine.toml", "--json"), play_command("estate", "check", "mine.toml")
    document = ended.document
    assert (ended.code, text.code, document["usable"], document["mistakes"]) == (0, 0, True, [])
    for name in ("domains", "users", "devices", "hosts", "services", "zones"):
        assert f"{document[name]} {name}" in text.out
    assert document["users"] > 0
    assert document["zones"] > 0


@pytest.mark.parametrize(
    ("text", "mistakes"), [('name = "x"\n', 1), ("", 1), ('name = "x"\nno_such_key = 1\n', 1)], ids=repr
)
def test_the_document_of_a_check_says_what_the_exit_code_says(text, mistakes, own_home, play_command):
    """Exit code 2 goes with ``usable`` false and each mistake of the text in the document; counts are left out."""
    (own_home / "mine.toml").write_text(text, encoding="utf-8")
    ended, shown = play_command("estate", "check", "mine.toml", "--json"), play_command("estate", "check", "mine.toml")
    assert (ended.code, shown.code, ended.err, shown.out) == (2, 2, "", "")
    assert ended.document["usable"] is False
    assert len(ended.document["mistakes"]) >= mistakes
    assert all(each in shown.err for each in ended.document["mistakes"])
    assert "users" not in ended.document
