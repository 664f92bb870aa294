"""``ssosim estate``: a user's own estate is begun, checked and described."""

import json
import tomllib
from pathlib import Path

import msgspec
import pytest

from ssosim.estate import Estate, default_estate
from ssosim.estate.reference import list_entries

ROOT = Path(__file__).parents[2]


def test_a_new_estate_can_be_used_and_is_never_overwritten(bench, tmp_path):
    """``init`` writes a file that ``check`` accepts; an existing file is refused and kept."""
    file = tmp_path / "mine.toml"
    done = bench.run("estate", "init", str(file))
    assert done.returncode == 0, done.stderr
    done = bench.run("estate", "check", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "can be used: 3 domains, 6 users" in done.stdout
    assert json.loads(bench.run("estate", "check", str(file), "--json").stdout)["usable"] is True
    file.write_text("mine", encoding="utf-8")
    done = bench.run("estate", "init", str(file))
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('kind = "federated"', 'kind = "federatd"', "federatd"),
        ("desktop_sso = false", "desktop_sos = false", "desktop_sos"),
        ('services = ["kdc"]', 'services = ["kcd"]', "kcd"),
        ('user = "frank@fabrikam.com"', 'user = "nobody@fabrikam.com"', "nobody@fabrikam.com"),
        ("[cloud]", "[cloud", ""),
        # what only the name servers of a lab refuse
        ('values = ["192.0.2.10"]', 'values = ["nonsense"]', ": zones[2].records[0]: 'nonsense' is not a value"),
        ('name = "login"\ntype', 'name = "login"\nttl = -1\ntype', "TTL -1 is out of range"),
    ],
)
def test_a_mistake_is_told_with_its_line(bench, tmp_path, old, new, text):
    """A wrong value, key, service or reference ends with exit code 2, the file, the line, and no traceback."""
    file = tmp_path / "mine.toml"
    bench.run("estate", "init", str(file))
    source = file.read_text(encoding="utf-8")
    assert old in source
    file.write_text(source.replace(old, new, 1), encoding="utf-8")
    done = bench.run("estate", "check", str(file))
    assert done.returncode == 2
    assert f"{file}" in done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    answer = bench.run("estate", "check", str(file), "--json")
    assert answer.returncode == 2
    assert json.loads(answer.stdout)["mistakes"]


def test_a_file_that_cannot_be_read_is_told(bench, tmp_path):
    """A missing file and a folder are mistakes of the user."""
    for path in (tmp_path / "none.toml", tmp_path):
        done = bench.run("estate", "check", str(path))
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_the_reference_has_every_key(bench):
    """Each key that the schema accepts is in the reference, with type, default and example."""
    entries = list_entries()
    schema = json.loads(bench.run("estate", "schema").stdout)
    assert schema == json.loads((ROOT / "docs" / "estate.schema.json").read_text(encoding="utf-8"))
    keys = {name for part in schema["$defs"].values() for name in part["properties"]}
    assert keys == {key.name for entry in entries for key in entry.keys}
    assert all(key.type and key.default and key.example for entry in entries for key in entry.keys)
    page = (ROOT / "docs" / "estate.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in keys)
    used = tomllib.loads((ROOT / "ssosim" / "estate" / "contoso.toml").read_text(encoding="utf-8"))
    assert set(used) <= {key.name for key in entries[0].keys}
    assert msgspec.convert(used, Estate) == default_estate()


def test_the_commands_that_up_suggests_fit_the_estate(bench, tmp_path):
    """With an own estate, each suggested command works in it, and none names Contoso."""
    file = tmp_path / "mine.toml"
    source = (ROOT / "ssosim" / "estate" / "contoso.toml").read_text(encoding="utf-8")
    changed = source.replace("contoso.com", "tailspin.example").replace("CONTOSO.COM", "TAILSPIN.EXAMPLE")
    file.write_text(changed, encoding="utf-8")
    done = bench.run("up", "--detach", "--estate", str(file))
    assert done.returncode == 0, done.stderr
    suggested = done.stdout[done.stdout.index("Try:") :].splitlines()[1:]
    assert "contoso" not in " ".join(suggested).lower()
    program = suggested[0].split(" -- ")[1].split()
    got = bench.run("exec", "--", program[0], "--silent", "--fail", *program[1:])
    assert got.returncode == 0, got.stderr
    for line in suggested[2:]:
        assert bench.run(*line.split()[1:]).returncode == 0, line
